import type pg from 'pg';
import type { Config } from '../../config.js';
import type { Clock } from '../../kernel/clock.js';
import type { Ids } from '../../kernel/ids.js';
import { aloneOnServer } from './alone.js';
import type { DatabaseLog, Engine } from './engine.js';
import { type Migration, migrate, underMigrationLock } from './migrate.js';
import { observed } from './backups.js';
import { loginOf, type RowSecurity, raiseRowSecurity } from './row-security.js';
import { withConnection } from './scratch-database.js';
import { makeServerBackup } from './server-backups.js';
import { ServerBell } from './server-bell.js';
import { openPool } from './server-pool.js';
import { ServerPulse } from './server-pulse.js';
import type { OnStatement } from './statement-times.js';
import { DatabaseStartError, messageOf } from './start-error.js';

/** The oldest PostgreSQL that the migrations are written for. */
const minServerVersion = { number: 150_000, text: '15' };

/** The oldest pgvector with iterative scans (`hnsw.iterative_scan`). */
const minVectorVersion = { major: 0, minor: 8, text: '0.8' };

interface ServerDeps {
  config: Config['db'];
  clock: Clock;
  ids: Ids;
  log: DatabaseLog;
  migrations: readonly Migration[];
  /** Told of each backup, for metrics. */
  onBackup?: ((outcome: 'completed' | 'failed') => void) | undefined;
  onStatement?: OnStatement | undefined;
}

/**
 * PostgreSQL at `config.url`: checked, migrated, with a pool and a bell.
 *
 * Faults: `DatabaseStartError` that says what is missing or too old.
 */
export async function openServer(deps: ServerDeps): Promise<Engine> {
  const { config, log } = deps;
  const rowSecurity = await withConnection(config.directUrl ?? '', 'promptwell-migrate', (direct) =>
    migrateServer(direct, deps),
  );
  const { clock, onStatement } = deps;
  const pulse = new ServerPulse({ clock, log, onStatement, connectionString: config.directUrl ?? '' });
  const pool = openPool(config, () => pulse.isAway);
  pulse.watch(pool);
  const bell = new ServerBell({ connectionString: config.directUrl ?? '', log });
  return {
    kind: 'server',
    pool,
    rowSecurity,
    keepsStatements: config.url === config.directUrl,
    isAlive: () => true,
    listen: (channel, onWake) => bell.listen(channel, onWake),
    alone: (signal, work) => aloneOnServer({ directUrl: config.directUrl, pool, signal }, work),
    close: async () => {
      await bell.close();
      await pulse.close();
      await pool.end();
    },
  };
}

async function migrateServer(direct: pg.Client, deps: ServerDeps): Promise<RowSecurity> {
  const { clock, config, ids, log, migrations } = deps;
  const backup = config.isBackupWaived
    ? null
    : observed(() => makeServerBackup({ config, clock, ids, client: direct }, 'migration'), deps.onBackup);
  await requireServerVersion(direct);
  // CREATE EXTENSION needs the lock, too: IF NOT EXISTS fails when two processes do it at once.
  return underMigrationLock(direct, async () => {
    await requireExtension(direct);
    const migrated = await migrate(direct, { migrations, ids, backup });
    if (migrated.applied.length > 0) log.info(migrated, 'migrations applied');
    return raiseRowSecurity(direct, { login: loginOf(config), mode: config.rowSecurity, log });
  });
}

async function requireServerVersion(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ number: number; text: string }>(
    "SELECT current_setting('server_version_num')::int AS number, current_setting('server_version') AS text",
  );
  const server = rows[0];
  if (server === undefined || server.number < minServerVersion.number)
    throw new DatabaseStartError(
      `The database is PostgreSQL ${server?.text}; Promptwell needs ${minServerVersion.text} or newer.`,
    );
}

async function requireExtension(client: pg.Client): Promise<void> {
  await client.query('CREATE EXTENSION IF NOT EXISTS vector').catch((cause: unknown) => {
    throw new DatabaseStartError(
      `The extension pgvector ${minVectorVersion.text} or newer is needed and could not be created (${messageOf(cause)}). Install it on the server, then run in this database as a superuser: CREATE EXTENSION vector`,
      { cause },
    );
  });
  const installed = await client.query<{ version: string }>(
    "SELECT extversion AS version FROM pg_extension WHERE extname = 'vector'",
  );
  requireVectorVersion(installed.rows[0]?.version ?? '0');
}

/** Faults: `DatabaseStartError` when pgvector `version` is older than 0.8. */
export function requireVectorVersion(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > minVectorVersion.major || (major === minVectorVersion.major && minor >= minVectorVersion.minor)) return;
  throw new DatabaseStartError(
    `The extension pgvector is ${version}; Promptwell needs ${minVectorVersion.text} or newer. Update it on the server, then run: ALTER EXTENSION vector UPDATE`,
  );
}
