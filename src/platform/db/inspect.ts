import type pg from 'pg';
import type { Config } from '../../config.js';
import type { Clock } from '../../kernel/clock.js';
import type { Ids } from '../../kernel/ids.js';
import { openCluster } from './cluster.js';
import { type DataFolder, dataFolder, dropUnfinished, hasCluster, securePrivateFolder } from './folder.js';
import { lockFolder } from './lock.js';
import { readBootId } from './open-mark.js';
import { ownThreadUrl, type PgliteThread } from './pglite.js';
import { withConnection } from './scratch-database.js';
import { withSession } from './session.js';
import { DatabaseStartError } from './start-error.js';

/** What looking at a database needs. */
export interface InspectDeps {
  config: Config['db'];
  clock: Clock;
  ids: Ids;
  /** As in `DatabaseDeps`. */
  threadUrl?: string;
}

/** A database as it stands: connected, not migrated, nothing running on it but this. */
export type Inspected =
  | { engine: 'server'; client: pg.Client }
  | { engine: 'embedded'; client: pg.Client; thread: PgliteThread; folder: DataFolder };

/**
 * Runs `work` on the database as it stands, whatever migrations it lacks.
 *
 * Faults: `DatabaseStartError` when there is none; on the embedded engine also while the service holds it.
 */
export async function inspectDatabase<T>(deps: InspectDeps, work: (inspected: Inspected) => Promise<T>): Promise<T> {
  const { config } = deps;
  if (config.engine === 'server')
    return withConnection(config.directUrl ?? '', 'promptwell-command', (client) => work({ engine: 'server', client }));
  return withDataFolder(deps, async (folder) => {
    await dropUnfinished(folder);
    if (!(await hasCluster(folder))) throw new DatabaseStartError(`There is no database in ${folder.root}.`);
    const threadUrl = deps.threadUrl ?? ownThreadUrl;
    const bootId = await readBootId();
    const thread = await openCluster({ folder, clock: deps.clock, threadUrl, seedTarball: undefined, bootId });
    try {
      return await withSession(thread, (client) => work({ engine: 'embedded', client, thread, folder }));
    } finally {
      await thread.close();
    }
  });
}

/**
 * Runs `work` while the data folder is this process's alone.
 *
 * Faults: `DatabaseStartError` when it is in use, or readable by others.
 */
export async function withDataFolder<T>(
  { config, ids }: InspectDeps,
  work: (folder: DataFolder) => Promise<T>,
): Promise<T> {
  const folder = dataFolder(config.dataDir);
  await securePrivateFolder(folder.root);
  const unlock = await lockFolder(folder.root, ids);
  try {
    return await work(folder);
  } finally {
    await unlock();
  }
}
