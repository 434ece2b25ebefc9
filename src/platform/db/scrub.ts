import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { Config } from '../../config.js';
import type { Clock } from '../../kernel/clock.js';
import type { Database } from './database.js';

/** A table that was written anew. */
export interface ScrubbedTable {
  table: string;
  durationMs: number;
  /** Deleted rows that an older transaction may still see, so that they were written again; 0 when all is well. */
  remaining: number;
  /** Why the table was left as it was; null when it was not. */
  failure: string | null;
}

/** What scrubbing needs. */
export interface ScrubDeps {
  db: Database;
  config: Pick<Config['db'], 'directUrl'>;
  clock: Clock;
  onTable?: (table: ScrubbedTable) => void;
}

/** How long a table's lock is waited for: everybody who asks for the table meanwhile waits behind. */
const lockTimeoutMs = 5_000;
/** Further tries of a table that is locked. */
const lockRetries = 2;
/** Further tries, of all tables together, while deleted rows may still be seen: autovacuum and short reads are over by then. */
const visibilityRetries = 20;
const retryMs = 1_000;
/** As long as it takes; pg's own deadline is a timer, whose longest time this is. */
const noTimeoutMs = 2 ** 31 - 1;

/** Ordinary tables of the service, the small ones first by their last count of pages: their true size needs their lock. */
const tablesSql = `
  SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS "table"
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r' AND n.nspname = current_schema() ORDER BY c.relpages, 1`;

/** Superusers alone may; for others ANALYZE replaces what there is of every table that is not empty. */
const forgetStatisticsSql = `
  DELETE FROM pg_statistic s USING pg_class c, pg_namespace n
  WHERE c.oid = s.starelid AND n.oid = c.relnamespace AND n.nspname = current_schema()`;

/**
 * Writes every table anew, with its indexes and TOAST, so that the files hold no byte of what was deleted.
 *
 * Plain VACUUM is not enough: it gives the room free and leaves the bytes in it (measured on both engines: a text stayed
 * in the last rows of a page, and in a TOAST table). VACUUM FULL writes what lives into new files and truncates the old
 * ones at commit, before any checkpoint.
 *
 * Shape: the smallest table first; one that cannot be had is left and says why. Cost: each table is locked while it is
 * written, and needs its size again on the disk. WAL and backups are not touched.
 */
export async function scrub(deps: ScrubDeps): Promise<ScrubbedTable[]> {
  const { client, release } = await ownSession(deps);
  try {
    await client.query(`SET lock_timeout = ${lockTimeoutMs}`);
    await client.query('SET statement_timeout = 0');
    const { rows } = await client.query<{ table: string }>(tablesSql);
    const scrubbed: ScrubbedTable[] = [];
    const patience = { retries: visibilityRetries };
    for (const { table } of rows) scrubbed.push(await scrubTable(client, { table, patience }, deps));
    const isSuperuser = await client.query<{ is: boolean }>(
      'SELECT rolsuper AS is FROM pg_roles WHERE rolname = current_user',
    );
    if (isSuperuser.rows[0]?.is === true) await client.query(forgetStatisticsSql);
    await client.query({ text: 'ANALYZE (SKIP_LOCKED)', query_timeout: noTimeoutMs } as pg.QueryConfig);
    scrubbed.push(await scrubTable(client, { table: 'pg_catalog.pg_statistic', patience }, deps));
    return scrubbed;
  } finally {
    await release();
  }
}

/** Past a pooler a setting would be another session's; the embedded engine has one session and no pooler. */
async function ownSession({ db, config }: ScrubDeps): Promise<{ client: pg.ClientBase; release: () => Promise<void> }> {
  if (db.engine === 'server') {
    const client = new pg.Client({ connectionString: config.directUrl, application_name: 'promptwell-scrub' });
    client.on('error', () => undefined);
    await client.connect();
    return { client, release: () => client.end() };
  }
  const client = await db.pool.connect();
  return {
    client,
    release: async () => {
      await client.query('RESET lock_timeout').finally(() => client.release());
    },
  };
}

async function scrubTable(
  client: pg.ClientBase,
  { table, patience }: { table: string; patience: { retries: number } },
  { clock, onTable }: ScrubDeps,
): Promise<ScrubbedTable> {
  const startedMs = clock.monotonicMs();
  const locked = { retries: lockRetries };
  for (;;) {
    const outcome = await rewrite(client, table);
    const budget = outcome.failure === null ? patience : locked;
    const isDone = (outcome.failure === null && outcome.remaining === 0) || budget.retries === 0;
    if (isDone) return report(outcome);
    budget.retries -= 1;
    await delay(retryMs);
  }
  function report(outcome: Outcome): ScrubbedTable {
    const scrubbed = { table, durationMs: clock.monotonicMs() - startedMs, ...outcome };
    onTable?.(scrubbed);
    return scrubbed;
  }
}

/** How one rewriting ended. */
type Outcome = Pick<ScrubbedTable, 'remaining' | 'failure'>;

/** What the server says beside its answers; words are in its own language, codes are not. */
interface Notice {
  code?: string | undefined;
  message?: string | undefined;
  detail?: string | undefined;
}

/** The code of what is no warning. Source: PostgreSQL documentation, appendix A, class 00. */
const informative = '00000';

/** The server tells what it could not remove, or that it skipped the table, in notices of the statement. */
async function rewrite(client: pg.ClientBase, table: string): Promise<Outcome> {
  let remaining = 0;
  let failure: string | null = null;
  const listen = ({ code, message, detail }: Notice): void => {
    // Source: PostgreSQL, commands/cluster.c: the detail begins with the count of dead rows that cannot be removed yet.
    if (code !== undefined && code !== informative) failure = message ?? 'skipped';
    else remaining += Number(/^(\d+) /.exec(detail ?? '')?.[1] ?? 0);
  };
  client.on('notice', listen);
  try {
    await client.query({ text: `VACUUM (FULL, VERBOSE) ${table}`, query_timeout: noTimeoutMs } as pg.QueryConfig);
  } catch (cause) {
    failure = cause instanceof Error ? cause.message : String(cause);
  } finally {
    client.off('notice', listen);
  }
  return { remaining, failure };
}
