import { existsSync } from 'node:fs';
import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { createServerDatabase, createTestFolder, engineUnderTest } from '../support/database.js';
import { noOwnPostgres, startOwnPostgres } from '../support/fault/own-postgres.js';
import { isLong, record, rounds, seededRun } from '../support/fault/form.js';
import { spawnMain, startProcess, type TestProcess } from '../support/process.js';
import { clientFor, goodPassword } from '../support/service.js';
import { until } from '../support/wait.js';

const run = seededRun('F21');
const secret = { JWT_SECRET: 'tests-only-0123456789abcdef0123456789abcdef' };
const common = { PORT: '0', METRICS_PORT: '0', EMBEDDER: 'lexical', PROMPTWELL_OFFLINE: '1', ...secret };

/** How long a first start may take here: what is measured is the exit, and machines are busy. */
const patienceMs = 120_000;

/** How long the program takes to end after a signal, and how it ends. */
async function endAfter(program: TestProcess, signal: NodeJS.Signals) {
  const beganMs = performance.now();
  program.kill(signal);
  const code = await program.ended;
  return { code, exitMs: Math.round(performance.now() - beganMs) };
}

/** A place without a schema: the next start makes it, with every migration. */
async function bareHome(): Promise<{ env: Record<string, string> } & AsyncDisposable> {
  const folder = await createTestFolder();
  const database = engineUnderTest === 'server' ? await createServerDatabase() : undefined;
  return {
    env: {
      ...common,
      DATA_DIR: `${folder.path}/data`,
      ...(database === undefined ? {} : { DATABASE_URL: database.url }),
    },
    async [Symbol.asyncDispose]() {
      await database?.[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** Whether the program is at the schema: on a server its first table, embedded its folder. */
async function hasBegun({ DATA_DIR = '', DATABASE_URL: url }: Record<string, string>): Promise<true | undefined> {
  if (url === undefined) return existsSync(DATA_DIR) ? true : undefined;
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query("SELECT 1 FROM pg_tables WHERE tablename = '_prisma_migrations'");
  await client.end();
  return rows.length > 0 ? true : undefined;
}

const worksAt = async (url: string): Promise<string> => {
  const { client } = { client: clientFor(url) };
  const { tokens } = await client.auth.signup.mutate({
    username: `ada-${crypto.randomUUID()}`,
    password: goodPassword,
  });
  const prompt = await clientFor(url, { token: tokens.accessToken }).prompts.create.mutate({
    text: 'there',
    generate: false,
  });
  return prompt.status;
};

describe('SIGTERM while the schema is made', () => {
  test(
    'F21 at any moment of a first start: the exit takes less than 30 s, and the next start works',
    async () => {
      const exits: number[] = [];
      for (let index = 0; index < rounds(2, 20); index += 1) {
        await using home = await bareHome();
        const program = spawnMain(home.env);
        await until('the making to begin', () => hasBegun(home.env), patienceMs);
        const strikeMs = performance.now() + run.between(0, engineUnderTest === 'server' ? 400 : 4_000);
        await until('the moment to strike', () => (performance.now() > strikeMs ? true : undefined));
        exits.push((await endAfter(program, 'SIGTERM')).exitMs);
        const again = await startProcess(home.env, undefined, patienceMs);
        expect(await worksAt(again.url)).toBe('completed');
        await endAfter(again, 'SIGKILL');
      }
      expect(Math.max(...exits)).toBeLessThan(30_000);
      record('F21 during migration', run.seed, {
        signals: exits.length,
        'slowest exit ms': Math.max(...exits),
        broken: 0,
      });
    },
    isLong ? 1_800_000 : 3 * patienceMs,
  );

  test.skipIf(engineUnderTest === 'embedded')(
    'F21 behind the lock of another migration: the exit takes less than 30 s, and the next start works',
    async () => {
      await using home = await bareHome();
      const other = new pg.Client({ connectionString: home.env['DATABASE_URL'] });
      await other.connect();
      await other.query('SELECT pg_advisory_lock(72707369)');
      const program = spawnMain(home.env);
      const waits = `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
      await until('it to wait', async () => ((await other.query(waits)).rowCount === 0 ? undefined : true));
      const { exitMs } = await endAfter(program, 'SIGTERM');
      expect(exitMs).toBeLessThan(30_000);
      await other.end();
      const again = await startProcess(home.env, undefined, patienceMs);
      expect(await worksAt(again.url)).toBe('completed');
      await endAfter(again, 'SIGKILL');
      record('F21 behind a migration lock', run.seed, { 'exit ms': exitMs });
    },
    patienceMs,
  );
});

describe('SIGTERM without a database', () => {
  test(
    'F21 stopped or frozen under calls: the exit takes at most ten seconds',
    async ({ skip }) => {
      if (noOwnPostgres !== null) skip(noOwnPostgres);
      await using server = await startOwnPostgres();
      await using folder = await createTestFolder();
      const env = { ...common, DATA_DIR: folder.path, DATABASE_URL: server.url, PROMPTS_PER_SECOND: '1000' };
      const exits: Record<string, number> = {};
      for (const [name, away, back] of [
        ['frozen', 'freeze', 'thaw'],
        ['stopped', 'kill', 'start'],
      ] as const) {
        const program = await startProcess(env);
        expect(await worksAt(program.url)).toBe('completed');
        const { tokens } = await clientFor(program.url).auth.signup.mutate({
          username: `eve-${name}`,
          password: goodPassword,
        });
        const client = clientFor(program.url, { token: tokens.accessToken });
        await server[away]();
        const calls = Array.from({ length: 20 }, (_, index) =>
          client.prompts.create.mutate({ text: `away ${index}`, generate: false }).catch((error: unknown) => error),
        );
        const { exitMs } = await endAfter(program, 'SIGTERM');
        await Promise.all(calls);
        exits[`${name}: exit ms`] = exitMs;
        await server[back]();
      }
      for (const exitMs of Object.values(exits)) expect(exitMs).toBeLessThan(10_000);
      record('F21 without a database', run.seed, exits);
    },
    patienceMs,
  );
});

test(
  'F21 control: a program that cannot act does not end in that time',
  async () => {
    await using home = await bareHome();
    const program = spawnMain(home.env);
    await until('the making to begin', () => hasBegun(home.env), patienceMs);
    program.kill('SIGSTOP');
    program.kill('SIGTERM');
    let hasEnded = false;
    void program.ended.then(() => (hasEnded = true));
    await expect(until('its end', () => (hasEnded ? true : undefined), 10_500)).rejects.toThrow('in vain');
    program.kill('SIGKILL');
    expect(await program.ended).toBe('SIGKILL');
  },
  patienceMs,
);
