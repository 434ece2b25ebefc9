import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../kernel/clock.js';
import { type DataFolder, syncFolder } from './folder.js';

/** One copy of the embedded database. */
export interface Backup {
  /** Its file's name within `DATA_DIR/backups`. */
  name: string;
  path: string;
  madeAtMs: number;
  sizeBytes: number;
  /** The next transaction id when it was made: the database is unchanged as long as that is the same. */
  mark: string;
}

interface BackupsDeps {
  folder: DataFolder;
  /** Writes a copy of the database to a file, on the disk when it resolves. */
  dump: (file: string) => Promise<void>;
  clock: Clock;
  keep: number;
}

/** `20261121T101530123Z-4711.tar.gz`: UTC to the millisecond, then the mark. */
const backupName = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})Z-(\d+)\.tar\.gz$/;

/** What a backup is called until it is whole. */
const draftSuffix = '.draft';

/** A time as it stands in names: `20261121T101530123Z`. */
export const fileStamp = (ms: number): string => new Date(ms).toISOString().replace(/[-:.]/g, '');

/** The backups of a data folder, newest first. */
export async function readBackups(folder: DataFolder): Promise<Backup[]> {
  const names = await readdir(folder.backups).catch(() => []);
  const backups = await Promise.all(names.map((name) => describe(folder, name)));
  return backups.filter((backup) => backup !== undefined).sort((one, other) => other.madeAtMs - one.madeAtMs);
}

/** Makes copies of the database and keeps the newest few. */
export class Backups {
  readonly #deps: BackupsDeps;

  constructor(deps: BackupsDeps) {
    this.#deps = deps;
  }

  /**
   * The name of a new backup, whole and on the disk.
   *
   * Cost: the dump takes the session while it lasts; older backups than the newest `keep` are removed.
   */
  async make(mark: string): Promise<string> {
    const { folder, dump, clock } = this.#deps;
    await mkdir(folder.backups, { recursive: true, mode: 0o700 });
    const path = join(folder.backups, `${fileStamp(clock.nowMs())}-${mark}.tar.gz`);
    await dump(path + draftSuffix);
    await rename(path + draftSuffix, path);
    await syncFolder(folder.backups);
    await this.#removeOld();
    return path;
  }

  async #removeOld(): Promise<void> {
    const { folder, keep } = this.#deps;
    const backups = await readBackups(folder);
    for (const old of backups.slice(keep)) await rm(old.path, { force: true });
    const drafts = (await readdir(folder.backups)).filter((name) => name.endsWith(draftSuffix));
    for (const draft of drafts) await rm(join(folder.backups, draft), { force: true });
  }
}

async function describe(folder: DataFolder, name: string): Promise<Backup | undefined> {
  const parts = backupName.exec(name);
  if (parts === null) return undefined;
  const [year, month, day, hour, minute, second, ms] = parts.slice(1).map(Number);
  const path = join(folder.backups, name);
  const { size } = await stat(path);
  const madeAtMs = Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour, minute, second, ms);
  return { name, path, madeAtMs, sizeBytes: size, mark: parts[8] ?? '' };
}
