import pg from 'pg';
import type { Config } from '../../config.js';
import type { Clock } from '../../kernel/clock.js';
import type { Ids } from '../../kernel/ids.js';
import { inTime } from '../../kernel/in-time.js';
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
import { readBootId, removeOpenMark, writeOpenMark } from './open-mark.js';
import { type PgliteThread, startThread } from './pglite.js';
import { loginOf, type RowSecurity, raiseRowSecurity } from './row-security.js';
import { connectionTo, withSession } from './session.js';
import { type OnStatement, timeStatements } from './statement-times.js';
import { packFolder } from './tar.js';
import { ThreadKeeper } from './thread-keeper.js';

/** How long a caller waits for the one session before `overloaded`: as long as Prisma's transactions do, and a backup. */
const sessionTimeoutMs = 10_000;

/** How much later than a statement's time the client gives up; PGlite has no timers to do it itself. */
const readTimeoutSlackMs = 2_000;

/** How long opening the folder again may take: 0.6 to 0.9 s when nothing is wrong, more after a crash or under load. */
const reopenDeadlineMs = 60_000;

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
  /** Told of each thread that serves in place of one that ended, for metrics. */
  onThreadReplaced?: (() => void) | undefined;
  onStatement?: OnStatement | undefined;
  /** Of this start of the machine; read from the system when it is left out. */
  bootId?: string | null | undefined;
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
    const bootId = deps.bootId === undefined ? await readBootId() : deps.bootId;
    const thread = await openCluster({ ...deps, folder, bootId, seedTarball: deps.seedTarball });
    try {
      const migrated = await migrateThrough(thread, folder, deps);
      const keeper = new ThreadKeeper(thread, {
        reopen: () => startThread(deps.threadUrl, { folder: folder.cluster }, reopenDeadlineMs),
        folder: folder.root,
        statementTimeoutMs: deps.config.statementTimeoutMs,
        log: deps.log,
        onReplaced: deps.onThreadReplaced,
      });
      return await serve({ ...deps, ...migrated, bootId, folder, keeper, unlock }).catch(async (cause: unknown) => {
        await keeper.close();
        throw cause;
      });
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
  bootId: string | null;
  folder: DataFolder;
  keeper: ThreadKeeper;
  unlock: Unlock;
}

async function serve(deps: ServeDeps): Promise<Engine> {
  const { config, keeper, unlock } = deps;
  const bell = new EmbeddedBell();
  const pool = new pg.Pool({
    ...connectionTo(keeper),
    max: 1,
    idleTimeoutMillis: 0,
    // pg awaits what this gives (its types do not say so): nobody has the client before it listens.
    onConnect: (client): unknown => bell.attach(client),
    connectionTimeoutMillis: sessionTimeoutMs,
    query_timeout: config.statementTimeoutMs + readTimeoutSlackMs,
  });
  if (deps.onStatement !== undefined) timeStatements(pool, deps.clock, deps.onStatement);
  const upkeep = await startUpkeep(deps, pool);
  return {
    kind: 'embedded',
    pool,
    rowSecurity: deps.rowSecurity,
    keepsStatements: false,
    isAlive: () => keeper.isAlive,
    listen: (channel, onWake) => bell.listen(pool, channel, onWake),
    alone: (_, work) => aloneEmbedded(pool, (connection) => keeper.long(() => work(connection))),
    close: async (outOfTime) => {
      const closing = async () => {
        const change = await upkeep.finish();
        await pool.end();
        return { change, isClosed: await keeper.close() };
      };
      const closed = await inTime(closing(), outOfTime);
      if (closed === null) {
        deps.log.warn({}, 'closing left no time to close the database; its next start replays its log');
        await keeper.end();
      } else if (closed.isClosed) {
        await removeOpenMark(deps.folder);
        // Of a folder that is closed already: no backup keeps it from that, however slow.
        if (closed.change !== undefined) await upkeep.backUpClosed(closed.change, outOfTime);
      }
      await unlock();
    },
  };
}

interface Upkeep {
  /** Stops the timers; answers the mark of changes that are in no backup, if there are any. */
  finish(): Promise<string | undefined>;
  /** Copies the closed folder, unless `outOfTime` fires before that is done. Never rejects. */
  backUpClosed(mark: string, outOfTime?: AbortSignal): Promise<void>;
}

async function startUpkeep(deps: ServeDeps, pool: pg.Pool): Promise<Upkeep> {
  const { config, clock, folder, keeper, log } = deps;
  const readMark = async (): Promise<string> => (await pool.query<{ mark: string }>(markSql)).rows[0]?.mark ?? '';
  const { bootId } = deps;
  const sayOpen = async (): Promise<void> =>
    writeOpenMark(folder, { bootId, next: await readMark(), at: new Date(clock.nowMs()).toISOString() });
  await sayOpen();
  const backups = intervalBackups(deps);
  const vacuum = new ChangeTimer({
    intervalMs: vacuumIntervalMs,
    readMark,
    work: () => exclusively(pool, () => keeper.vacuum()),
    onError: (cause) => log.warn({ err: cause }, 'VACUUM ANALYZE of the embedded database failed'),
    lastMark: await readMark(),
  });
  const backup = new ChangeTimer({
    intervalMs: config.backupIntervalMs,
    readMark,
    work: async (mark) => {
      await backups.make(mark, (draft) => exclusively(pool, () => keeper.dump(draft)));
      await sayOpen();
    },
    onError: (cause) => backups.onError(cause),
    lastMark: (await readBackups(folder.backups)).find(({ engine }) => engine === 'embedded')?.mark,
  });
  return {
    finish: async () => {
      await vacuum.stop();
      await backup.stop();
      try {
        return keeper.isAlive ? await backup.changed() : undefined;
      } catch (cause) {
        backups.onError(cause);
        return undefined;
      }
    },
    backUpClosed: (mark, outOfTime) =>
      backups
        .make(mark, (draft) => packFolder(folder.cluster, draft, outOfTime))
        .catch((cause: unknown) => {
          if (outOfTime?.aborted !== true) backups.onError(cause);
          else log.warn({}, 'closing left no time for a last backup; the next one follows at its interval');
        }),
  };
}

/** Makes backups by whatever copies the folder, and tells of those that fail. */
function intervalBackups({ config, clock, folder, log, ...deps }: ServeDeps) {
  const shelf = { folder: folder.backups, clock, keep: config.backupKeep };
  return {
    async make(mark: string, copy: (draft: string) => Promise<void>): Promise<void> {
      const file = await addBackup(shelf, { engine: 'embedded', mark, reason: 'interval' }, async (draft) => {
        await copy(draft);
        return { schema: deps.schema, contents: null, verifiedAt: null };
      });
      log.info({ file }, 'backup made');
      deps.onBackup?.('completed');
    },
    onError(cause: unknown): void {
      log.error({ err: cause }, 'the backup of the embedded database failed');
      deps.onBackup?.('failed');
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
