import { rename, rm } from 'node:fs/promises';
import type { Clock } from '../../kernel/clock.js';
import { fileStamp, type Restored } from './backups.js';
import { type DataFolder, finishCluster, hasCluster, setAside, syncTree } from './folder.js';
import { removeOpenMark } from './open-mark.js';
import { startThread } from './pglite.js';
import { DatabaseStartError, messageOf } from './start-error.js';

interface EmbeddedRestoreDeps {
  folder: DataFolder;
  clock: Clock;
  threadUrl: string;
  /** Backups to try, in this order. */
  paths: readonly string[];
}

/**
 * Makes the first backup that opens the cluster; the present one, if any, is set aside.
 *
 * Shape: the folder is this process's alone, and nothing is open in it.
 * Faults: `DatabaseStartError` when none opens; nothing was changed then.
 */
export async function restoreEmbedded(deps: EmbeddedRestoreDeps): Promise<Restored> {
  const { folder, clock } = deps;
  const { path, rejected } = await firstGood(deps);
  await syncTree(draftOf(folder));
  const aside = (await hasCluster(folder)) ? await setAside(folder, 'replaced', fileStamp(clock.nowMs())) : null;
  await removeOpenMark(folder);
  await rename(draftOf(folder), folder.cluster);
  await finishCluster(folder);
  return { backup: path, setAside: aside, rejected };
}

/** Where a backup is unpacked and tried. */
const draftOf = (folder: DataFolder): string => `${folder.cluster}.restoring`;

async function firstGood(deps: EmbeddedRestoreDeps): Promise<{ path: string; rejected: Restored['rejected'] }> {
  const { folder, paths, threadUrl } = deps;
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
  const thread = await startThread(threadUrl, { folder: draft, tarball, isScratch: true });
  try {
    await thread.vacuum();
  } finally {
    await thread.close();
  }
}
