import pg from 'pg';
import { until } from '../wait.js';

/** The control of the feed's cursor: a reader of the same table that asks for `id > last`, as one would at first. */
export interface NaiveCursor {
  /** The ids it has seen. */
  seen: Set<string>;
  /** How far it is. */
  readonly last: bigint;
  stop(): Promise<void>;
}

/** Reads the events of a database by the naive cursor, without a pause, until it is stopped. */
export async function startNaiveCursor(databaseUrl: string): Promise<NaiveCursor> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  const seen = new Set<string>();
  let last = 0n;
  const stopping = new AbortController();
  const page = async (): Promise<number> => {
    const { rows } = await client.query<{ id: string }>('SELECT id FROM event WHERE id > $1 ORDER BY id LIMIT 200', [
      last.toString(),
    ]);
    for (const { id } of rows) {
      seen.add(id);
      last = BigInt(id);
    }
    return rows.length;
  };
  const done = (async () => {
    while (!stopping.signal.aborted || (await page()) > 0) await page();
  })();
  return {
    seen,
    get last() {
      return last;
    },
    async stop() {
      stopping.abort();
      await done;
      await client.end();
    },
  };
}

/** How many events the others write between two late ones: a transaction that is always open would hold the feed back. */
const idsBetween = 40n;

/** A writer whose transactions stay open until later ids have been read: what the naive cursor cannot survive. */
export interface LateWriter {
  /** The ids of the rows it committed. */
  ids: string[];
  stop(): Promise<void>;
}

/** Starts one that appends copies of an event, in transactions that end once `naive` has read past them. */
export async function startLateWriter(
  databaseUrl: string,
  template: { projectId: string; promptId: string; view: object },
  naive: NaiveCursor,
): Promise<LateWriter> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  const ids: string[] = [];
  const stopping = new AbortController();
  const done = (async () => {
    while (!stopping.signal.aborted) {
      await client.query('BEGIN');
      const { rows } = await client.query<{ id: string }>(
        `INSERT INTO event (project_id, kind, prompt_id, view) VALUES ($1, 'prompt.updated', $2, $3) RETURNING id`,
        [template.projectId, template.promptId, JSON.stringify({ ...template.view, text: `late ${ids.length}` })],
      );
      const id = rows[0]?.id ?? '0';
      await until(
        'somebody to write meanwhile',
        () => (naive.last > BigInt(id) || stopping.signal.aborted ? true : undefined),
        30_000,
      );
      await client.query(`SELECT pg_notify('promptwell_event', '')`);
      await client.query('COMMIT');
      ids.push(id);
      const next = BigInt(id) + idsBetween;
      await until(
        'others to write alone',
        () => (naive.last > next || stopping.signal.aborted ? true : undefined),
        30_000,
      );
    }
  })();
  return {
    ids,
    async stop() {
      stopping.abort();
      await done;
      await client.end();
    },
  };
}
