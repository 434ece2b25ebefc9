import pg from 'pg';
import type { Config } from '../../config.js';
import type { Clock } from '../../kernel/clock.js';
import type { Ids } from '../../kernel/ids.js';
import { aloneEmbedded } from './alone.js';
import { addBackup, observed, readBackups } from './backups.js';
import { ChangeTimer } from './change-timer.js';
import { openCluster } from './cluster.js';
import { makeEmbeddedBackup, markSql, newestMigration } from './embedded-backups.js';
import { EmbeddedBell } from './embedded-bell.js';
import type { DatabaseLog, Engine } from './engine.js';
import { type DataFolder, dataFolder, securePrivateFolder } from './folder.js';
import { lockFolder, type Unlock } from './lock.js';
import { type Migration, migrate, underMigrationLock } from './migrate.js';
import type { PgliteThread } from './pglite.js';
import { loginOf, type RowSecurity, raiseRowSecurity } from './row-security.js';
import { connectionTo, withSession } from './session.js';
import { type OnStatement, timeStatements } from './statement-times.js';

/** How long a caller waits for the one session before `overloaded`: as long as Prisma's transactions do, and a backup. */
const sessionTimeoutMs = 10_000;

/** How much later than a statement's time the client gives up; PGlite has no timers to do it itself. */
const readTimeoutSlackMs = 2_000;

/** Time between two runs of VACUUM ANALYZE while there are changes. */
const vacuumIntervalMs = 300_000;

interface EmbeddedDeps {
  config: Config['db'];
  clock: Clock;
  ids: Ids;
  log: DatabaseLog;
  migrations: readonly Migration[];
  threadUrl: string;
  /** A `dumpDataDir('gzip')` file that an empty folder is filled from. */
  seedTarball?: string | undefined;
  /** Told of each backup, for metrics. */
  onBackup?: ((outcome: 'completed' | 'failed') => void) | undefined;
  onStatement?: OnStatement | undefined;
}

/**
 * PGlite in the data folder, for this process alone: locked, opened, migrated, with a pool of one and its upkeep running.
 *
 * Faults: `DatabaseStartError` when the folder is in use, readable by others, damaged, or from a newer program.
 */
export async function openEmbedded(deps: EmbeddedDeps): Promise<Engine> {
  const folder = dataFolder(deps.config.dataDir);
  await securePrivateFolder(folder.root);
  const unlock = await lockFolder(folder.root, deps.ids);
  try {
    const thread = await openCluster({ folder, ...deps, seedTarball: deps.seedTarball });
    try {
      const migrated = await migrateThrough(thread, folder, deps);
      return await serve({ ...deps, ...migrated, folder, thread, unlock });
    } catch (cause) {
      await thread.close();
      throw cause;
    }
  } catch (cause) {
    await unlock();
    throw cause;
  }
}

interface Migrated {
  /** The newest migration that is applied now. */
  schema: string | null;
  rowSecurity: RowSecurity;
}

async function migrateThrough(thread: PgliteThread, folder: DataFolder, deps: EmbeddedDeps): Promise<Migrated> {
  const { config, ids, log, migrations } = deps;
  return withSession(thread, async (client) => {
    const backup = config.isBackupWaived
      ? null
      : observed(() => makeEmbeddedBackup({ ...deps, folder, thread, client }, 'migration'), deps.onBackup);
    return underMigrationLock(client, async () => {
      const migrated = await migrate(client, { migrations, ids, backup });
      if (migrated.applied.length > 0) log.info(migrated, 'migrations applied');
      const rowSecurity = await raiseRowSecurity(client, { login: loginOf(config), mode: config.rowSecurity, log });
      return { schema: await newestMigration(client), rowSecurity };
    });
  });
}

interface ServeDeps extends EmbeddedDeps, Migrated {
  folder: DataFolder;
  thread: PgliteThread;
  unlock: Unlock;
}

async function serve(deps: ServeDeps): Promise<Engine> {
  const { config, log, thread, unlock } = deps;
  const bell = new EmbeddedBell();
  const pool = new pg.Pool({
    ...connectionTo(thread),
    max: 1,
    idleTimeoutMillis: 0,
    // pg awaits what this gives (its types do not say so): nobody has the client before it listens.
    onConnect: (client): unknown => bell.attach(client),
    connectionTimeoutMillis: sessionTimeoutMs,
    query_timeout: config.statementTimeoutMs + readTimeoutSlackMs,
  });
  if (deps.onStatement !== undefined) timeStatements(pool, deps.clock, deps.onStatement);
  const upkeep = await startUpkeep(deps, pool);
  let isClosing = false;
  void thread.ended.then((cause) => {
    if (isClosing) return;
    log.error({ err: cause }, 'the thread of the embedded database has ended by itself; start the service again');
  });
  return {
    kind: 'embedded',
    pool,
    rowSecurity: deps.rowSecurity,
    isAlive: () => thread.isAlive,
    listen: (channel, onWake) => bell.listen(pool, channel, onWake),
    alone: (_, work) => aloneEmbedded(pool, work),
    close: async () => {
      isClosing = true;
      await upkeep.finish();
      await pool.end();
      await thread.close();
      await unlock();
    },
  };
}

interface Upkeep {
  /** Stops the timers, after a last backup if there are changes. */
  finish(): Promise<void>;
}

async function startUpkeep(deps: ServeDeps, pool: pg.Pool): Promise<Upkeep> {
  const { config, clock, folder, log, thread } = deps;
  const readMark = async (): Promise<string> => (await pool.query<{ mark: string }>(markSql)).rows[0]?.mark ?? '';
  const shelf = { folder: folder.backups, clock, keep: config.backupKeep };
  const make = (mark: string): Promise<string> =>
    addBackup(shelf, { engine: 'embedded', mark, reason: 'interval' }, async (draft) => {
      await exclusively(pool, () => thread.dump(draft));
      return { schema: deps.schema, contents: null, verifiedAt: null };
    });
  const vacuum = new ChangeTimer({
    intervalMs: vacuumIntervalMs,
    readMark,
    work: () => exclusively(pool, () => thread.vacuum()),
    onError: (cause) => log.warn({ err: cause }, 'VACUUM ANALYZE of the embedded database failed'),
    lastMark: await readMark(),
  });
  const backup = new ChangeTimer({
    intervalMs: config.backupIntervalMs,
    readMark,
    work: async (mark) => {
      log.info({ file: await make(mark) }, 'backup made');
      deps.onBackup?.('completed');
    },
    onError: (cause) => {
      log.error({ err: cause }, 'the backup of the embedded database failed');
      deps.onBackup?.('failed');
    },
    lastMark: (await readBackups(folder.backups)).find(({ engine }) => engine === 'embedded')?.mark,
  });
  return {
    finish: async () => {
      await vacuum.stop();
      await backup.stop();
      if (thread.isAlive) await backup.runNow();
    },
  };
}

/** Runs `work` while nobody else has the session, so that no transaction is open. */
async function exclusively(pool: pg.Pool, work: () => Promise<void>): Promise<void> {
  const client = await pool.connect();
  try {
    await work();
  } finally {
    client.release();
  }
}
