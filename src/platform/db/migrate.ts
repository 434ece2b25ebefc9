import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type pg from 'pg';
import type { Ids } from '../../kernel/ids.js';
import { hasTables } from './contents.js';
import { DatabaseStartError, messageOf } from './start-error.js';

/** One folder of `prisma/migrations`. */
export interface Migration {
  name: string;
  script: string;
  /** SHA-256 (hex) of the script, as Prisma records it. */
  checksum: string;
}

interface MigrationRow {
  migration_name: string;
  checksum: string;
  finished_at: Date | null;
}

/** The folder of migrations beside this program: the same from `src` and from `dist`. */
export const ownMigrationsDir = fileURLToPath(new URL('../../../prisma/migrations', import.meta.url));

/** The key of the advisory lock that `prisma migrate` takes. Source: prisma-engines, sql-schema-connector, postgres flavour. */
const advisoryLockKey = 72_707_369;

/** How long a start waits for another process that migrates. */
const lockTimeoutMs = 60_000;

/** Prisma's own table, letter for letter, so that its CLI agrees. Source: prisma-engines, `create_migrations_table`. */
const migrationsTable = `CREATE TABLE IF NOT EXISTS _prisma_migrations (
  id VARCHAR(36) PRIMARY KEY NOT NULL, checksum VARCHAR(64) NOT NULL, finished_at TIMESTAMPTZ,
  migration_name VARCHAR(255) NOT NULL, logs TEXT, rolled_back_at TIMESTAMPTZ,
  started_at TIMESTAMPTZ NOT NULL DEFAULT now(), applied_steps_count INTEGER NOT NULL DEFAULT 0)`;

/** What is applied, or was begun and never ended. */
export const appliedMigrationsSql =
  'SELECT migration_name, checksum, finished_at FROM _prisma_migrations WHERE rolled_back_at IS NULL';

/** The name of the newest migration that was applied, or null. */
export const newestMigrationSql =
  'SELECT max(migration_name) AS name FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL';

/** The migrations of a folder, oldest first. */
export async function readMigrations(folder: string): Promise<Migration[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return Promise.all(
    names.sort().map(async (name) => {
      const script = await readFile(join(folder, name, 'migration.sql'), 'utf8');
      return { name, script, checksum: createHash('sha256').update(script).digest('hex') };
    }),
  );
}

/**
 * Those of `migrations` that the database lacks.
 *
 * Faults: `DatabaseStartError` when the database is from a newer program, when a migration was changed after it was
 * applied, or when one was begun by Prisma's CLI and never ended.
 */
export function pendingMigrations(migrations: readonly Migration[], rows: readonly object[]): Migration[] {
  const applied = new Map((rows as readonly MigrationRow[]).map((row) => [row.migration_name, row]));
  const known = new Set(migrations.map((migration) => migration.name));
  const unknown = [...applied.keys()].filter((name) => !known.has(name));
  if (unknown.length > 0)
    throw new DatabaseStartError(
      `The database is from a newer Promptwell: this program lacks its migrations ${unknown.join(', ')}. Start the newer version, or restore a backup made before it.`,
    );
  return migrations.filter((migration) => {
    const row = applied.get(migration.name);
    if (row === undefined) return true;
    if (row.finished_at === null)
      throw new DatabaseStartError(
        `Migration ${migration.name} was begun and never ended. Repair the database, then run: npx prisma migrate resolve`,
      );
    if (row.checksum !== migration.checksum)
      throw new DatabaseStartError(`Migration ${migration.name} was changed after it was applied to this database.`);
    return false;
  });
}

/**
 * Runs `work` while no other process migrates this database, `prisma migrate` included.
 *
 * Faults: `DatabaseStartError` when another one holds the lock for a minute.
 */
export async function underMigrationLock<T>(client: pg.ClientBase, work: () => Promise<T>): Promise<T> {
  await client.query(`SET lock_timeout = ${lockTimeoutMs}`);
  await client.query('SELECT pg_advisory_lock($1)', [advisoryLockKey]).catch((cause: unknown) => {
    throw new DatabaseStartError(`Another process has been migrating the database for long: ${messageOf(cause)}`, {
      cause,
    });
  });
  try {
    return await work();
  } finally {
    await client.query('SELECT pg_advisory_unlock($1)', [advisoryLockKey]);
  }
}

/** What migrating needs besides the connection. */
export interface MigrateDeps {
  migrations: readonly Migration[];
  ids: Ids;
  /** Makes a backup, answering its path; null where somebody said that none is wanted. */
  backup: (() => Promise<string>) | null;
}

/** What migrating did. */
export interface Migrated {
  /** The names of the migrations that were pending, oldest first. */
  applied: string[];
  /** The backup made before them; null when none was needed or wanted. */
  backup: string | null;
}

/**
 * Applies what is pending, as `prisma migrate deploy` applies and records it, after a backup of what is there. Call it
 * within `underMigrationLock`, on a connection that ends afterwards.
 *
 * Shape: a database without tables needs no backup, and neither does one without pending migrations.
 * Cost: three statements when nothing is pending.
 * Faults: as `pendingMigrations`; a backup that fails blocks all of it, the database untouched; a script that fails leaves
 * nothing behind, because each runs in one transaction (so a script must not hold what refuses one, such as CREATE INDEX
 * CONCURRENTLY), and the fault names the backup.
 */
export async function migrate(client: pg.ClientBase, deps: MigrateDeps): Promise<Migrated> {
  const { rows } = await client.query<{ is: boolean }>("SELECT to_regclass('_prisma_migrations') IS NOT NULL AS is");
  const applied = rows[0]?.is === true ? (await client.query(appliedMigrationsSql)).rows : [];
  const pending = pendingMigrations(deps.migrations, applied);
  const backup = pending.length > 0 ? await protect(client, pending, deps.backup) : null;
  await client.query(migrationsTable);
  for (const migration of pending) await apply(client, { migration, ids: deps.ids, backup });
  return { applied: pending.map((migration) => migration.name), backup };
}

async function protect(
  client: pg.ClientBase,
  pending: readonly Migration[],
  backup: MigrateDeps['backup'],
): Promise<string | null> {
  if (backup === null || !(await hasTables(client))) return null;
  return backup().catch((cause: unknown) => {
    const names = pending.map((migration) => migration.name).join(', ');
    throw new DatabaseStartError(
      `The database needs ${names}, and before that a backup, which failed; nothing was changed. ${messageOf(cause)}\nIf you have a backup of your own, go without this one: MIGRATE_WITHOUT_BACKUP=1`,
      { cause },
    );
  });
}

interface Step {
  migration: Migration;
  ids: Ids;
  backup: string | null;
}

async function apply(client: pg.ClientBase, { migration, ids, backup }: Step): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query(migration.script);
    await client.query(
      'INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at, applied_steps_count) VALUES ($1, $2, $3, clock_timestamp(), 1)',
      [ids.uuid(), migration.checksum, migration.name],
    );
    await client.query('COMMIT');
  } catch (cause) {
    await client.query('ROLLBACK');
    const wayBack =
      backup === null
        ? ''
        : `\nTo go back to the backup made just before, run: promptwell restore ${basename(backup)} --replace`;
    throw new DatabaseStartError(
      `Migration ${migration.name} failed and was rolled back: ${messageOf(cause)}${wayBack}`,
      { cause },
    );
  }
}
