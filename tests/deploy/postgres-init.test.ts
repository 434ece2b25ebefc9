import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestFolder, engineUnderTest, freshName } from '../support/database.js';
import { hasProgram } from '../support/debian.js';
import { pgDump } from '../support/pg-tools.js';
import { runProgram } from '../support/program.js';
import { startService } from '../support/service.js';
import { root } from '../support/source.js';

const run = promisify(execFile);
const hasPsql = hasProgram('psql');
const server = new URL(process.env['TEST_DATABASE_URL'] ?? 'postgresql://postgres@127.0.0.1/postgres');
const name = freshName();
const names = {
  DATABASE_NAME: name,
  DATABASE_ROLE: `${name}_role`,
  MONITOR_ROLE: `${name}_monitor`,
  DATABASE_PASSWORD: `password-of-${name}`,
  MONITOR_PASSWORD: `monitor-of-${name}`,
};

/** A connection to a database of the server as somebody. */
async function as<T>(role: string, database: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const url = new URL(server);
  url.username = role;
  url.pathname = `/${database}`;
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** The database as the service's own role. */
function ownUrl(): string {
  const url = new URL(server);
  url.username = names.DATABASE_ROLE;
  url.password = names.DATABASE_PASSWORD;
  url.pathname = `/${name}`;
  return url.href;
}

async function mayEverybodyConnect(): Promise<boolean | undefined> {
  const { rows } = await as(server.username, name, (client) =>
    client.query<{ may: boolean }>("SELECT has_database_privilege('public', current_database(), 'CONNECT') AS may"),
  );
  return rows[0]?.may;
}

const initialise = () =>
  run('sh', [join(root, 'deploy/postgres/init.sh')], {
    env: {
      PATH: process.env['PATH'] ?? '',
      PGHOST: server.hostname,
      PGPORT: server.port,
      PGUSER: server.username,
      PGPASSWORD: server.password,
      ...names,
    },
  });

describe.skipIf(engineUnderTest === 'embedded' || !hasPsql)(
  'the script that prepares a PostgreSQL (skipped on the embedded engine, and without psql)',
  () => {
    beforeAll(initialise);
    afterAll(() =>
      as(server.username, 'postgres', async (client) => {
        await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
        await client.query(`ALTER DATABASE ${name}_template IS_TEMPLATE false`);
        await client.query(`DROP DATABASE ${name}_template`);
        for (const role of [names.DATABASE_ROLE, names.MONITOR_ROLE]) await client.query(`DROP ROLE IF EXISTS ${role}`);
      }),
    );

    test('says nothing, and may run again', async () => {
      expect(await initialise()).toEqual({ stdout: '', stderr: '' });
    });

    test('makes a role that owns its database and may nothing beyond it', async () => {
      const { rows } = await as(server.username, name, (client) =>
        client.query(
          `SELECT rolsuper OR rolcreaterole OR rolreplication OR rolbypassrls AS may_more,
                  pg_get_userbyid(datdba) AS owner,
                  (SELECT count(*)::int FROM pg_authid WHERE rolname LIKE $2 || '%' AND rolpassword LIKE 'SCRAM-SHA-256$%') AS hashed,
                  ARRAY(SELECT extname::text FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY 1) AS extensions
             FROM pg_roles, pg_database WHERE rolname = $1 AND datname = $2`,
          [names.DATABASE_ROLE, name],
        ),
      );
      expect(rows).toEqual([
        {
          may_more: false,
          owner: names.DATABASE_ROLE,
          hashed: 2,
          extensions: ['pg_stat_statements', 'pg_trgm', 'vector'],
        },
      ]);
    });

    test('is all that the service needs: it migrates and serves as that role, behind row-level security', async () => {
      await using service = await startService({ env: { DATABASE_URL: ownUrl(), ROW_SECURITY: 'required' } });
      const ada = await service.signUp();
      await ada.client.prompts.create.mutate({ text: 'kept by a plain role' });
      const { hits } = await ada.client.prompts.similar.query({ query: 'kept by a plain role' });
      expect(hits.map(({ prompt }) => prompt.text)).toEqual(['kept by a plain role']);
    });

    test('lets the monitor see statistics of every role and read no row', async () => {
      await as(names.MONITOR_ROLE, name, async (client) => {
        const { rows } = await client.query<{ query: string }>(
          'SELECT query FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())',
        );
        expect(rows.filter(({ query }) => query.includes('prompt')).length).toBeGreaterThan(0);
        expect(rows.filter(({ query }) => query === '<insufficient privilege>')).toEqual([]);
        await expect(client.query('SELECT * FROM prompt')).rejects.toThrow('permission denied for table prompt');
        await expect(client.query('CREATE TABLE mine (id int)')).rejects.toThrow('permission denied');
      });
    });

    test('leaves no password where statements are kept', async () => {
      const { rows } = await as(server.username, name, (client) =>
        client.query("SELECT query FROM pg_stat_statements WHERE query LIKE '%' || $1 || '%'", [`-of-${name}`]),
      );
      expect(rows).toEqual([]);
    });

    test('lets nobody else into the database', async () => {
      expect(await mayEverybodyConnect()).toBe(false);
    });

    test('lets that role make a backup that was restored and compared, and restore it (LM-8)', async () => {
      await using folder = await createTestFolder();
      const env = {
        DATA_DIR: folder.path,
        DATABASE_URL: ownUrl(),
        JWT_SECRET: 'tests-only-0123456789abcdef0123456789abcdef',
        PG_DUMP: pgDump,
      };
      expect(await runProgram('cli.js', { args: ['backup'], env })).toMatchObject({ code: 0 });
      expect(await runProgram('cli.js', { args: ['restore', '--replace'], env })).toMatchObject({ code: 0 });
      const { rows } = await as(server.username, 'postgres', (client) =>
        client.query<{ name: string; owner: string }>(
          `SELECT datname AS name, pg_get_userbyid(datdba) AS owner FROM pg_database
            WHERE pg_get_userbyid(datdba) = $1 AND datname <> $2`,
          [names.DATABASE_ROLE, name],
        ),
      );
      expect(rows).toEqual([{ name: expect.stringContaining('_replaced_'), owner: names.DATABASE_ROLE }]);
      await as(server.username, 'postgres', (client) =>
        client.query(`DROP DATABASE ${pg.escapeIdentifier(rows[0]?.name ?? '')}`),
      );
      // A restored database has a new one's rights.
      await initialise();
      expect(await mayEverybodyConnect()).toBe(false);
      // Three programs of their own, each with a start to make.
    }, 120_000);
  },
);
