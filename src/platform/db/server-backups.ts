import { open } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type pg from 'pg';
import type { Config } from '../../config.js';
import type { Clock } from '../../kernel/clock.js';
import type { Ids } from '../../kernel/ids.js';
import { addBackup, type BackupReason, makePrivateFile } from './backups.js';
import { type Closeness, type Contents, measure, measureHere } from './contents.js';
import { newestMigration, requireEqual } from './embedded-backups.js';
import { withConnection, withScratchDatabase } from './scratch-database.js';
import { ServerTools } from './server-tools.js';
import { DatabaseStartError, messageOf } from './start-error.js';

/** What a verified backup of a server's database needs. */
export interface ServerBackupDeps {
  config: Config['db'];
  clock: Clock;
  ids: Ids;
  /** A connection to the database, in no transaction. */
  client: pg.ClientBase;
  /** Elsewhere than `DATA_DIR/backups`. */
  target?: string | undefined;
}

/**
 * The path of a new backup by pg_dump that was restored into a scratch database and found equal to the source.
 *
 * Shape: dump and figures are of one snapshot, so that others may go on writing.
 * Cost: the dump, a restore with all its indexes, every row read twice; room on the server for a second copy.
 * Faults: `DatabaseStartError` that says what is missing, failed or differs; neither file nor database is left then.
 */
export async function makeServerBackup(deps: ServerBackupDeps, reason: BackupReason): Promise<string> {
  const { client, clock, config, ids } = deps;
  const tools = new ServerTools(config);
  await tools.requireVersion(await majorOf(client));
  const shelf = { folder: deps.target ?? backupsOf(config), clock, keep: config.backupKeep };
  const mark = await databaseOf(client);
  return addBackup(shelf, { engine: 'server', mark, reason }, async (draft) => {
    await makePrivateFile(draft);
    const contents = await dumpWithFigures({ config, tools }, draft);
    const url = config.directUrl ?? '';
    await withScratchDatabase({ url, client, ids }, async (scratch) => {
      await tools.restore(draft, scratch.name, false);
      requireEqual(contents, await measure(scratch.client, config.backupVerify));
    });
    return {
      schema: await newestMigration(client),
      contents,
      verifiedAt: new Date(clock.nowMs()).toISOString(),
    };
  });
}

/** What a dump holds, read from a scratch database that is gone afterwards. */
export async function readDump(
  deps: ServerBackupDeps,
  file: string,
  closeness: Closeness,
): Promise<{ contents: Contents; schema: string | null }> {
  const { client, config, ids } = deps;
  const tools = new ServerTools(config);
  return withScratchDatabase({ url: config.directUrl ?? '', client, ids }, async (scratch) => {
    await tools.restore(file, scratch.name, false);
    return {
      contents: await measure(scratch.client, closeness),
      schema: await newestMigration(scratch.client),
    };
  });
}

/** Where the backups of a server's databases lie. */
export const backupsOf = (config: Config['db']): string => join(resolve(config.dataDir), 'backups');

/** The name of the database that `client` is connected to. */
export async function databaseOf(client: pg.ClientBase): Promise<string> {
  return (await client.query<{ name: string }>('SELECT current_database() AS name')).rows[0]?.name ?? '';
}

async function majorOf(client: pg.ClientBase): Promise<number> {
  const { rows } = await client.query<{ major: number }>(
    "SELECT current_setting('server_version_num')::int / 10000 AS major",
  );
  return rows[0]?.major ?? 0;
}

async function dumpWithFigures(
  { config, tools }: { config: Config['db']; tools: ServerTools },
  draft: string,
): Promise<Contents> {
  const contents = await withConnection(config.directUrl ?? '', 'promptwell-backup', async (client) => {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY');
    // pg_dump may take long, and this transaction must outlast it.
    await client.query('SET LOCAL idle_in_transaction_session_timeout = 0');
    const { rows } = await client.query<{ snapshot: string }>('SELECT pg_export_snapshot() AS snapshot');
    const dumped = tools.dump(rows[0]?.snapshot ?? '', draft);
    const [figures, dump] = await Promise.allSettled([measureHere(client, config.backupVerify), dumped]);
    // First: a transaction that failed takes its snapshot away from pg_dump, too.
    if (figures.status === 'rejected') throw figures.reason;
    if (dump.status === 'rejected') throw new DatabaseStartError(`pg_dump failed: ${messageOf(dump.reason)}`);
    return figures.value;
  });
  const file = await open(draft, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  return contents;
}
