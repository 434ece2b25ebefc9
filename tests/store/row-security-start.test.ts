import pg from 'pg';
import { describe, expect, test } from 'vitest';
import type { Config } from '../../src/config.js';
import { openDatabase } from '../../src/platform/db/client.js';
import type { Database } from '../../src/platform/db/database.js';
import { examine } from '../../src/platform/db/doctor/doctor.js';
import { projectRole } from '../../src/platform/db/row-security.js';
import {
  createTestDatabase,
  createTestFolder,
  engineUnderTest,
  freshName,
  serverConfig,
  type TestDatabase,
  testDeps,
} from '../support/database.js';
import { noOwnPostgres, startOwnPostgres } from '../support/fault/own-postgres.js';

type Run = (sql: string) => Promise<Record<string, unknown>[]>;

/** Runs `work` with a connection of the superuser to the database of `config`. */
async function asSuperuser<T>(config: Config['db'], work: (run: Run) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: config.url });
  await client.connect();
  try {
    return await work(async (sql) => (await client.query<Record<string, unknown>>(sql)).rows);
  } finally {
    await client.end();
  }
}

/** A plain role to sign in as, which owns the database with all that is in it, unless told not to; gone with its scope. */
async function createLogin({ db, config }: TestDatabase, isOwner = true) {
  const name = freshName();
  const own = `DO $$ DECLARE r record; BEGIN
    FOR r IN SELECT c.oid::regclass AS name, c.relkind AS kind FROM pg_class c
      WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v')
    LOOP EXECUTE format('ALTER %s %s OWNER TO ${name}', CASE r.kind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, r.name); END LOOP;
  END $$`;
  await db.close();
  await asSuperuser(config, async (run) => {
    await run(`CREATE ROLE ${name} LOGIN NOSUPERUSER NOCREATEROLE`);
    await run(`GRANT ALL ON SCHEMA public TO ${name}`);
    if (isOwner) await run(own);
    else await run(`GRANT ALL ON ALL TABLES IN SCHEMA public TO ${name}`);
  });
  const url = new URL(config.url ?? '');
  url.username = name;
  return {
    name,
    config: { ...config, url: url.href, directUrl: url.href },
    [Symbol.asyncDispose]: () =>
      asSuperuser(config, async (run) => {
        await run(`REASSIGN OWNED BY ${name} TO CURRENT_USER`);
        await run(`DROP OWNED BY ${name}`);
        await run(`DROP ROLE ${name}`);
      }),
  };
}

const withLog = async (config: Config['db'], warnings: string[]): Promise<Database> =>
  openDatabase({
    ...testDeps,
    config,
    log: { ...testDeps.log, warn: (facts, message) => warnings.push(`${message}: ${JSON.stringify(facts)}`) },
  });

const look = ({ config }: Pick<TestDatabase, 'config'>) =>
  examine({
    config,
    clock: testDeps.clock,
    ids: testDeps.ids,
    threadUrl: testDeps.threadUrl,
    limits: { retentionMs: 3_600_000 },
  });

describe('at the start', () => {
  test('a database where all stands is changed by nothing, so that no backup is due', async () => {
    await using database = await createTestDatabase();
    await database.db.close();
    const warnings: string[] = [];
    for (const _ of [1, 2]) {
      const db = await withLog(database.config, warnings);
      const xid = (): Promise<object[]> => db.read('SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS xid', []);
      const before = await xid();
      await db.within('').read('SELECT 1', []);
      // Other databases of a server count the same ids.
      if (db.engine === 'embedded') expect(await xid()).toEqual(before);
      expect(db.rowSecurity.missing).toBeNull();
      await db.close();
    }
    expect(warnings).toEqual([]);
  });

  test('grants that a restore left out are made again, and the doctor misses them until then', async () => {
    await using database = await createTestDatabase();
    await database.db.read(`REVOKE ALL ON prompt FROM ${projectRole}`, []);
    await expect(database.db.within('').read('SELECT 1 FROM prompt', [])).rejects.toThrow('permission denied');
    await database.db.close();
    const found = (await look(database)).findings.map(({ check, rows }) => ({ check, rows }));
    expect(found).toContainEqual({
      check: 'row-security-role',
      rows: expect.arrayContaining([expect.stringContaining('GRANT SELECT ON prompt')]),
    });
    const db = await withLog(database.config, []);
    expect(await db.within('').read('SELECT 1 FROM prompt', [])).toEqual([]);
    await db.close();
    expect((await look(database)).findings).toEqual([]);
  });

  test('a table of projects without a policy is a problem that the doctor names', async () => {
    await using database = await createTestDatabase();
    await database.db.read('ALTER TABLE response DISABLE ROW LEVEL SECURITY', []);
    await database.db.read('CREATE TABLE note (project_id uuid)', []);
    await database.db.close();
    const { findings } = await look(database);
    expect(findings).toMatchObject([
      { check: 'tables-without-row-security', severity: 'problem', rows: ['note', 'response'] },
    ]);
  });

  test('switched off, work runs as the login, and says so', async () => {
    await using database = await createTestDatabase();
    await database.db.close();
    const warnings: string[] = [];
    const db = await withLog({ ...database.config, rowSecurity: 'off' }, warnings);
    expect(db.rowSecurity).toMatchObject({ role: 'none', missing: expect.stringContaining('switched off') });
    expect(await db.within('').read(`SELECT current_user <> '${projectRole}' AS is`, [])).toEqual([{ is: true }]);
    expect(warnings).toEqual([]);
    await db.close();
  });
});

describe.runIf(engineUnderTest === 'server')('a plain login on a server', () => {
  test('that may not become the role serves without the wall and says how to raise it; required, it does not start', async () => {
    await using database = await createTestDatabase();
    await using login = await createLogin(database);
    const warnings: string[] = [];
    const without = await withLog(login.config, warnings);
    expect(without.rowSecurity).toMatchObject({ role: 'none' });
    expect(warnings).toEqual([expect.stringContaining(`GRANT ${projectRole} TO`)]);
    expect(await without.within('').read('SELECT current_user::text AS name', [])).toEqual([{ name: login.name }]);
    await without.close();
    await expect(withLog({ ...login.config, rowSecurity: 'required' }, [])).rejects.toThrow(/ROW_SECURITY=required/);
    await asSuperuser(database.config, (run) => run(`GRANT ${projectRole} TO ${login.name}`));
    const behind = await withLog({ ...login.config, rowSecurity: 'required' }, warnings);
    expect(behind.rowSecurity).toEqual({ role: projectRole, missing: null });
    expect(await behind.within('').read('SELECT current_user::text AS name', [])).toEqual([{ name: projectRole }]);
    expect(warnings).toHaveLength(1);
    await behind.close();
  });

  test('that does not own the tables is refused, because it would see no row at all', async () => {
    await using database = await createTestDatabase();
    await using login = await createLogin(database, false);
    const config = { ...login.config, directUrl: database.config.directUrl };
    await expect(withLog(config, [])).rejects.toThrow(/does not own the tables/);
  });
});

describe.skipIf(noOwnPostgres !== null)('a cluster that has no such role', () => {
  test('gets it from the first start, also of two at once on two databases, and from a login that may only make roles', async () => {
    await using server = await startOwnPostgres();
    await using folder = await createTestFolder();
    const names = ['one', 'two', 'three'] as const;
    const configOf = (name: string, user = 'postgres'): Config['db'] => {
      const url = new URL(server.url);
      url.pathname = `/${name}`;
      url.username = user;
      return { ...serverConfig(url.href, folder.path), rowSecurity: 'required' };
    };
    await server.asAdmin(async (client) => {
      await client.query('CREATE ROLE maker LOGIN CREATEROLE NOSUPERUSER');
      await client.query('CREATE DATABASE three OWNER maker');
      for (const name of ['one', 'two']) await client.query(`CREATE DATABASE ${name}`);
    });
    await asSuperuser(configOf('three'), (run) => run('CREATE EXTENSION vector'));
    const open = async (config: Config['db']): Promise<void> => {
      const db = await openDatabase({ ...testDeps, config });
      expect(db.rowSecurity).toEqual({ role: projectRole, missing: null });
      expect(
        await db.within('').read('SELECT current_user::text AS name FROM (SELECT count(*) FROM prompt) AS p', []),
      ).toEqual([{ name: projectRole }]);
      await db.close();
    };
    await open(configOf('three', 'maker'));
    // Without the role again, as on a new cluster, and two programs at the same instant.
    await server.asAdmin((client) => client.query('DROP DATABASE three'));
    await server.asAdmin((client) => client.query(`DROP ROLE ${projectRole}`));
    await Promise.all(names.slice(0, 2).map((name) => open(configOf(name))));
  }, 120_000);
});
