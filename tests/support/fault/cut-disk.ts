import { execFile } from 'node:child_process';
import { readFile, rm, rmdir, truncate, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { until } from '../wait.js';

const run = promisify(execFile);

/** Room for a cluster, its write-ahead log and what the writers add; the file is sparse. */
const sizeBytes = 700 * 1024 * 1024;

/**
 * A disk whose power can be cut: an ext4 on a loop device over a file. What was written and not yet given to the device
 * is in the kernel's cache alone, as on any machine, and is not in a copy of the file.
 */
export class CutDisk {
  readonly #folder: string;
  readonly #mountPoint: string;
  #image: string;
  #device = '';
  #cuts = 0;

  private constructor(folder: string, mountPoint: string) {
    this.#folder = folder;
    this.#mountPoint = mountPoint;
    this.#image = join(folder, 'disk-0');
  }

  /** A new, empty disk mounted at `mountPoint`; its files lie in `folder`. */
  static async make(folder: string, mountPoint: string): Promise<CutDisk> {
    const disk = new CutDisk(folder, mountPoint);
    await writeFile(disk.#image, '');
    await truncate(disk.#image, sizeBytes);
    await run('mkfs.ext4', ['-q', '-F', '-E', 'lazy_itable_init=0,lazy_journal_init=0', disk.#image]);
    await disk.#mount();
    await rmdir(join(mountPoint, 'lost+found'));
    return disk;
  }

  /**
   * Keeps what the device holds now, and nothing else.
   *
   * Shape: every writer is stopped; the kernel itself may still write, so the copy counts when the device stood still.
   */
  async cut(): Promise<void> {
    this.#cuts += 1;
    const copy = join(this.#folder, `disk-${this.#cuts}`);
    await until(
      'a moment in which the kernel writes nothing',
      async () => {
        const before = await this.#activity();
        await run('cp', ['--sparse=always', this.#image, copy]);
        return before === (await this.#activity()) ? true : undefined;
      },
      60_000,
    );
  }

  /** Takes the present disk away, with all that the kernel still had for it, and mounts what the last cut kept. */
  async recover(): Promise<void> {
    await this.#unmount();
    await rm(this.#image);
    this.#image = join(this.#folder, `disk-${this.#cuts}`);
    await this.#mount();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#unmount();
  }

  async #mount(): Promise<void> {
    const { stdout } = await run('losetup', ['--find', '--show', this.#image]);
    this.#device = stdout.trim();
    await run('mount', ['-t', 'ext4', this.#device, this.#mountPoint]);
  }

  async #unmount(): Promise<void> {
    const isDone = (): Promise<true | undefined> =>
      run('umount', [this.#mountPoint]).then(
        () => true as const,
        () => undefined,
      );
    // The last process to hold a file there may be on its way out.
    await until('the disk to be free', isDone, 30_000);
    await run('losetup', ['--detach', this.#device]);
  }

  /** How much was asked of the device so far and is under way. Source: Linux, Documentation/block/stat.rst. */
  async #activity(): Promise<string> {
    const fields = (await readFile(`/sys/block/${basename(this.#device)}/stat`, 'utf8')).trim().split(/\s+/);
    // Writes done, sectors written, under way, discards, flushes.
    return [4, 6, 8, 11, 15].map((index) => fields[index]).join(' ');
  }
}

/** Why no disk can be cut here; null when one can. */
export async function reasonAgainstCuts(): Promise<string | null> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    return 'needs Linux and root, to mount a disk of its own';
  const isThere = (program: string): Promise<boolean> =>
    run('which', [program]).then(
      () => true,
      () => false,
    );
  for (const program of ['losetup', 'mkfs.ext4', 'mount']) if (!(await isThere(program))) return `needs ${program}`;
  return run('losetup', ['--find']).then(
    () => null,
    () => 'needs loop devices',
  );
}
