import type { Socket } from 'node:net';
import pg from 'pg';
import type { PgliteThread } from './pglite.js';

/** A thread, or whatever stands for one. */
type Reachable = Pick<PgliteThread, 'connect'>;

/** What `pg` is told to reach a thread: the stream is the connection, the rest is for form's sake. */
export const connectionTo = (thread: Reachable) => ({
  stream: () => thread.connect() as unknown as Socket,
  user: 'postgres',
  database: 'postgres',
  password: 'none',
});

/** Runs `work` with a connection to a thread of its own. */
export async function withSession<T>(thread: Reachable, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(connectionTo(thread));
  // The loss also rejects the query that is on; without a listener it would end the process.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
