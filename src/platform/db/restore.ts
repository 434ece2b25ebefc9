import { access, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Config } from '../../config.js';
import type { Clock } from '../../kernel/clock.js';
import type { Ids } from '../../kernel/ids.js';
import { type Backup, fileStamp, readBackups } from './backups.js';
import { type DataFolder, dataFolder, finishCluster, hasCluster, securePrivateFolder, setAside } from './folder.js';
import { lockFolder } from './lock.js';
import { ownThreadUrl, startThread } from './pglite.js';
import { DatabaseStartError, messageOf } from './start-error.js';

/** What restoring needs. */
export interface RestoreDeps {
  config: Config['db'];
  clock: Clock;
  ids: Ids;
  /** As in `DatabaseDeps`. */
  threadUrl?: string;
}

/** What restoring did. */
export interface Restored {
  /** The backup that is the database now. */
  backup: string;
  /** Where the former cluster lies; null when there was none. */
  setAside: string | null;
  /** Newer backups that did not open, with the reason. */
  rejected: { backup: string; reason: string }[];
}

/** The backups of the embedded engine's data folder, newest first. */
export const listBackups = (config: Config['db']): Promise<Backup[]> => readBackups(dataFolder(config.dataDir));

/**
 * Makes a backup the database: the one named (a name in `DATA_DIR/backups`, or a path), else the newest that opens.
 *
 * Shape: the copy is opened and read in a folder of its own first; only then is the present cluster set aside and the copy
 * put in its place, so that a restore cut short changes nothing.
 * Cost: about 1.5 s for a small database.
 * Faults: `DatabaseStartError` when the folder is in use or no backup opens.
 */
export async function restoreBackup(deps: RestoreDeps, file?: string): Promise<Restored> {
  const folder = dataFolder(deps.config.dataDir);
  await securePrivateFolder(folder.root);
  const unlock = await lockFolder(folder.root, deps.ids);
  try {
    const candidates =
      file === undefined ? (await readBackups(folder)).map(({ path }) => path) : [await find(folder, file)];
    const { path, rejected } = await firstGood(candidates, folder, deps.threadUrl ?? ownThreadUrl);
    const stamp = fileStamp(deps.clock.nowMs());
    const aside = (await hasCluster(folder)) ? await setAside(folder, 'replaced', stamp) : null;
    await rename(draftOf(folder), folder.cluster);
    await finishCluster(folder);
    return { backup: path, setAside: aside, rejected };
  } finally {
    await unlock();
  }
}

/** Where a backup is unpacked and tried. */
const draftOf = (folder: DataFolder): string => `${folder.cluster}.restoring`;

async function find(folder: DataFolder, file: string): Promise<string> {
  for (const path of [join(folder.backups, file), resolve(file)]) {
    const isThere = await access(path).then(
      () => true,
      () => false,
    );
    if (isThere) return path;
  }
  throw new DatabaseStartError(`There is no backup ${file} in ${folder.backups}.`);
}

async function firstGood(
  paths: string[],
  folder: DataFolder,
  threadUrl: string,
): Promise<{ path: string; rejected: Restored['rejected'] }> {
  const rejected: Restored['rejected'] = [];
  for (const path of paths) {
    try {
      await unpack(path, draftOf(folder), threadUrl);
      return { path, rejected };
    } catch (cause) {
      rejected.push({ backup: path, reason: messageOf(cause) });
    }
  }
  await rm(draftOf(folder), { recursive: true, force: true });
  const reasons = rejected.map(({ backup, reason }) => `\n- ${backup}: ${reason}`).join('');
  throw new DatabaseStartError(`No backup in ${folder.backups} could be restored.${reasons}`);
}

/** Fills an empty folder from a backup, opens it and reads all of it: VACUUM visits every table. */
async function unpack(tarball: string, draft: string, threadUrl: string): Promise<void> {
  await rm(draft, { recursive: true, force: true });
  const thread = await startThread(threadUrl, { folder: draft, tarball });
  try {
    await thread.vacuum();
  } finally {
    await thread.close();
  }
}
