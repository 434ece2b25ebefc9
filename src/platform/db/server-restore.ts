import pg from 'pg';
import type { Config } from '../../config.js';
import { fileStamp, readRecord, type Restored } from './backups.js';
import { hasTables, measure } from './contents.js';
import { requireEqual } from './embedded-backups.js';
import type { InspectDeps } from './inspect.js';
import { createBeside, databaseUrl, dropDatabase, withConnection } from './scratch-database.js';
import { databaseOf } from './server-backups.js';
import { ServerTools } from './server-tools.js';
import { DatabaseStartError, messageOf } from './start-error.js';

/** Databases that every server has: renaming another one takes a connection to one of these. */
const maintenanceDatabases = ['postgres', 'template1'] as const;

/** PostgreSQL cuts longer names. Source: NAMEDATALEN - 1. */
const maxNameBytes = 63;

/**
 * Restores the first of `paths` that pg_restore takes: into the empty database of `DATABASE_URL`, or beside it and then
 * in its place.
 *
 * Faults: `DatabaseStartError`; the database is then as it was.
 */
export async function restoreOnServer(
  deps: InspectDeps,
  { paths, isReplacing }: { paths: string[]; isReplacing: boolean },
): Promise<Restored> {
  const url = deps.config.directUrl ?? '';
  const database = await withConnection(url, 'promptwell-restore', async (client) => {
    const name = await databaseOf(client);
    const isEmpty = !(await hasTables(client, true));
    if (!isEmpty && !isReplacing)
      throw new DatabaseStartError(
        `The database ${name} holds tables. Restore into an empty one, or say --replace: the present one is then kept under another name. Nothing was changed.`,
      );
    return { name, isEmpty };
  });
  const rejected: Restored['rejected'] = [];
  for (const path of paths) {
    try {
      if (!database.isEmpty) return { backup: path, setAside: await replace(deps, path, database.name), rejected };
      // All in one transaction: an empty database stays empty when it fails.
      await new ServerTools(deps.config).restore(path, database.name, true);
    } catch (cause) {
      rejected.push({ backup: path, reason: messageOf(cause) });
      continue;
    }
    await withConnection(url, 'promptwell-restore', (client) => finish(client, path, deps.config));
    return { backup: path, setAside: null, rejected };
  }
  const reasons = rejected.map(({ backup, reason }) => `\n- ${backup}: ${reason}`).join('');
  throw new DatabaseStartError(`No backup could be restored. Nothing was changed.${reasons}`);
}

/** A database beside the present one, filled and compared; then the two change names at once. */
async function replace({ config, clock, ids }: InspectDeps, path: string, name: string): Promise<string> {
  const url = config.directUrl ?? '';
  const stamp = fileStamp(clock.nowMs());
  const beside = named(name, `_restoring_${ids.uuid().replaceAll('-', '').slice(-12)}`);
  const aside = named(name, `_replaced_${stamp}`);
  return withMaintenance(url, name, async (keeper) => {
    await refuseWhileInUse(keeper, name);
    await withConnection(url, 'promptwell-restore', (client) => createBeside(client, beside));
    try {
      await new ServerTools(config).restore(path, beside, false);
      await withConnection(databaseUrl(url, beside), 'promptwell-restore', (client) => finish(client, path, config));
      await refuseWhileInUse(keeper, name);
      await swap(keeper, { name, beside, aside });
    } catch (cause) {
      await dropDatabase(keeper, beside);
      throw cause;
    }
    return aside;
  });
}

const named = (name: string, suffix: string): string =>
  Buffer.from(name)
    .subarray(0, maxNameBytes - suffix.length)
    .toString() + suffix;

async function withMaintenance<T>(url: string, name: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const reachable = await firstReachable(url, name);
  return withConnection(databaseUrl(url, reachable), 'promptwell-restore', work);
}

async function firstReachable(url: string, name: string): Promise<string> {
  let last: unknown;
  for (const database of maintenanceDatabases.filter((other) => other !== name)) {
    try {
      return await withConnection(databaseUrl(url, database), 'promptwell-restore', () => Promise.resolve(database));
    } catch (cause) {
      last = cause;
    }
  }
  throw last;
}

async function refuseWhileInUse(client: pg.ClientBase, name: string): Promise<void> {
  const { rows } = await client.query<{ application: string }>(
    'SELECT DISTINCT application_name AS application FROM pg_stat_activity WHERE datname = $1 ORDER BY application_name',
    [name],
  );
  if (rows.length === 0) return;
  const who = rows.map(({ application }) => application || 'a program without a name').join(', ');
  throw new DatabaseStartError(`The database ${name} is in use (${who}): stop every Promptwell on it first.`);
}

async function swap(
  client: pg.ClientBase,
  { name, beside, aside }: { name: string; beside: string; aside: string },
): Promise<void> {
  const rename = (from: string, to: string): string =>
    `ALTER DATABASE ${pg.escapeIdentifier(from)} RENAME TO ${pg.escapeIdentifier(to)}`;
  await client.query('BEGIN');
  try {
    await client.query(rename(name, aside));
    await client.query(rename(beside, name));
    await client.query('COMMIT');
  } catch (cause) {
    await client.query('ROLLBACK');
    throw cause;
  }
}

async function finish(client: pg.ClientBase, path: string, config: Config['db']): Promise<void> {
  const expected = (await readRecord(path))?.contents;
  if (expected != null) requireEqual(expected, await measure(client, config.backupVerify));
  await moveEventsIntoThePast(client);
}

/**
 * Events carry their transaction's id, and the feed shows those below the server's present one. On a server that counted
 * less far than the former, all of them would wait: they then move to this transaction, in the order of their ids.
 */
async function moveEventsIntoThePast(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ is: boolean }>("SELECT to_regclass('event') IS NOT NULL AS is");
  if (rows[0]?.is !== true) return;
  await client.query(`UPDATE event SET xid = pg_current_xact_id()
    WHERE EXISTS (SELECT FROM event AS e WHERE e.xid >= pg_snapshot_xmax(pg_current_snapshot()))`);
}
