import { setFlagsFromString } from 'node:v8';
import { describe, expect, test } from 'vitest';
import { createTestFolder } from '../support/database.js';
import { type Action, type Script, scripted } from '../support/embedding.js';
import { asked, inTurns, storedRows, whole } from '../support/fault/asked.js';
import { isLong, record, rounds, seededRun } from '../support/fault/form.js';
import { Ledger } from '../support/fault/ledger.js';
import { startService, type TestService } from '../support/service.js';
import { until } from '../support/wait.js';

const run = seededRun('F15-F16');
/** Two seconds of silence instead of 15, so that a hundred frozen threads take minutes. */
const patience = { silentLooks: 2, loadingLooks: 30 };
const interactive = { lane: 'interactive', scope: 'nobody' } as const;

const vectorsOf = (service: TestService) =>
  service.app.db.read<{ text: string; vectors: number; status: string }>(
    `SELECT p.text, count(e.prompt_id)::int AS vectors, p.status::text AS status
     FROM prompt p LEFT JOIN embedding e ON e.prompt_id = p.id GROUP BY p.id`,
    [],
  );

/** Every vector there, or the texts that have none yet. */
const allIndexed = async (service: TestService): Promise<true | undefined> =>
  (await vectorsOf(service)).every(({ vectors }) => vectors > 0) ? true : undefined;

/**
 * Answers each time that a thread asks about a text with the next of `actions`, then with `go`, until `over`: a text that
 * was embedded is asked about again when a later one of its batch kills the thread.
 */
async function play(script: Script, name: string, { actions, over }: Play): Promise<void> {
  for (let time = 1; ; time += 1) {
    const isOver = await Promise.race([script.reached(name, time).then(() => false), over.then(() => true)]);
    if (isOver) return;
    script.answer(name, actions[time - 1] ?? 'go');
  }
}

interface Play {
  actions: readonly Action[];
  over: Promise<void>;
}

describe('a thread that embeds', () => {
  test(
    'F15 killed, frozen or out of memory under a prompt: each prompt is embedded exactly once, none is stuck for a minute',
    async () => {
      await using folder = await createTestFolder();
      const ledger = new Ledger(`${folder.path}/ledger`);
      await using script = scripted({ patience, threads: 2 });
      await using service = await startService({ embedder: script.embedder });
      const ada = await service.signUp();
      // Threads started from now on have a heap of 64 MB, as `--max-old-space-size=64` gives.
      setFlagsFromString('--max-old-space-size=64');
      const once: Action[][] = [['die'], ['freeze'], ['fill'], ['throw'], []];
      // A third failure, were it a neighbour's, would end them: they have no neighbours.
      const twice: Action[][] = [
        ['die', 'die'],
        ['freeze', 'throw'],
      ];
      const told = { die: 0, freeze: 0, fill: 0, throw: 0 };
      let end = (): void => undefined;
      const over = new Promise<void>((resolve) => {
        end = resolve;
      });
      const plays: Promise<void>[] = [];
      const under = (faults: Action[][]) => async (index: number) => {
        const actions = faults[index < faults.length ? index : run.between(0, faults.length - 1)] ?? [];
        for (const action of actions) told[action as keyof typeof told] += 1;
        const name = `${faults === once ? 'once' : 'twice'} ${index}`;
        plays.push(play(script, name, { actions, over }));
        const outcome = await asked(ledger, ada.client, { text: `ask:${name}` });
        await asked(ledger, ada.client, { text: `neighbour of ${name}` });
        return outcome;
      };
      const outcomes = await inTurns(rounds(10, 90), 4, under(once));
      await until('the indexer to be done', () => allIndexed(service), 60_000);
      outcomes.push(...(await inTurns(rounds(2, 10), 1, under(twice))));
      await until('the indexer to be done', () => allIndexed(service), 60_000);
      end();
      await Promise.all(plays);
      const rows = await vectorsOf(service);
      expect(rows.filter(({ vectors, status }) => vectors !== 1 || status !== 'completed')).toEqual([]);
      const slowestMs = Math.max(...outcomes.map(({ durationMs }) => durationMs));
      expect(slowestMs).toBeLessThan(60_000);
      expect(ledger.verdict(await storedRows(service.app.db))).toMatchObject({ ...whole, stored: rows.length });
      // A thread for each that was killed, frozen or filled, and no more: what was made once is not made again.
      expect(script.observed.replaced).toBe(told.die + told.freeze + told.fill);
      const figures = { prompts: rows.length, ...told, 'slowest ms': Math.round(slowestMs), 'stuck or doubled': 0 };
      record('F15', run.seed, figures);
    },
    isLong ? 600_000 : 90_000,
  );

  test('F15 control: without patience that ends, a frozen thread leaves its prompt pending', async () => {
    await using script = scripted({ patience: { silentLooks: 10_000, loadingLooks: 10_000 } });
    await using service = await startService({ embedder: script.embedder });
    const ada = await service.signUp();
    const stuck = ada.client.prompts.create.mutate({ text: 'ask:frozen' });
    await script.reached('frozen');
    const isEnded = async () => ((await vectorsOf(service))[0]?.status === 'pending' ? undefined : true);
    await expect(until('its end', isEnded, (patience.silentLooks + 2) * 1_000)).rejects.toThrow('in vain');
    script.answer('frozen', 'go');
    expect((await stuck).status).toBe('completed');
  });

  test('F15 a thread that works at a long batch tells that it lives and is not given up', async () => {
    await using script = scripted({ patience });
    const names = Array.from({ length: 6 }, (_, index) => `long${index}`);
    const batch = script.embedder.embed(
      names.map((name) => `ask:${name}`),
      interactive,
    );
    for (const name of names) {
      await script.reached(name);
      const beganMs = performance.now();
      await until('a second of work', () => (performance.now() - beganMs > 1_100 ? true : undefined));
      script.answer(name, 'go');
    }
    expect(await batch).toHaveLength(6);
    expect(script.observed.replaced).toBe(0);
  });
});

describe('a text that kills its thread', () => {
  test(
    'F16 is given up after three, its prompt is answered and kept, and others wait at most five seconds',
    async () => {
      await using folder = await createTestFolder();
      const ledger = new Ledger(`${folder.path}/ledger`);
      await using script = scripted({ patience });
      await using service = await startService({ embedder: script.embedder });
      const ada = await service.signUp();
      const poisons = rounds(3, 30);
      const over = new AbortController();
      const others = (async () => {
        const timesMs: number[] = [];
        for (let index = 0; !over.signal.aborted; index += 1) {
          const text = `other ${index}`;
          timesMs.push((await asked(ledger, ada.client, { text, generate: false })).durationMs);
        }
        return timesMs;
      })();
      for (let index = 0; index < poisons; index += 1) {
        const text = `die of ${index}`;
        const { prompt } = await asked(ledger, ada.client, { text });
        expect(prompt).toMatchObject({ status: 'completed', embedding: null });
        const isToldOf = () =>
          service.logged.find(
            ({ message, facts }) =>
              message === 'a text cannot be embedded' && Reflect.get(facts, 'promptId') === prompt?.id,
          );
        await until('the indexer to give it up', isToldOf, 20_000);
        expect(script.observed.replaced).toBe(3 * (index + 1));
        const again = await asked(ledger, ada.client, { text, generate: false });
        expect(again.refusal).toMatchObject({ code: 'UNPROCESSABLE_CONTENT', details: { reason: 'embedding' } });
      }
      over.abort();
      const timesMs = await others;
      expect(script.observed.replaced).toBe(3 * poisons);
      expect(Math.max(...timesMs)).toBeLessThan(5_000);
      const missing = (await vectorsOf(service)).filter(({ vectors }) => vectors !== 1);
      expect(missing).toHaveLength(poisons);
      expect(ledger.verdict(await storedRows(service.app.db))).toMatchObject(whole);
      const slowest = Math.round(Math.max(...timesMs));
      record('F16', run.seed, { poisons, 'threads killed each': 3, others: timesMs.length, 'slowest ms': slowest });
    },
    isLong ? 300_000 : 60_000,
  );

  test('F16 control: embedders that remember nothing are killed by the same text for ever', async () => {
    let killed = 0;
    for (let start = 0; start < 2; start += 1) {
      await using script = scripted();
      await expect(script.embedder.embed(['die'], interactive)).rejects.toMatchObject({ kind: 'unprocessable' });
      killed += script.observed.replaced;
    }
    expect(killed).toBeGreaterThan(3);
  });
});
