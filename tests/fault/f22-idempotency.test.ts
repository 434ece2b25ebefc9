import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { describe, expect, test } from 'vitest';
import type { PromptwellClient } from '../../src/client.js';
import { createTestFolder, engineUnderTest } from '../support/database.js';
import { answers, type Behaviour, fakeUpstream } from '../support/fake-upstream.js';
import { type Asked, asked, inTurns, storedRows, textOf, whole } from '../support/fault/asked.js';
import { isLong, record, rounds, seededRun } from '../support/fault/form.js';
import { Ledger } from '../support/fault/ledger.js';
import { processHome, startProcess } from '../support/process.js';
import { clientFor, goodPassword, serveOn, startService } from '../support/service.js';
import { until } from '../support/wait.js';

const run = seededRun('F22');
const modelEnv = (baseUrl: string): Record<string, string> => ({
  PROMPTWELL_OFFLINE: '0',
  LLM_BASE_URL: baseUrl,
  LLM_API_KEY: 'sk',
  LLM_MODEL: 'gpt-4o-mini',
  LLM_DAILY_CAP_USD: '1000',
});

describe('one idempotency key', () => {
  test(
    'F22 fifty times at once: one row, one model call, one answer for all; with another body a conflict',
    async () => {
      await using upstream = await fakeUpstream();
      await using service = await startService({ env: modelEnv(upstream.baseUrl) });
      await using folder = await createTestFolder();
      const ledger = new Ledger(`${folder.path}/ledger`);
      const ada = await service.signUp();
      const keys = rounds(4, 40);
      for (let index = 0; index < keys; index += 1) {
        const idempotencyKey = randomUUID();
        const text = `race ${index}`;
        const race = await inTurns(50, 50, () => asked(ledger, ada.client, { text, idempotencyKey }));
        const [first] = race;
        expect(new Set(race.map(({ id }) => id)).size).toBe(1);
        expect(new Set(race.map(({ prompt }) => prompt?.response?.id)).size).toBe(1);
        expect(race.map(({ prompt }) => prompt?.status)).toEqual(race.map(() => 'completed'));
        const other = await asked(new Ledger(`${folder.path}/other`), ada.client, { text: 'other', idempotencyKey });
        expect(other.refusal).toMatchObject({ code: 'CONFLICT', details: { current: first?.id } });
      }
      expect(upstream.requests).toHaveLength(keys);
      expect(ledger.verdict(await storedRows(service.app.db))).toMatchObject({ ...whole, stored: keys });
      record('F22 fifty at once', run.seed, { keys, calls: 50 * keys, rows: keys, 'model calls': keys });
    },
    isLong ? 300_000 : 60_000,
  );

  test('F22 control: without one, each repetition is a row and a model call of its own', async () => {
    await using upstream = await fakeUpstream();
    await using service = await startService({ env: modelEnv(upstream.baseUrl) });
    const { client } = await service.signUp();
    await inTurns(10, 10, () => client.prompts.create.mutate({ text: 'again' }));
    expect(upstream.requests).toHaveLength(10);
    expect((await client.prompts.list.query({ limit: 50 })).items).toHaveLength(10);
  });
});

/** Keeps every answer from being stored, as a server that is slow at the worst moment does; and how to let go. */
async function holdCommits(url: string | undefined) {
  if (url === undefined) return { waiting: undefined, release: async () => undefined };
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  await admin.query('BEGIN');
  await admin.query('LOCK TABLE response IN SHARE MODE');
  const waits = `SELECT count(*)::int AS count FROM pg_locks
    WHERE NOT granted AND relation = 'response'::regclass
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
  return {
    waiting: async (): Promise<number> => (await admin.query<{ count: number }>(waits)).rows[0]?.count ?? 0,
    release: () => admin.end(),
  };
}

const keysPerKill = 4;

describe('kill -9 after the model has answered and before that is stored', () => {
  test(
    'F22 leaves one row, whose key tells what happened; asked again it is answered: at most two model calls, each recorded',
    async () => {
      await using upstream = await fakeUpstream();
      let answered = 0;
      const counting: Behaviour = (exchange) => {
        exchange.response.once('finish', () => (answered += 1));
        return answers('Hello.')(exchange);
      };
      upstream.always(counting);
      await using home = await processHome();
      await using folder = await createTestFolder();
      const ledger = new Ledger(`${folder.path}/ledger`);
      // Embedded, each folder has a key of its own, which the service that looks afterwards would not take.
      const secret = { JWT_SECRET: 'tests-only-0123456789abcdef0123456789abcdef' };
      const env: Record<string, string> = { ...home.env, ...secret, ...modelEnv(upstream.baseUrl) };
      const url = engineUnderTest === 'server' ? env['DATABASE_URL'] : undefined;
      const keys = new Map<string, string>();
      let credentials = '';
      for (let index = 0; index < rounds(5, 100) / (isLong ? keysPerKill : 1); index += 1) {
        const program = await startProcess(env);
        credentials ||= await signUp(program.url);
        const client = clientFor(program.url, { token: credentials });
        const hold = await holdCommits(url);
        const before = answered;
        for (let place = 0; place < keysPerKill; place += 1) {
          const key = randomUUID();
          keys.set(key, `killed ${index} ${place}`);
          ledger.sent(key);
          void client.prompts.create
            .mutate({ text: `killed ${index} ${place}`, idempotencyKey: key })
            .then(({ id }) => ledger.acknowledged(key, id))
            .catch(() => undefined);
        }
        await until('every answer', () => (answered - before === keysPerKill ? true : undefined));
        const { waiting } = hold;
        if (waiting === undefined) await aMoment();
        else await until('a commit to wait', async () => ((await waiting()) > 0 ? true : undefined));
        program.kill('SIGKILL');
        await program.ended;
        await hold.release();
      }
      const after = await recovered(env, credentials, keys);
      for (const { first, again, calls, responses } of after.told(
        upstream.requests.map((request) => textOf({ request })),
      )) {
        expect(calls).toBeLessThanOrEqual(2);
        expect(calls).toBe(responses);
        expect(again.status).toBe('completed');
        if (first.prompt === undefined)
          expect(first.refusal).toMatchObject({ code: 'PRECONDITION_FAILED', details: { state: 'interrupted' } });
      }
      const verdict = ledger.verdict(after.rows);
      expect(verdict).toMatchObject({ ...whole, stored: keys.size });
      // What a killed call may have cost stays set aside (decision 13), beside what the second one did.
      expect(after.spentUsd).toBeGreaterThanOrEqual(after.interrupted * 0.002);
      record('F22 killed before the commit', run.seed, {
        keys: keys.size,
        interrupted: after.interrupted,
        rows: verdict.stored,
        'model calls at most': Math.max(
          ...after.told(upstream.requests.map((request) => textOf({ request }))).map(({ calls }) => calls),
        ),
      });
    },
    isLong ? 900_000 : 180_000,
  );
});

async function signUp(url: string): Promise<string> {
  const { tokens } = await clientFor(url).auth.signup.mutate({ username: 'ada', password: goodPassword });
  return tokens.accessToken;
}

/** Some turns of the loop, as many as the seed says: the embedded engine has no second session that could hold it. */
async function aMoment(): Promise<void> {
  for (let turns = run.between(0, 30); turns > 0; turns -= 1) await new Promise((resolve) => setImmediate(resolve));
}

/** The next process: leases are over as if half a minute had passed, each key is asked again, each failure answered anew. */
async function recovered(env: Record<string, string>, token: string, keys: ReadonlyMap<string, string>) {
  await using service = await serveOn(env);
  await service.app.db.read(`UPDATE prompt SET lease_expires_at = now() WHERE status = 'pending'`, []);
  const client: PromptwellClient = clientFor(service.url, { token });
  const isOver = async () => {
    const rows = await service.app.db.read(`SELECT 1 FROM prompt WHERE status = 'pending'`, []);
    return rows.length === 0 ? true : undefined;
  };
  await until('the sweep', isOver, 15_000);
  const scratch = await createTestFolder();
  const second = new Ledger(`${scratch.path}/second`);
  const asking = [...keys].map(([idempotencyKey, text]) => asked(second, client, { text, idempotencyKey }));
  const firsts: Asked[] = await Promise.all(asking);
  await scratch[Symbol.asyncDispose]();
  const ends = await inTurns(firsts.length, 4, async (index) => {
    const { prompt, id = '' } = firsts[index] ?? {};
    return prompt ?? client.prompts.regenerate.mutate({ id });
  });
  const rows = await storedRows(service.app.db);
  const counts = await service.app.db.read<{ id: string; count: number }>(
    'SELECT prompt_id::text AS id, count(*)::int AS count FROM response GROUP BY 1',
    [],
  );
  const [spend] = await service.app.db.read<{ usd: number }>(
    `SELECT COALESCE(sum(usd), 0)::float8 AS usd FROM spend WHERE scope LIKE 'user:%'`,
    [],
  );
  const texts = [...keys.values()];
  return {
    rows,
    spentUsd: spend?.usd ?? 0,
    interrupted: firsts.filter(({ prompt }) => prompt === undefined).length,
    told: (askedFor: readonly string[]) =>
      firsts.map((first, index) => {
        const again = ends[index] ?? expect.fail('no second answer');
        const calls = askedFor.filter((one) => one === texts[index]).length;
        return { first, again, calls, responses: counts.find(({ id }) => id === first.id)?.count ?? 0 };
      }),
  };
}
