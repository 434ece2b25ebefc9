import { statfsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/**
 * The file system that `path` is on, or will be once the folder is made.
 *
 * Shape: `freeBytes` is what a program without special rights may still write. Cost: one system call.
 */
export function diskOf(path: string): { sizeBytes: number; freeBytes: number } {
  const folder = resolve(path);
  try {
    const { bsize, blocks, bavail } = statfsSync(folder);
    return { sizeBytes: bsize * blocks, freeBytes: bsize * bavail };
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(folder) === folder) throw cause;
    return diskOf(dirname(folder));
  }
}
