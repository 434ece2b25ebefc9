import type pg from 'pg';
import type { Clock } from '../../kernel/clock.js';

/** What is told of a statement that ended. */
export type OnStatement = (statement: { outcome: 'completed' | 'failed'; durationMs: number }) => void;

type Query = (...args: unknown[]) => unknown;

/**
 * Tells `onStatement` of each statement on every connection that `pool` opens from now on, Prisma's included.
 *
 * Shape: the time runs from the call to its answer, so it holds the network and the wait behind an earlier statement of
 * the same connection; the wait for a free connection is not in it. Cost: two readings of the clock a statement.
 */
export function timeStatements(pool: pg.Pool, clock: Clock, onStatement: OnStatement): void {
  pool.on('connect', (client) => {
    const query = client.query.bind(client) as Query;
    Object.assign(client, { query: timed(query, clock, onStatement) });
  });
}

/** `pg` answers a call that ends with a function through it, and any other with a promise. */
const timed =
  (query: Query, clock: Clock, onStatement: OnStatement): Query =>
  (...args) => {
    const startedMs = clock.monotonicMs();
    const end = (outcome: 'completed' | 'failed'): void =>
      onStatement({ outcome, durationMs: clock.monotonicMs() - startedMs });
    const last = args.at(-1);
    if (typeof last === 'function') {
      const told: Query = (error, ...rest) => {
        end(error == null ? 'completed' : 'failed');
        return (last as Query)(error, ...rest);
      };
      return query(...args.slice(0, -1), told);
    }
    const running = query(...args);
    if (running instanceof Promise)
      void running.then(
        () => end('completed'),
        () => end('failed'),
      );
    return running;
  };
