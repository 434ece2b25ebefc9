import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { type DataFolder, syncFolder } from './folder.js';

/** What is known of a cluster that is open, or that was not closed: it lies beside it until a clean close. */
export interface OpenMark {
  /** Of the machine's start within which it was opened; null where the system tells none. */
  bootId: string | null;
  /** The next transaction id at `at`: a cluster that knows less is older than this mark. */
  next: string;
  /** ISO 8601. */
  at: string;
}

/** Names this start of the machine; null where the system has no such name. Source: Linux, proc(5), random(4). */
export async function readBootId(): Promise<string | null> {
  const text = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
  return text.trim() === '' ? null : text.trim();
}

/** The mark of a cluster that was not closed; undefined when it was, or when the mark cannot be read. */
export async function readOpenMark(folder: DataFolder): Promise<OpenMark | undefined> {
  try {
    const { bootId, next, at } = JSON.parse(await readFile(folder.openMark, 'utf8')) as Partial<OpenMark>;
    if (typeof next !== 'string' || typeof at !== 'string' || !/^\d+$/.test(next)) return undefined;
    return { bootId: bootId ?? null, next, at };
  } catch {
    return undefined;
  }
}

/** Says, on the disk, that the cluster is open and how far it is; whole or not at all. */
export async function writeOpenMark(folder: DataFolder, mark: OpenMark): Promise<void> {
  const draft = `${folder.openMark}.draft`;
  await rm(draft, { force: true });
  await writeFile(draft, JSON.stringify(mark), { mode: 0o600, flush: true });
  await rename(draft, folder.openMark);
  await syncFolder(folder.root);
}

/** True when the machine itself went down while the cluster was open: the process alone takes nothing with it. */
export const hasMachineGoneDown = (mark: OpenMark, bootId: string | null): boolean =>
  mark.bootId === null || mark.bootId !== bootId;

/** The cluster is closed, or is no longer the one the mark speaks of. */
export const removeOpenMark = (folder: DataFolder): Promise<void> => rm(folder.openMark, { force: true });
