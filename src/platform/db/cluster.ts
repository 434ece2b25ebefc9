import { rm } from 'node:fs/promises';
import type { Clock } from '../../kernel/clock.js';
import { fileStamp, readBackups, removeDrafts } from './backups.js';
import {
  beginCluster,
  clustersSetAside,
  type DataFolder,
  dropUnfinished,
  finishCluster,
  hasCluster,
  setAside,
} from './folder.js';
import { diskOf } from '../metrics/disk.js';
import { FolderError, type PgliteThread, startThread } from './pglite.js';
import { DatabaseStartError } from './start-error.js';

/** What opening a cluster may need besides it: two files of the log. Source: `wal_segment_size`, 16 MB. */
const minFreeBytes = 32 * 2 ** 20;

interface ClusterDeps {
  folder: DataFolder;
  clock: Clock;
  threadUrl: string;
  seedTarball: string | undefined;
}

/**
 * The folder's cluster, open in its thread; made when there is none.
 *
 * Faults: `DatabaseStartError` when it does not open (it is then set aside, and the newest backup named), and while
 * there is only one set aside, until `promptwell restore`: an automatic restart must never begin with an empty one.
 */
export async function openCluster(deps: ClusterDeps): Promise<PgliteThread> {
  const { folder, threadUrl } = deps;
  await dropUnfinished(folder);
  await tidy(deps);
  if (!(await hasCluster(folder))) return makeCluster(deps);
  try {
    return await startThread(threadUrl, { folder: folder.cluster });
  } catch (cause) {
    if (!(cause instanceof FolderError)) throw cause;
    requireRoom(folder, cause);
    const aside = await setAside(folder, 'damaged', fileStamp(deps.clock.nowMs()));
    throw new DatabaseStartError(
      `${cause.message}\nIt was set aside as ${aside}. ${await advice(deps)}\nIf the disk was full or the like, move it back instead once that is mended: mv ${aside} ${folder.cluster}`,
      { cause },
    );
  }
}

/** Faults: `DatabaseStartError` when the disk is full: then nothing opens, and nothing says that the folder is damaged. */
function requireRoom({ root }: DataFolder, cause: FolderError): void {
  const { freeBytes } = diskOf(root);
  if (freeBytes >= minFreeBytes) return;
  throw new DatabaseStartError(
    `${cause.message}\nThe disk is full (${Math.round(freeBytes / 2 ** 20)} MB free): make room for ${root}, then start again. Nothing was changed.`,
    { cause },
  );
}

/** Removes what a kill left of backups and their trials; the folder is locked, so that nobody else is at them. */
async function tidy({ folder, clock }: ClusterDeps): Promise<void> {
  await rm(folder.scratch, { recursive: true, force: true });
  await removeDrafts(folder.backups, clock.nowMs());
}

async function makeCluster(deps: ClusterDeps): Promise<PgliteThread> {
  const { folder, threadUrl, seedTarball } = deps;
  const aside = await clustersSetAside(folder);
  if (aside.length > 0)
    throw new DatabaseStartError(
      `There is no database in ${folder.root}, but one that was set aside (${aside.join(', ')}). ${await advice(deps)}\nTo begin with an empty one, move what was set aside out of ${folder.root}.`,
    );
  await beginCluster(folder);
  const settings = { folder: folder.cluster, ...(seedTarball === undefined ? {} : { tarball: seedTarball }) };
  const maker = await startThread(threadUrl, settings);
  await finishCluster(folder);
  if (seedTarball !== undefined) return maker;
  // A second thread serves: the one that ran initdb keeps its memory (measured: 780 MB resident against 286 MB).
  await maker.close();
  return startThread(threadUrl, { folder: folder.cluster });
}

async function advice({ folder, clock }: ClusterDeps): Promise<string> {
  const newest = (await readBackups(folder.backups)).find(({ engine }) => engine === 'embedded');
  if (newest === undefined) return `There is no backup in ${folder.backups}.`;
  const minutes = Math.round((clock.nowMs() - newest.madeAtMs) / 60_000);
  return `The newest backup is ${newest.name}, ${minutes} minutes old. To go back to it, run: promptwell restore`;
}
