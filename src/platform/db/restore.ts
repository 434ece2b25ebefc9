import { access } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Config } from '../../config.js';
import { type Backup, readBackups, readRecord, type Restored, writeRecord } from './backups.js';
import type { Contents } from './contents.js';
import { makeEmbeddedBackup, readArchive, requireEqual } from './embedded-backups.js';
import { restoreEmbedded } from './embedded-restore.js';
import { type InspectDeps, inspectDatabase, withDataFolder } from './inspect.js';
import { ownThreadUrl } from './pglite.js';
import { backupsOf, makeServerBackup, readDump } from './server-backups.js';
import { restoreOnServer } from './server-restore.js';
import { DatabaseStartError } from './start-error.js';

/** Which backup, and whether a server's database may be replaced. */
export interface RestoreChoice {
  /** A name among the backups, or a path; the newest that opens when left out. */
  file?: string | undefined;
  /** On a server: a database that holds tables is kept under another name and replaced. Embedded: always so. */
  isReplacing?: boolean;
}

/** The backups in the data folder, of both engines, newest first. */
export const listBackups = (config: Config['db']): Promise<Backup[]> => readBackups(backupsOf(config));

/**
 * The path of a new, verified backup of the database as it stands; in `target`, or among the others.
 *
 * Cost: as `makeEmbeddedBackup` and `makeServerBackup`.
 * Faults: `DatabaseStartError`; on the embedded engine also while the service runs.
 */
export async function makeBackup(deps: InspectDeps, target?: string): Promise<string> {
  const threadUrl = deps.threadUrl ?? ownThreadUrl;
  const elsewhere = target === undefined ? {} : { target: resolve(target) };
  return inspectDatabase(deps, (inspected) =>
    inspected.engine === 'server'
      ? makeServerBackup({ ...deps, ...inspected, ...elsewhere }, 'command')
      : makeEmbeddedBackup({ ...deps, ...inspected, threadUrl, ...elsewhere }, 'command'),
  );
}

/** What checking a backup showed. */
export interface CheckedBackup {
  path: string;
  /** What it holds. */
  contents: Contents;
  /** True when that was compared with what the database held when the backup was made; else it only opened. */
  isCompared: boolean;
}

/**
 * What a backup holds, restored into a scratch database; its record then says that it was verified.
 *
 * Cost: a restore, and every row read once.
 * Faults: `DatabaseStartError` when it is missing, does not restore, or differs from its record.
 */
export async function checkBackup(deps: InspectDeps, file: string): Promise<CheckedBackup> {
  const path = await findBackup(deps.config, file);
  const record = await readRecord(path);
  const { contents, schema } = await read(deps, path);
  if (record?.contents != null) requireEqual(record.contents, contents);
  const { engine } = deps.config;
  const verifiedAt = new Date(deps.clock.nowMs()).toISOString();
  // A later look has nothing to compare with unless this one says what it saw.
  const known = record ?? { engine, reason: 'command', schema };
  await writeRecord(path, { ...known, schema, contents: record?.contents ?? contents, verifiedAt });
  return { path, contents, isCompared: record?.contents != null };
}

function read(deps: InspectDeps, path: string): Promise<{ contents: Contents; schema: string | null }> {
  if (deps.config.engine === 'server')
    return inspectDatabase(deps, ({ client }) => readDump({ ...deps, client }, path, 'full'));
  const threadUrl = deps.threadUrl ?? ownThreadUrl;
  return withDataFolder(deps, (folder) => readArchive({ file: path, folder, threadUrl, closeness: 'full' }));
}

/**
 * Makes a backup the database: the one named (a name among the backups, or a path), else the newest that opens.
 *
 * Shape: the copy is made and read beside the present database first; only then do they change places, so that a restore
 * that fails or is cut short changes nothing. The former one is kept.
 * Cost: embedded about 1.5 s for a small database; on a server pg_restore with all indexes.
 * Faults: `DatabaseStartError` when the database is in use, when no backup opens, or when a server's database holds tables
 * and replacing it was not asked for.
 */
export async function restoreBackup(deps: InspectDeps, choice: RestoreChoice = {}): Promise<Restored> {
  const isReplacing = choice.isReplacing === true;
  if (deps.config.engine === 'server') return restoreOnServer(deps, { paths: await chosen(deps, choice), isReplacing });
  return withDataFolder(deps, async (folder) => {
    const threadUrl = deps.threadUrl ?? ownThreadUrl;
    return restoreEmbedded({ ...deps, folder, threadUrl, paths: await chosen(deps, choice) });
  });
}

async function chosen({ config }: InspectDeps, { file }: RestoreChoice): Promise<string[]> {
  if (file !== undefined) return [await findBackup(config, file)];
  const backups = (await listBackups(config)).filter(({ engine }) => engine === config.engine);
  if (backups.length === 0) throw new DatabaseStartError(`There is no backup in ${backupsOf(config)}.`);
  return backups.map(({ path }) => path);
}

async function findBackup(config: Config['db'], file: string): Promise<string> {
  for (const path of [join(backupsOf(config), file), resolve(file)]) {
    const isThere = await access(path).then(
      () => true,
      () => false,
    );
    if (isThere) return requireEngine(config, path);
  }
  throw new DatabaseStartError(`There is no backup ${file} in ${backupsOf(config)}. Nothing was changed.`);
}

function requireEngine({ engine }: Config['db'], path: string): string {
  const isDump = path.endsWith('.dump');
  if (isDump === (engine === 'server')) return path;
  throw new DatabaseStartError(
    isDump
      ? `${path} is a dump of a server's database: set DATABASE_URL to restore it. Nothing was changed.`
      : `${path} is a copy of an embedded database's folder: unset DATABASE_URL to restore it. Nothing was changed.`,
  );
}
