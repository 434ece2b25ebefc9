import { until } from '../support/wait.js';
import { type Bench, openBench } from './creates.js';
import { loopDelay, row } from './measure.js';
import { type Figures, interleave } from './rounds.js';
import { promptText } from './texts.js';

/** Prompts stored a second: one by one, by sixteen callers, by imports of 100 and of 1 000; raw rows beside them. */
export async function benchImport(isQuick: boolean): Promise<string[]> {
  await using bench = await openBench('lexical');
  if (bench === null) return [];
  const { ada, db } = bench;
  const items = (index: number, count: number) =>
    Array.from({ length: count }, (_, at) => ({ text: promptText(index * 1_000 + at) }));
  const bareMany = (index: number) =>
    db.read('INSERT INTO bare_insert (text) SELECT unnest($1::text[])', [items(index, 1_000).map(({ text }) => text)]);
  const create = (index: number) => ada.client.prompts.create.mutate({ text: promptText(index), generate: false });
  const rounds = isQuick ? 1 : 5;
  const few = (perRound: number): number => (isQuick ? Math.ceil(perRound / 4) : perRound);
  const single = { run: create, size: 1 };
  const runs = [
    { ...single, name: 'prompts.create, one caller', perRound: few(60), callers: 1 },
    { ...single, name: 'prompts.create, 16 callers', perRound: few(320), callers: 16 },
    {
      name: 'prompts.import of 100',
      run: (index: number) => ada.client.prompts.import.mutate({ items: items(index, 100) }),
      size: 100,
      perRound: few(8),
      callers: 1,
    },
    {
      name: 'prompts.import of 1 000',
      run: (index: number) => ada.client.prompts.import.mutate({ items: items(index, 1_000) }),
      size: 1_000,
      perRound: few(3),
      callers: 1,
    },
    { name: 'bare insert of 1 000', run: bareMany, size: 1_000, perRound: few(3), callers: 1 },
  ];
  const samples = runs.map(() => [] as Figures[]);
  for (let round = 0; round < rounds; round += 1)
    for (const [at, { name, run, perRound, callers }] of runs.entries()) {
      // One round each in turn: a call of one contender is no call of another.
      const from = (round * runs.length + at) * 10_000;
      const [figures] = await interleave([{ name, run: (index) => run(from + index) }], {
        rounds: 1,
        perRound,
        callers,
      });
      if (figures !== undefined) samples[at]?.push(figures);
      await untilIndexed(bench);
    }
  const lines = [row('what', 'p50 ms a call', 'prompts a second', 'x one caller'), row('---', '---', '---', '---')];
  const middle = (of: readonly number[]): number => of.toSorted((a, b) => a - b)[of.length >> 1] ?? Number.NaN;
  const rate = (at: number): number => (runs[at]?.size ?? 0) * middle((samples[at] ?? []).map((one) => one.perSecond));
  for (const [at, { name }] of runs.entries())
    lines.push(row(name, middle((samples[at] ?? []).map((one) => one.p50Ms)), rate(at), rate(at) / rate(0)));
  return lines;
}

const untilIndexed = ({ service }: Bench): Promise<true> =>
  until(
    'every vector',
    async () => {
      const [lacking] = await service.app.db.read<{ count: number }>(
        `SELECT count(*)::int AS count FROM prompt p WHERE NOT EXISTS (SELECT 1 FROM embedding e WHERE e.prompt_id = p.id)`,
        [],
      );
      return lacking?.count === 0 || undefined;
    },
    300_000,
  );

/** Twenty batches of a thousand, one after another, until stored and until each can be found; the longest stall beside it. */
export async function benchIngest(kind: 'lexical' | 'neural', prompts: number): Promise<string[]> {
  await using bench = await openBench(kind);
  if (bench === null) return ['(no model here)'];
  const { ada, embedder, text } = bench;
  const startedMs = performance.now();
  let storedMs = 0;
  const delay = await loopDelay(async () => {
    for (let at = 0; at < prompts; at += 1_000) {
      const items = Array.from({ length: Math.min(1_000, prompts - at) }, (_, index) => ({ text: text(at + index) }));
      await ada.client.prompts.import.mutate({ items });
    }
    storedMs = performance.now() - startedMs;
    await untilIndexed(bench);
  });
  const searchableMs = performance.now() - startedMs;
  const embedStartedMs = performance.now();
  for (let at = 0; at < prompts; at += 1_000)
    await embedder.embed(
      Array.from({ length: 1_000 }, (_, index) => text(at + index)),
      { lane: 'background', scope: 'alone' },
    );
  const embedMs = performance.now() - embedStartedMs;
  return [
    row(
      'prompts',
      'stored s',
      'a second',
      'searchable s',
      'a second',
      'embedding alone s',
      'loop delay p99 ms',
      'longest ms',
    ),
    row('---', '---', '---', '---', '---', '---', '---', '---'),
    row(
      String(prompts),
      storedMs / 1_000,
      (prompts * 1_000) / storedMs,
      searchableMs / 1_000,
      (prompts * 1_000) / searchableMs,
      embedMs / 1_000,
      delay.p99Ms,
      delay.maxMs,
    ),
  ];
}
