import { execFile } from 'node:child_process';
import { existsSync, statfsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Why a test cannot have a disk of its own here; null when it can. */
export const noSmallDisk: string | null =
  process.getuid?.() === 0 && existsSync('/proc/mounts') ? null : 'needs root on Linux, to mount a small disk';

/** A disk in memory. */
export interface SmallDisk extends AsyncDisposable {
  path: string;
}

/** Mounts a disk of `sizeMb`; gone with its scope. */
export async function mountSmallDisk(sizeMb: number): Promise<SmallDisk> {
  const path = await mkdtemp(join(tmpdir(), 'promptwell-disk-'));
  await run('mount', ['-t', 'tmpfs', '-o', `size=${sizeMb}m,mode=0700`, 'tmpfs', path]);
  return {
    path,
    [Symbol.asyncDispose]: async () => {
      // A process that has just ended may hold it for a moment: it goes with its last file.
      await run('umount', ['-l', path]);
      await rm(path, { recursive: true, force: true });
    },
  };
}

/** Gives a disk another size while it is in use. */
export const resizeDisk = async (path: string, sizeMb: number): Promise<void> =>
  void (await run('mount', ['-o', `remount,size=${sizeMb}m`, path]));

/** Fills a disk to the last block with a file beside what is there. */
export async function fillDisk(path: string): Promise<void> {
  const { bavail, bsize } = statfsSync(path);
  await writeFile(join(path, 'ballast'), Buffer.alloc(bavail * bsize));
}
