import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { createTestFolder } from '../support/database.js';
import { type Follower, follow } from '../support/feed.js';
import { isLong, record, type SeededRun, seededRun, strikes } from '../support/fault/form.js';
import { Ledger, type StoredRow } from '../support/fault/ledger.js';
import {
  countCodes,
  type LoadCall,
  loadFigures,
  longestMs,
  startLoad,
  timedCall,
  watchProbes,
} from '../support/fault/load.js';
import { noOwnPostgres, type OwnPostgres, startOwnPostgres } from '../support/fault/own-postgres.js';
import { startProcess, type TestProcess } from '../support/process.js';
import { clientFor, goodPassword } from '../support/service.js';
import { until } from '../support/wait.js';

vi.setConfig({ testTimeout: isLong ? 1_800_000 : 180_000 });
if (noOwnPostgres !== null) process.stdout.write(`F04, F05: skipped, ${noOwnPostgres}\n`);

/** Source: threats.md F04, F05. */
const recoveryMs = 5_000;
const mostCallMs = 3_000;
const writers = 8;
const readers = 2;
const pauseMs = 100;

interface Scene extends AsyncDisposable {
  env: Record<string, string>;
  own: OwnPostgres;
  service: TestProcess;
  token: string;
  ledger: Ledger;
  follower: Follower;
  stored(): Promise<(StoredRow & { status: string })[]>;
}

/** A server of one's own, the program on it, somebody signed in, somebody listening. */
async function stage(): Promise<Scene> {
  const folder = await createTestFolder();
  const own = await startOwnPostgres();
  const env = {
    DATABASE_URL: own.url,
    JWT_SECRET: 'tests-only-0123456789abcdef0123456789abcdef',
    PORT: '0',
    METRICS_PORT: '0',
    EMBEDDER: 'lexical',
    PROMPTWELL_OFFLINE: '1',
    DATA_DIR: `${folder.path}/data`,
    PROMPTS_PER_SECOND: '100000',
    PROMPTS_PER_MINUTE: '1000000',
    MIGRATE_WITHOUT_BACKUP: 'true',
  };
  const service = await startProcess(env);
  const { tokens } = await clientFor(service.url).auth.signup.mutate({ username: 'ada', password: goodPassword });
  const follower = await follow(clientFor(service.url, { token: tokens.accessToken }));
  return {
    own,
    env,
    service,
    token: tokens.accessToken,
    ledger: new Ledger(`${folder.path}/ledger`),
    follower,
    stored: () =>
      own.asAdmin(async (client) => {
        const sql = `SELECT idempotency_key AS key, id::text AS id, status::text AS status FROM prompt WHERE idempotency_key IS NOT NULL`;
        return (await client.query<StoredRow & { status: string }>(sql)).rows;
      }),
    async [Symbol.asyncDispose]() {
      follower.unsubscribe();
      service.kill('SIGKILL');
      await service.ended;
      await own[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

const load = (scene: Scene, name: string) =>
  startLoad({ url: scene.service.url, token: scene.token, ledger: scene.ledger, writers, readers, pauseMs, name });

/** How long after `sinceMs` a write and `/readyz` first went well. */
async function recovered(scene: Scene, sinceMs: number): Promise<number> {
  const { url } = scene.service;
  const input = { text: 'is it back', generate: false };
  let last = '';
  await until(
    'the service to be back',
    async () => {
      const { code } = await timedCall(url, 'prompts.create', { token: scene.token, input });
      const readyz = await fetch(`${url}/readyz`);
      last = `${code}, readyz ${readyz.status} ${await readyz.text()}`;
      return code === 'OK' && readyz.ok ? true : undefined;
    },
    30_000,
  ).catch((cause: unknown) => {
    throw new Error(`${last}\n${scene.service.output.stdout.split('\n').slice(-30).join('\n')}`, { cause });
  });
  return performance.now() - sinceMs;
}

/** Every way the server goes away; each answers when it is there again. */
const blows: Record<string, (own: OwnPostgres) => Promise<number>> = {
  'one backend killed': async (own) => {
    await own.killBackend('promptwell');
    return performance.now();
  },
  'stopped at once': async (own) => {
    await own.stopAtOnce();
    await own.start();
    return performance.now();
  },
  killed: async (own) => {
    await own.kill();
    await own.start();
    return performance.now();
  },
  restarted: async (own) => {
    await own.stop();
    await own.start();
    return performance.now();
  },
  'down for a while': async (own) => {
    await own.kill();
    await pause(isLong ? 30_000 : 1_500);
    await own.start();
    return performance.now();
  },
};

/** What must hold of the calls, however the database fails. */
function expectOnlyRefusals({ service }: Scene, calls: readonly LoadCall[]): void {
  // What the service says of its own bugs.
  for (const line of service.output.stdout.split('\n'))
    if (calls.some(({ code }) => code === 'INTERNAL_SERVER_ERROR') && line.includes('"level":50'))
      process.stdout.write(`${line}\n`);
  expect(Object.keys(countCodes(calls)).filter((code) => code !== 'OK' && code !== 'SERVICE_UNAVAILABLE')).toEqual([]);
}

/** Acknowledged in stored in sent, each once and ended; each stored prompt heard once, and given its vector. */
async function expectWhole(scene: Scene): Promise<ReturnType<Ledger['verdict']>> {
  const stored = await scene.stored();
  const verdict = scene.ledger.verdict(stored);
  expect(verdict).toMatchObject({ lost: [], doubled: [], unknown: [] });
  const unended = stored.filter(({ status }) => status !== 'completed');
  const told = scene.service.output.stdout.split('\n').filter((line) => unended.some(({ id }) => line.includes(id)));
  expect(unended, told.join('\n')).toEqual([]);
  const createdIds = (): string[] =>
    scene.follower.items.filter(({ kind }) => kind === 'prompt.created').flatMap(({ prompt }) => prompt?.id ?? []);
  await until('every prompt in the feed', () => {
    const heard = new Set(createdIds());
    return stored.every(({ id }) => heard.has(id)) ? true : undefined;
  });
  const heard = createdIds();
  expect(heard).toHaveLength(new Set(heard).size);
  expect(scene.follower.errors).toEqual([]);
  await until('every vector', async () => ((await vectorless(scene)) === 0 ? true : undefined), 30_000);
  return verdict;
}

const vectorless = (scene: Scene): Promise<number> =>
  scene.own.asAdmin(async (client) => {
    const sql =
      'SELECT count(*)::int AS n FROM prompt p WHERE NOT EXISTS (SELECT 1 FROM embedding e WHERE e.prompt_id = p.id)';
    return (await client.query<{ n: number }>(sql)).rows[0]?.n ?? -1;
  });

function saySeed(name: string): SeededRun {
  const run = seededRun(name);
  onTestFinished(({ task }) => {
    if (task.result?.state === 'fail') process.stdout.write(`${name} failed with FAULT_SEED=${run.seed}\n`);
  });
  return run;
}

describe.skipIf(noOwnPostgres !== null)('the database server goes away under load', () => {
  test('F04: killed, stopped at once, restarted or down, calls meet SERVICE_UNAVAILABLE alone, /healthz stays, all is back in 5 s, nothing is lost or doubled and the feed has each prompt once', async () => {
    const run = saySeed('F04');
    await using scene = await stage();
    const probes = watchProbes(scene.service.url);
    const running = load(scene, 'f04');
    const backMs: number[] = [];
    for (let round = 0; round < strikes(1, 10); round += 1) {
      for (const strike of Object.values(blows)) {
        await pause(run.between(200, 800));
        backMs.push(await recovered(scene, await strike(scene.own)));
      }
    }
    const calls = await running.stop();
    const samples = await probes.stop();
    const verdict = await expectWhole(scene);
    expectOnlyRefusals(scene, calls);
    expect(samples.filter(({ healthz }) => healthz !== 200)).toEqual([]);
    expect(samples.some(({ readyz }) => readyz === 503)).toBe(true);
    expect(Math.max(...backMs)).toBeLessThan(recoveryMs);
    const codes = countCodes(calls);
    // A run in which nobody noticed anything proves nothing.
    expect(codes['SERVICE_UNAVAILABLE']).toBeGreaterThan(0);
    record('F04', run.seed, {
      strikes: backMs.length,
      ...loadFigures(verdict, calls),
      'longest recovery ms': Math.round(Math.max(...backMs)),
    });
  });

  test('F04: what waits for its vector when the server dies is indexed afterwards', async () => {
    await using scene = await stage();
    const input = { text: 'the first of many', generate: false };
    await timedCall(scene.service.url, 'prompts.create', { token: scene.token, input });
    const count = 4_000;
    await scene.own.asAdmin((client) =>
      client.query(
        `INSERT INTO prompt (id, project_id, user_id, text, text_hash, status)
         SELECT gen_random_uuid(), p.project_id, p.user_id, t.text, encode(sha256(convert_to(t.text, 'UTF8')), 'hex'), 'completed'
         FROM prompt p, LATERAL (SELECT 'copy ' || n AS text FROM generate_series(1, $1::int) n) t`,
        [count],
      ),
    );
    // A service looks through all prompts when it starts.
    scene.service.kill('SIGTERM');
    await scene.service.ended;
    const second = await startProcess(scene.env);
    onTestFinished(() => second.kill('SIGKILL'));
    await until('the first vectors', async () => ((await vectorless(scene)) < count ? true : undefined));
    await scene.own.kill();
    await scene.own.start();
    const left = await vectorless(scene);
    expect(left).toBeGreaterThan(0);
    await until('the last vector', async () => ((await vectorless(scene)) === 0 ? true : undefined), 60_000);
    second.kill('SIGTERM');
    await second.ended;
  });

  test('F04 control: a server that acknowledges before its log is written loses prompts, and the verdict finds them', async () => {
    await using scene = await stage();
    await scene.own.asAdmin(async (client) => {
      // What the service needs to go on is safe: only prompts may be lost.
      await client.query('CHECKPOINT');
      await client.query('ALTER SYSTEM SET synchronous_commit = off');
      await client.query(`ALTER SYSTEM SET wal_writer_delay = '10s'`);
      await client.query('SELECT pg_reload_conf()');
    });
    const running = load(scene, 'control');
    await until('some acknowledgements', () => (running.calls.length > 60 ? true : undefined));
    await scene.own.kill();
    const [stopped] = await Promise.all([running.stop(), scene.own.start()]);
    expect(stopped.length).toBeGreaterThan(0);
    const verdict = scene.ledger.verdict(await scene.stored());
    expect(verdict.lost.length).toBeGreaterThan(0);
  });

  test('F05: frozen, every call ends within 3 s with SERVICE_UNAVAILABLE, /healthz stays and /readyz says 503 within 3 s; thawed, all is back in 5 s with nothing lost or doubled', async () => {
    const run = saySeed('F05');
    await using scene = await stage();
    const frozenMs = isLong ? 30_000 : 5_000;
    const backMs: number[] = [];
    const readyMs: number[] = [];
    const running = load(scene, 'f05');
    for (let round = 0; round < strikes(1, 6); round += 1) {
      await pause(run.between(500, 1_500));
      const probes = watchProbes(scene.service.url);
      await scene.own.freeze();
      const sinceMs = performance.now();
      await pause(frozenMs);
      await scene.own.thaw();
      backMs.push(await recovered(scene, performance.now()));
      const samples = await probes.stop();
      expect(samples.filter(({ healthz }) => healthz !== 200)).toEqual([]);
      const first = samples.find(({ readyz, atMs }) => readyz === 503 && atMs + 3_000 > sinceMs);
      readyMs.push(first === undefined ? Infinity : first.atMs + first.durationMs - sinceMs);
    }
    const calls = await running.stop();
    const verdict = await expectWhole(scene);
    expectOnlyRefusals(scene, calls);
    expect(longestMs(calls)).toBeLessThan(mostCallMs);
    expect(Math.max(...readyMs)).toBeLessThan(mostCallMs);
    expect(Math.max(...backMs)).toBeLessThan(recoveryMs);
    const codes = countCodes(calls);
    expect(codes['SERVICE_UNAVAILABLE']).toBeGreaterThan(0);
    record('F05', run.seed, {
      freezes: backMs.length,
      'frozen s': frozenMs / 1_000,
      ...loadFigures(verdict, calls),
      'not ready after ms': Math.round(Math.max(...readyMs)),
      'longest recovery ms': Math.round(Math.max(...backMs)),
    });
  });

  test('F05 control: a client of its own without a watch waits for the frozen server for as long as it is frozen', async () => {
    await using own = await startOwnPostgres();
    const client = new pg.Client({ connectionString: own.url });
    await client.connect();
    await own.freeze();
    const startedMs = performance.now();
    const answered = client.query('SELECT 1').then(() => performance.now() - startedMs);
    await pause(mostCallMs + 500);
    await own.thaw();
    expect(await answered).toBeGreaterThan(mostCallMs);
    await client.end();
  });
});
