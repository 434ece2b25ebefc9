import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Clock } from '../../kernel/clock.js';
import type { Contents } from './contents.js';
import { syncFolder } from './folder.js';

/** Why a backup was made; those made before a migration are kept apart from the others. */
export type BackupReason = 'command' | 'interval' | 'migration';

/** What is known of a backup besides its bytes; it stands beside it as `<name>.json`. */
export interface BackupRecord {
  engine: 'embedded' | 'server';
  reason: BackupReason;
  /** The newest migration in it; null when there is none. */
  schema: string | null;
  /** When it was last restored into a scratch database and found equal to `contents`; null when it never was. */
  verifiedAt: string | null;
  /** What the database held when it was made; null where nobody looked. */
  contents: Contents | null;
}

/** One copy of a database, as it lies in a folder. */
export interface Backup {
  name: string;
  path: string;
  madeAtMs: number;
  sizeBytes: number;
  engine: 'embedded' | 'server';
  /** Embedded: the next transaction id, the same as long as nothing is written. Server: the database's name. */
  mark: string;
  isBeforeMigration: boolean;
  /** Null for one made by an older program, or brought here without its record. */
  record: BackupRecord | null;
}

/** What restoring did. */
export interface Restored {
  /** The backup that is the database now. */
  backup: string;
  /** Where the former database is: a folder, or a database of the server; null when there was none. */
  setAside: string | null;
  /** Newer backups that did not open, with the reason. */
  rejected: { backup: string; reason: string }[];
}

/** Where backups go and how many stay. */
export interface BackupShelf {
  folder: string;
  clock: Clock;
  /** Of each kind: ordinary ones, and those before a migration; on a server, of each database. */
  keep: number;
}

/** What is about to be made. */
export interface NewBackup {
  engine: 'embedded' | 'server';
  mark: string;
  reason: BackupReason;
}

/**
 * `20261121T101530123Z-4711.tar.gz`, `20261121T101530123Z-promptwell.before-migration.dump`: UTC to the millisecond, the
 * mark, why, which engine.
 */
const backupName = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})Z-([\w-]+?)(\.before-migration)?\.(tar\.gz|dump)$/;

const extensions = { embedded: 'tar.gz', server: 'dump' } as const;

/** What a backup is called until it is whole. */
const draftSuffix = '.draft';

/** A draft this old belongs to nobody any more: whoever writes one touches it all the time. */
const abandonedMs = 3_600_000;

/** A time as it stands in names: `20261121T101530123Z`. */
export const fileStamp = (ms: number): string => new Date(ms).toISOString().replace(/[-:.]/g, '');

/** The backups of a folder, newest first; none when there is no such folder. */
export async function readBackups(folder: string): Promise<Backup[]> {
  const names = await namesIn(folder);
  const backups = await Promise.all(names.map((name) => describe(folder, name)));
  return backups.filter((backup) => backup !== undefined).sort((one, other) => other.madeAtMs - one.madeAtMs);
}

/** What stands in the record beside a backup; null when there is none that can be read. */
export async function readRecord(path: string): Promise<BackupRecord | null> {
  try {
    return JSON.parse(await readFile(`${path}.json`, 'utf8')) as BackupRecord;
  } catch {
    return null;
  }
}

/** Puts the record beside a backup, whole or not at all. */
export async function writeRecord(path: string, record: BackupRecord): Promise<void> {
  const draft = `${path}.json${draftSuffix}`;
  await rm(draft, { force: true });
  await writeFile(draft, `${JSON.stringify(record, undefined, 1)}\n`, { mode: 0o600, flush: true });
  await rename(draft, `${path}.json`);
}

/**
 * A new backup on the shelf, written by `write` and whole when this resolves; of its kind `keep` stay, see
 * `superfluous`.
 *
 * Shape: `write` is given a file that does not exist and answers with what is known of what it wrote.
 * Faults: whatever `write` throws; the shelf is then as it was.
 */
export async function addBackup(
  shelf: BackupShelf,
  backup: NewBackup,
  write: (draft: string) => Promise<Omit<BackupRecord, 'engine' | 'reason'>>,
): Promise<string> {
  const { folder, clock } = shelf;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await removeDrafts(folder, clock.nowMs() - abandonedMs);
  const why = backup.reason === 'migration' ? '.before-migration' : '';
  const mark = backup.mark.replaceAll(/[^\w-]/g, '_');
  const path = join(folder, `${fileStamp(clock.nowMs())}-${mark}${why}.${extensions[backup.engine]}`);
  try {
    const { engine, reason } = backup;
    const record = { engine, reason, ...(await write(path + draftSuffix)) };
    await writeRecord(path, record);
    await rename(path + draftSuffix, path);
  } catch (cause) {
    await Promise.all([path + draftSuffix, `${path}.json`].map((file) => rm(file, { force: true })));
    throw cause;
  }
  await syncFolder(folder);
  await removeOld(shelf, basename(path));
  return path;
}

/** `make`, telling `onBackup` how it ended. */
export function observed(
  make: () => Promise<string>,
  onBackup: ((outcome: 'completed' | 'failed') => void) | undefined,
): () => Promise<string> {
  return async () => {
    try {
      const path = await make();
      onBackup?.('completed');
      return path;
    } catch (cause) {
      onBackup?.('failed');
      throw cause;
    }
  };
}

/** Removes what backups that were cut short left behind, if nobody touched it since `beforeMs`. */
export async function removeDrafts(folder: string, beforeMs: number): Promise<void> {
  for (const name of await namesIn(folder)) {
    if (!name.endsWith(draftSuffix)) continue;
    const path = join(folder, name);
    const touched = await stat(path).catch(() => undefined);
    if (touched !== undefined && touched.mtimeMs <= beforeMs) await rm(path, { force: true });
  }
}

/** A new empty file for its owner's eyes, for a program that would let everybody read it. */
export async function makePrivateFile(path: string): Promise<void> {
  await (await open(path, 'wx', 0o600)).close();
}

/** Of what is kept, this share are first ones of their day, not merely the newest. */
const eldersShare = 0.4;

const dayMs = 86_400_000;

/**
 * The backups that make room, of those of one kind, newest first.
 *
 * Shape: two in five of what is kept are each the first of a day (UTC), of the newest days that have one beyond the
 * newest backups; so a day of many short runs pushes out its own, not those of the days before. Where there are no such
 * days the newest stay in their place.
 */
export function superfluous<Made extends Pick<Backup, 'madeAtMs'>>(backups: readonly Made[], keep: number): Made[] {
  const elders = Math.floor(keep * eldersShare);
  const older = backups.slice(keep - elders);
  const firstOfDays = older.filter(
    ({ madeAtMs }, place) => dayOf(madeAtMs) !== dayOf(older[place + 1]?.madeAtMs ?? Number.NaN),
  );
  const kept = new Set([...new Set([...firstOfDays, ...older])].slice(0, elders));
  return older.filter((backup) => !kept.has(backup));
}

const dayOf = (ms: number): number => Math.floor(ms / dayMs);

async function removeOld({ folder, keep }: BackupShelf, newest: string): Promise<void> {
  const backups = await readBackups(folder);
  const made = backups.find(({ name }) => name === newest);
  const isOfItsKind = (other: Backup): boolean =>
    other.engine === made?.engine &&
    other.isBeforeMigration === made.isBeforeMigration &&
    (other.engine === 'embedded' || other.mark === made.mark);
  for (const { path } of superfluous(backups.filter(isOfItsKind), keep)) {
    await rm(path, { force: true });
    await rm(`${path}.json`, { force: true });
  }
}

async function describe(folder: string, name: string): Promise<Backup | undefined> {
  const parts = backupName.exec(name);
  if (parts === null) return undefined;
  const [year, month, day, hour, minute, second, ms] = parts.slice(1, 8).map(Number);
  const path = join(folder, name);
  // Another process may be removing it.
  const facts = await stat(path).catch(() => undefined);
  if (facts === undefined) return undefined;
  return {
    name,
    path,
    madeAtMs: Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour, minute, second, ms),
    sizeBytes: facts.size,
    engine: parts[10] === 'dump' ? 'server' : 'embedded',
    mark: parts[8] ?? '',
    isBeforeMigration: parts[9] !== undefined,
    record: await readRecord(path),
  };
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((cause: unknown) => {
    if (cause instanceof Error && 'code' in cause && (cause.code === 'ENOENT' || cause.code === 'ENOTDIR')) return [];
    throw cause;
  });
}
