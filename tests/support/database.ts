import { createHash } from 'node:crypto';
import { access, copyFile, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { type Config, loadConfig } from '../../src/config.js';
import { systemClock } from '../../src/kernel/clock.js';
import { systemIds } from '../../src/kernel/ids.js';
import { type DatabaseDeps, openDatabase } from '../../src/platform/db/client.js';
import type { Database } from '../../src/platform/db/database.js';
import { ownMigrationsDir, readMigrations } from '../../src/platform/db/migrate.js';
import { listBackups } from '../../src/platform/db/restore.js';
import { pgDump } from './pg-tools.js';

/** A database of a test's own, migrated and empty; gone with its scope (`await using`). */
export interface TestDatabase extends AsyncDisposable {
  db: Database;
  /** Opens the same database again: another process on the server engine, after `db.close()` on the embedded one. */
  config: Config['db'];
}

const serverUrl = process.env['TEST_DATABASE_URL'];

/** Which engine the tests run on: `server` when TEST_DATABASE_URL is set. */
export const engineUnderTest: Database['engine'] = serverUrl === undefined ? 'embedded' : 'server';

/** The compiled thread of the embedded engine: threads load no TypeScript. Build first. */
export const threadUrl = new URL('../../dist/platform/db/pglite-thread.js', import.meta.url).href;

const ids = systemIds(() => systemClock.nowMs());
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** What every test opens a database with, besides its configuration. */
export const testDeps = { clock: systemClock, ids, log: silent, threadUrl } satisfies Partial<DatabaseDeps>;

/** A fresh name for a database or a folder of a test. */
export const freshName = (): string => `promptwell_test_${ids.uuid().replaceAll('-', '')}`;

/** The configuration of the embedded engine in a folder. */
export const embeddedConfig = (dataDir: string): Config['db'] => loadConfig({ DATA_DIR: dataDir }).db;

/** The configuration of the server engine on a database; backups go to `dataDir`. */
export const serverConfig = (url: string, dataDir = tmpdir()): Config['db'] =>
  loadConfig({
    DATABASE_URL: url,
    JWT_SECRET: '0123456789abcdef0123456789abcdef',
    DATA_DIR: dataDir,
    PG_DUMP: pgDump,
    PATH: process.env['PATH'],
  }).db;

/** A migrated, empty database on the engine under test. Cost: about 0.2 s on a server, 1.5 s embedded. */
export async function createTestDatabase(): Promise<TestDatabase> {
  return serverUrl === undefined ? createEmbedded() : createOnServer(serverUrl);
}

/** A folder under the one for tests (see vitest.config.ts), or another, gone with its scope. */
export async function createTestFolder(
  under = process.env['TEST_FOLDERS'] ?? tmpdir(),
): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(under, 'promptwell-test-'));
  return {
    path,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }),
  };
}

/** An empty database without migrations on the test server, gone with its scope. */
export async function createServerDatabase(template = 'template0'): Promise<{ url: string } & AsyncDisposable> {
  const url = new URL(serverUrl ?? '');
  const name = freshName();
  url.pathname = `/${name}`;
  await administer((client) => client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`));
  const drop = () =>
    administer(async (client) => {
      await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      // What a restore set aside; its name is cut to PostgreSQL's 63 bytes.
      const aside = `SELECT datname FROM pg_database WHERE starts_with(datname, $1) AND datname LIKE '%\\_replaced\\_%'`;
      const { rows } = await client.query<{ datname: string }>(aside, [name.slice(0, 34)]);
      for (const { datname } of rows) await client.query(`DROP DATABASE IF EXISTS "${datname}" WITH (FORCE)`);
    });
  return {
    url: url.href,
    [Symbol.asyncDispose]: async () => {
      await drop();
    },
  };
}

async function createEmbedded(): Promise<TestDatabase> {
  const folder = await createTestFolder();
  const config = embeddedConfig(folder.path);
  const db = await openDatabase({ ...testDeps, config, seedTarball: await embeddedSeed() });
  return {
    db,
    config,
    [Symbol.asyncDispose]: async () => {
      await db.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

async function createOnServer(url: string): Promise<TestDatabase> {
  const database = await createServerDatabase(await migratedTemplate(url));
  const folder = await createTestFolder();
  const config = serverConfig(database.url, folder.path);
  const db = await openDatabase({ ...testDeps, config });
  return {
    db,
    config,
    [Symbol.asyncDispose]: async () => {
      await db.close();
      await database[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** A migrated embedded database as a tarball, made once per state of the migrations and thread. */
export async function embeddedSeed(): Promise<string> {
  const cache = join(tmpdir(), 'promptwell-test-seeds');
  await mkdir(cache, { recursive: true });
  // The lock file names the version of PGlite, whose folders no other major version opens.
  const lockFile = new URL('../../package-lock.json', import.meta.url);
  const path = join(cache, `${await stateHash(lockFile, new URL(threadUrl))}.tar.gz`);
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  if (isThere) return path;
  await using folder = await createTestFolder();
  const config = embeddedConfig(folder.path);
  const db = await openDatabase({ ...testDeps, config });
  await db.close();
  const [backup] = await listBackups(config);
  if (backup === undefined) throw new Error('closing a new database made no backup');
  // Copied beside its place and renamed: test files that make it at the same time replace each other's equal one.
  const draft = `${path}.${ids.uuid()}`;
  await copyFile(backup.path, draft);
  await rename(draft, path);
  return path;
}

/** A migrated, empty database on the server that others are cloned from, made once per state of the migrations. */
export async function migratedTemplate(url: string): Promise<string> {
  const name = `promptwell_template_${await stateHash()}`;
  await administer(async (client) => {
    // Held until the connection ends: other test files wait here for the template.
    await client.query('SELECT pg_advisory_lock(hashtext($1))', [name]);
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1 AND datistemplate', [name]);
    if (rowCount === 1) return;
    await client.query(`DROP DATABASE IF EXISTS ${name}`);
    await client.query(`CREATE DATABASE ${name} TEMPLATE template0`);
    const target = new URL(url);
    target.pathname = `/${name}`;
    const db = await openDatabase({ ...testDeps, config: serverConfig(target.href) });
    await db.close();
    await client.query(`ALTER DATABASE ${name} IS_TEMPLATE true`);
  });
  return name;
}

/** What a migrated, empty database depends on; more files where more than the migrations decide. */
async function stateHash(...files: URL[]): Promise<string> {
  const hash = createHash('sha256');
  for (const { checksum } of await readMigrations(ownMigrationsDir)) hash.update(checksum);
  for (const file of files) hash.update(await readFile(file));
  return hash.digest('hex').slice(0, 16);
}

async function administer<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
