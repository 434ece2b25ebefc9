import pg from 'pg';
import type { Connection } from './database.js';

/** Longer than any statement: pg takes 0 for "as the pool has it". */
const endlessMs = 2 ** 31 - 1;

/**
 * Runs `work` on a new connection past any pooler, without a statement timeout; `signal` cancels the statement that runs.
 *
 * Faults: those of the connection and of `work`, as they are.
 */
export async function aloneOnServer<T>(
  { directUrl, pool, signal }: { directUrl: string | undefined; pool: pg.Pool; signal: AbortSignal },
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const client = new pg.Client({
    connectionString: directUrl,
    application_name: 'promptwell-alone',
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
  });
  // A lost connection also rejects the query that is on; without a listener it would end the process.
  client.on('error', () => undefined);
  await client.connect();
  let cancelling: Promise<unknown> = Promise.resolve();
  const cancel = (): void => {
    cancelling = pool
      .query('SELECT pg_cancel_backend($1)', [(client as unknown as { processID: number }).processID])
      .catch(() => undefined);
  };
  signal.addEventListener('abort', cancel, { once: true });
  try {
    await client.query('SET statement_timeout = 0');
    return await work(connectionOf(client));
  } finally {
    signal.removeEventListener('abort', cancel);
    await cancelling;
    await client.end().catch(() => undefined);
  }
}

/** Runs `work` on the embedded engine's one session; whoever else wants it waits. Nothing can cancel a statement there. */
export async function aloneEmbedded<T>(pool: pg.Pool, work: (connection: Connection) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let hasFailed = true;
  try {
    const result = await work(connectionOf(client));
    hasFailed = false;
    return result;
  } finally {
    client.release(hasFailed);
  }
}

const connectionOf = (client: pg.ClientBase): Connection => ({
  async query<Row extends object>(text: string, values: readonly unknown[] = []) {
    const query = { text, values: [...values], query_timeout: endlessMs };
    return (await client.query<Row>(query)).rows;
  },
});
