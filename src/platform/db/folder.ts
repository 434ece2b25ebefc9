import { chmod, mkdir, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { DatabaseStartError } from './start-error.js';

/** The places within DATA_DIR that belong to the embedded engine. */
export interface DataFolder {
  root: string;
  /** PGlite's cluster. */
  cluster: string;
  /** There while the cluster is being made for the first time: one cut short holds nothing and is made anew. */
  unfinished: string;
  /** There while the cluster is open, and after a close that was not clean. */
  openMark: string;
  backups: string;
  /** Where a backup is tried. */
  scratch: string;
}

/** Where things are under `dataDir`. */
export function dataFolder(dataDir: string): DataFolder {
  const root = resolve(dataDir);
  return {
    root,
    cluster: join(root, 'pg'),
    unfinished: join(root, 'pg.unfinished'),
    openMark: join(root, 'pg.open'),
    backups: join(root, 'backups'),
    scratch: join(root, 'pg.verify'),
  };
}

/**
 * Makes the folder, for its owner's eyes alone.
 *
 * Faults: `DatabaseStartError` when it holds something already and others may read it: what was readable may have been
 * read, and only its owner knows whether that matters.
 */
export async function securePrivateFolder(root: string): Promise<void> {
  await mkdir(root, { recursive: true, mode: 0o700 });
  const mode = (await stat(root)).mode & 0o777;
  if ((mode & 0o077) === 0) return;
  if ((await readdir(root)).length > 0)
    throw new DatabaseStartError(
      `The data folder ${root} may be read by others (mode ${mode.toString(8)}). Close it, then start again: chmod 700 ${root}`,
    );
  await chmod(root, 0o700);
}

/** True when the folder holds a cluster, whole or not. */
export async function hasCluster(folder: DataFolder): Promise<boolean> {
  return (await names(folder.cluster)).length > 0;
}

/** Removes a cluster whose making was cut short. */
export async function dropUnfinished(folder: DataFolder): Promise<void> {
  if (!(await names(folder.root)).includes('pg.unfinished')) return;
  await rm(folder.cluster, { recursive: true, force: true });
}

/** Says that the cluster is being made, on the disk before its first file; `finishCluster` ends it. */
export async function beginCluster(folder: DataFolder): Promise<void> {
  await writeFile(folder.unfinished, '', { mode: 0o600, flush: true });
  await syncFolder(folder.root);
}

/** The cluster is whole: on the disk, too, before the first row, lest a power cut bring the mark back over data. */
export async function finishCluster(folder: DataFolder): Promise<void> {
  await rm(folder.unfinished, { force: true });
  await syncFolder(folder.root);
}

/** Moves the cluster out of the way under a name that says why and when; answers the new path. */
export async function setAside(
  folder: DataFolder,
  why: 'damaged' | 'old' | 'replaced',
  stamp: string,
): Promise<string> {
  const aside = `${folder.cluster}.${why}-${stamp}`;
  await rename(folder.cluster, aside);
  return aside;
}

/** Names of the clusters set aside, whyever: the newest of them may be all that is left of the data. */
export async function clustersSetAside(folder: DataFolder): Promise<string[]> {
  return (await names(folder.root)).filter((name) => /^pg\.(damaged|old|replaced)-/.test(name));
}

/** Puts a file, or names made, changed or removed in a folder, on the disk. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Puts all of a folder on the disk: files, names, and the folders within.
 *
 * Cost: 0.2 s for the thousand files of an empty cluster; side by side, since one after another takes ten times as long.
 */
export async function syncTree(path: string): Promise<void> {
  const entries = await readdir(path, { withFileTypes: true });
  await Promise.all(entries.map((entry) => (entry.isDirectory() ? syncTree : syncFolder)(join(path, entry.name))));
  await syncFolder(path);
}

async function names(path: string): Promise<string[]> {
  return readdir(path).catch((cause: unknown) => {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return [];
    throw cause;
  });
}
