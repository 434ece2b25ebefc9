import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { openDatabase } from '../../src/platform/db/client.js';
import type { Database } from '../../src/platform/db/database.js';
import { ownMigrationsDir, readMigrations } from '../../src/platform/db/migrate.js';
import { requireVectorVersion } from '../../src/platform/db/server.js';
import {
  createServerDatabase,
  createTestDatabase,
  createTestFolder,
  engineUnderTest,
  serverConfig,
  type TestDatabase,
  testDeps,
} from '../support/database.js';

vi.setConfig({ testTimeout: 60_000 });

const root = fileURLToPath(new URL('../..', import.meta.url));
const prismaCli = join(root, 'node_modules/prisma/build/index.js');

/** What a command of the stock Prisma CLI prints and how it exits. */
async function prisma(args: string[], databaseUrl: string): Promise<{ code: number; output: string }> {
  const env = { ...process.env, DATABASE_URL: databaseUrl, CHECKPOINT_DISABLE: '1', NO_COLOR: '1' };
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [prismaCli, ...args], { cwd: root, env });
    return { code: 0, output: stdout + stderr };
  } catch (error) {
    const failed = error as { code: number; stdout: string; stderr: string };
    return { code: failed.code, output: failed.stdout + failed.stderr };
  }
}

/** The test's database opened again, with other migrations. */
async function reopen(test: TestDatabase, migrationsDir: string): Promise<Database> {
  await test.db.close();
  return openDatabase({ ...testDeps, config: test.config, migrationsDir });
}

const appliedSql = 'SELECT migration_name AS name FROM _prisma_migrations ORDER BY migration_name';

describe(`migrations on the ${engineUnderTest} engine`, () => {
  it('LM-9: are applied once, in order, each in one transaction that leaves nothing behind when it fails', async () => {
    await using test = await createTestDatabase();
    await using folder = await createTestFolder();
    await cp(ownMigrationsDir, folder.path, { recursive: true });
    await addMigration(folder.path, '20990101000000_good', 'CREATE TABLE good (id int); INSERT INTO good VALUES (1);');
    await addMigration(folder.path, '20990102000000_bad', 'CREATE TABLE half (id int); SELECT 1 / 0;');
    await expect(reopen(test, folder.path)).rejects.toThrow(
      /20990102000000_bad failed and was rolled back.*division by zero/,
    );
    await addMigration(folder.path, '20990102000000_bad', 'CREATE TABLE whole (id int);');
    const db = await reopen(test, folder.path);
    await db.check();
    const applied = await db.read<{ name: string }>(appliedSql, []);
    expect(applied.map(({ name }) => name).slice(-2)).toEqual(['20990101000000_good', '20990102000000_bad']);
    expect(await db.read('SELECT id FROM good', [])).toEqual([{ id: 1 }]);
    expect(await db.read("SELECT to_regclass('half') AS half", [])).toEqual([{ half: null }]);
    await db.close();
  });

  it('refuse a database from a newer program, saying which migrations this one lacks', async () => {
    await using test = await createTestDatabase();
    await using folder = await createTestFolder();
    await cp(ownMigrationsDir, folder.path, { recursive: true });
    await addMigration(folder.path, '20990101000000_future', 'SELECT 1;');
    await (await reopen(test, folder.path)).close();
    await expect(reopen(test, ownMigrationsDir)).rejects.toThrow(/newer Promptwell.*20990101000000_future/);
  });

  it('refuse a migration that was changed after it was applied', async () => {
    await using test = await createTestDatabase();
    await using folder = await createTestFolder();
    await cp(ownMigrationsDir, folder.path, { recursive: true });
    const [first = ''] = (await readdir(folder.path)).sort();
    await addMigration(folder.path, first, 'SELECT 1;');
    await expect(reopen(test, folder.path)).rejects.toThrow(`Migration ${first} was changed`);
  });

  it('make the check fail while the database is behind or ahead of the program', async () => {
    await using test = await createTestDatabase();
    const insert = `INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at) VALUES ('x', 'x', '2099_future', now())`;
    await test.db.read(insert, []);
    await expect(test.db.check()).rejects.toThrow(/newer Promptwell/);
    await test.db.read('DELETE FROM _prisma_migrations', []);
    await expect(test.db.check()).rejects.toMatchObject({ kind: 'precondition' });
  });
});

describe.runIf(engineUnderTest === 'server')('the stock Prisma CLI', () => {
  it('has nothing to deploy after the program migrated, and sees no difference to the schema', async () => {
    await using test = await createTestDatabase();
    const url = test.config.url ?? '';
    expect((await prisma(['migrate', 'deploy'], url)).output).toContain('No pending migrations to apply');
    expect((await prisma(['migrate', 'status'], url)).output).toContain('Database schema is up to date');
  });

  it('deploys what the program then finds applied', async () => {
    await using database = await createServerDatabase();
    const deployed = await prisma(['migrate', 'deploy'], database.url);
    expect(deployed.output).toContain('All migrations have been successfully applied');
    const db = await openDatabase({ ...testDeps, config: serverConfig(database.url) });
    await db.check();
    await db.close();
  });
});

describe('the Prisma CLI without a database', () => {
  it('finds the migrations and the schema equal', async () => {
    const diff = ['migrate', 'diff', '--from-migrations', 'prisma/migrations', '--to-schema', 'prisma/schema.prisma'];
    const { code, output } = await prisma([...diff, '--exit-code'], '');
    expect(code, output).toBe(0);
  });
});

describe.runIf(engineUnderTest === 'server')('the start on a server', () => {
  it('names the host that cannot be reached, and never the password', async () => {
    const config = serverConfig('postgresql://user:hunter22@127.0.0.1:1/none');
    const refusal = openDatabase({ ...testDeps, config });
    await expect(refusal).rejects.toThrow(/127\.0\.0\.1:1 cannot be reached/);
    await expect(refusal).rejects.not.toThrow(/hunter22/);
  });

  it('lets several processes migrate an empty database at once', async () => {
    await using database = await createServerDatabase();
    const config = serverConfig(database.url);
    const all = await Promise.all([1, 2, 3].map(() => openDatabase({ ...testDeps, config })));
    await Promise.all(all.map((db) => db.check()));
    const applied = (await all[0]?.read<{ name: string }>(appliedSql, []))?.map(({ name }) => name);
    expect(applied).toEqual((await readMigrations(ownMigrationsDir)).map(({ name }) => name));
    await Promise.all(all.map((db) => db.close()));
  });
});

describe('the version of pgvector', () => {
  it('must be 0.8 or newer', () => {
    for (const version of ['0.8.0', '0.10.1', '1.0']) expect(() => requireVectorVersion(version)).not.toThrow();
    for (const version of ['0.7.4', '0', '']) expect(() => requireVectorVersion(version)).toThrow(/pgvector .*0\.8/);
  });
});

async function addMigration(folder: string, name: string, script: string): Promise<void> {
  await mkdir(join(folder, name), { recursive: true });
  await writeFile(join(folder, name, 'migration.sql'), script);
}
