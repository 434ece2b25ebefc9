import { rm } from 'node:fs/promises';
import type pg from 'pg';
import type { Config } from '../../config.js';
import type { Clock } from '../../kernel/clock.js';
import { addBackup, type BackupReason, type BackupRecord } from './backups.js';
import { type Closeness, type Contents, differences, measure } from './contents.js';
import type { DataFolder } from './folder.js';
import { newestMigrationSql } from './migrate.js';
import { type PgliteThread, startThread } from './pglite.js';
import { withSession } from './session.js';
import { DatabaseStartError } from './start-error.js';

/** What a verified backup of the embedded engine needs. */
export interface EmbeddedBackupDeps {
  config: Config['db'];
  clock: Clock;
  folder: DataFolder;
  thread: PgliteThread;
  /** A connection to `thread`, in no transaction; nobody else writes meanwhile. */
  client: pg.ClientBase;
  threadUrl: string;
  /** Elsewhere than the data folder's own backups. */
  target?: string | undefined;
}

/** The next transaction id: assigned to writers only, so that it stands still while nothing is written. */
export const markSql = 'SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS mark';

/**
 * The path of a new backup that was unpacked into a scratch folder, opened there, and found equal to the database.
 *
 * Cost: the dump, a second PGlite for some seconds (about 200 MB), and every row read twice.
 * Faults: `DatabaseStartError` that says what failed or differs; no file is left then.
 */
export async function makeEmbeddedBackup(deps: EmbeddedBackupDeps, reason: BackupReason): Promise<string> {
  const { client, clock, config, folder, thread, threadUrl } = deps;
  const shelf = { folder: deps.target ?? folder.backups, clock, keep: config.backupKeep };
  const mark = (await client.query<{ mark: string }>(markSql)).rows[0]?.mark ?? '0';
  return addBackup(shelf, { engine: 'embedded', mark, reason }, async (draft) => {
    const contents = await measure(client, config.backupVerify);
    await thread.dump(draft);
    const found = await readArchive({ file: draft, folder, threadUrl, closeness: config.backupVerify });
    requireEqual(contents, found.contents);
    return { schema: found.schema, contents, verifiedAt: new Date(clock.nowMs()).toISOString() };
  });
}

/** Faults: `DatabaseStartError` naming the first differences. */
export function requireEqual(expected: Contents, found: Contents): void {
  const different = differences(expected, found);
  if (different.length === 0) return;
  const more = different.length > 5 ? `; and ${different.length - 5} more` : '';
  throw new DatabaseStartError(`The backup differs from the database: ${different.slice(0, 5).join('; ')}${more}`);
}

interface ArchiveDeps {
  file: string;
  folder: DataFolder;
  threadUrl: string;
  closeness: Closeness;
}

/**
 * What a backup file holds, read from a scratch folder within the data folder that is gone afterwards.
 *
 * Faults: `FolderError` when it does not open.
 */
export async function readArchive(deps: ArchiveDeps): Promise<{ contents: Contents; schema: string | null }> {
  const { scratch } = deps.folder;
  await rm(scratch, { recursive: true, force: true });
  try {
    const thread = await startThread(deps.threadUrl, { folder: scratch, tarball: deps.file, isScratch: true });
    try {
      return await withSession(thread, async (client) => ({
        contents: await measure(client, deps.closeness),
        schema: await newestMigration(client),
      }));
    } finally {
      await thread.close();
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The newest migration of a database; null when it knows none. */
export async function newestMigration(client: pg.ClientBase): Promise<BackupRecord['schema']> {
  const record = await client.query<{ is: boolean }>("SELECT to_regclass('_prisma_migrations') IS NOT NULL AS is");
  if (record.rows[0]?.is !== true) return null;
  return (await client.query<{ name: string | null }>(newestMigrationSql)).rows[0]?.name ?? null;
}
