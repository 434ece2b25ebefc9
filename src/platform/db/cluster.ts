import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../kernel/clock.js';
import { diskOf } from '../metrics/disk.js';
import { type Backup, fileStamp, readBackups, removeDrafts } from './backups.js';
import { restoreEmbedded } from './embedded-restore.js';
import type { DatabaseLog } from './engine.js';
import {
  beginCluster,
  clustersSetAside,
  type DataFolder,
  dropUnfinished,
  finishCluster,
  hasCluster,
  setAside,
  syncTree,
} from './folder.js';
import { hasMachineGoneDown, type OpenMark, readOpenMark } from './open-mark.js';
import { FolderError, type PgliteThread, startThread } from './pglite.js';
import { DatabaseStartError } from './start-error.js';
import { OldFolderError, requireWhole } from './whole-cluster.js';

/** What opening a cluster may need besides it: two files of the log. Source: `wal_segment_size`, 16 MB. */
const minFreeBytes = 32 * 2 ** 20;

interface ClusterDeps {
  folder: DataFolder;
  clock: Clock;
  threadUrl: string;
  seedTarball: string | undefined;
  /** Of this start of the machine, as `readBootId` tells it. */
  bootId: string | null;
  /** Hears of a power cut. Without it nothing is restored by itself: a command that looks must not change what it finds. */
  log?: DatabaseLog;
}

/**
 * The folder's cluster, open in its thread; made when there is none.
 *
 * After the machine itself went down the cluster is read whole first. When it is damaged, or older than what was
 * acknowledged, it is set aside and the newest backup that opens takes its place; `log` hears what that loses.
 * Faults: `DatabaseStartError` when it does not open although the machine stayed up, say because the disk is full (it is
 * then set aside, and the newest backup named), and while there is only one set aside, until `promptwell restore`: an
 * automatic restart must never begin with an empty one.
 */
export async function openCluster(deps: ClusterDeps): Promise<PgliteThread> {
  const { folder, threadUrl } = deps;
  await dropUnfinished(folder);
  await tidy(deps);
  if (!(await hasCluster(folder))) return makeCluster(deps);
  const left = await readOpenMark(folder);
  try {
    if (left === undefined || !hasMachineGoneDown(left, deps.bootId))
      return await startThread(threadUrl, { folder: folder.cluster });
    return await openAfterPowerCut(deps, left);
  } catch (cause) {
    if (!(cause instanceof FolderError)) throw cause;
    requireRoom(folder, cause);
    return replaceDamaged(deps, cause, left);
  }
}

async function openAfterPowerCut({ folder, threadUrl, log }: ClusterDeps, left: OpenMark): Promise<PgliteThread> {
  const thread = await startThread(threadUrl, { folder: folder.cluster });
  try {
    await requireWhole(thread, folder, left);
  } catch (cause) {
    await thread.close();
    throw cause;
  }
  log?.warn({}, 'the machine went down while the database was open; all of it was read, and it is whole');
  return thread;
}

/** Sets a cluster aside; after a power cut the newest backup takes its place, else a person must say so. */
async function replaceDamaged(
  deps: ClusterDeps,
  cause: FolderError,
  left: OpenMark | undefined,
): Promise<PgliteThread> {
  const { folder, clock, log, threadUrl } = deps;
  const why = cause instanceof OldFolderError ? 'old' : 'damaged';
  const lastWriteMs = await lastWrite(folder);
  const paths = (await embeddedBackups(folder)).map(({ path }) => path);
  const aside = await setAside(folder, why, fileStamp(clock.nowMs()));
  const isPowerCut = left !== undefined && hasMachineGoneDown(left, deps.bootId);
  if (log === undefined || !isPowerCut || paths.length === 0)
    throw new DatabaseStartError(
      `${cause.message}\nIt was set aside as ${aside}. ${await advice(deps)}\nIf the disk was full or the like, move it back instead once that is mended: mv ${aside} ${folder.cluster}`,
      { cause },
    );
  const { backup, rejected } = await restoreEmbedded({ folder, clock, threadUrl, paths });
  const madeAtMs = (await embeddedBackups(folder)).find(({ path }) => path === backup)?.madeAtMs ?? 0;
  const [from, to] = [madeAtMs, Math.max(lastWriteMs, madeAtMs)].map((ms) => new Date(ms).toISOString());
  log.error(
    { reason: cause.message, setAside: aside, backup, rejected },
    `the machine went down while the database was open and left it ${why}: it was set aside, and the newest backup restored; what was written from ${from} to about ${to} is lost, unless it can be read out of ${aside}`,
  );
  return startThread(threadUrl, { folder: folder.cluster });
}

/** When the cluster's write-ahead log was last written to. */
async function lastWrite({ cluster }: DataFolder): Promise<number> {
  const wal = join(cluster, 'pg_wal');
  const names = await readdir(wal).catch(() => []);
  const times = await Promise.all(names.map(async (name) => (await stat(join(wal, name))).mtimeMs));
  return Math.max(0, ...times);
}

const embeddedBackups = async (folder: DataFolder): Promise<Backup[]> =>
  (await readBackups(folder.backups)).filter(({ engine }) => engine === 'embedded');

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
  if (seedTarball === undefined) await maker.close();
  // What initdb and the archive wrote, nobody else puts on the disk: later writes touch other files.
  await syncTree(folder.cluster);
  await finishCluster(folder);
  if (seedTarball !== undefined) return maker;
  // A second thread serves: the one that ran initdb keeps its memory (measured: 780 MB resident against 286 MB).
  return startThread(threadUrl, { folder: folder.cluster });
}

async function advice({ folder, clock }: ClusterDeps): Promise<string> {
  const [newest] = await embeddedBackups(folder);
  if (newest === undefined) return `There is no backup in ${folder.backups}.`;
  const minutes = Math.round((clock.nowMs() - newest.madeAtMs) / 60_000);
  return `The newest backup is ${newest.name}, ${minutes} minutes old. To go back to it, run: promptwell restore`;
}
