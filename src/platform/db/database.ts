import type pg from 'pg';
import type { Prisma, PrismaClient } from './generated/client.js';

/** What runs inside a transaction. Never mix it with the outer client: the embedded engine has one session. */
export type Tx = Prisma.TransactionClient;

/** The database, whichever engine serves it; above this line there is one code path. */
export interface Database {
  readonly engine: 'embedded' | 'server';
  /** For writes and rare reads. */
  readonly prisma: PrismaClient;
  /** The pool that Prisma's adapter shares; for hot reads outside transactions. */
  readonly pool: pg.Pool;
  /**
   * Runs `work` in one transaction and commits it.
   *
   * Faults: serialization failures and deadlocks are tried three times, then `conflict`; database errors are mapped as
   * `faults.ts` says; a `Fault` thrown by `work` rolls back and passes unchanged.
   */
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /**
   * The rows of one parameterised statement, through the pool.
   *
   * Faults: database errors mapped as `faults.ts` says: away or exhausted is `overloaded`, too slow is `timeout`.
   */
  read<Row extends object>(sql: string, values: readonly unknown[]): Promise<Row[]>;
  /**
   * Calls `onWake` with the payload after each NOTIFY on `channel`, and with '' whenever notifications may have been
   * missed (after a reconnect). Answers what stops it.
   */
  listen(channel: string, onWake: (payload: string) => void): Promise<() => Promise<void>>;
  /** Resolves when the database answers and its migrations are those of this program; else throws. Bounded by 2 s. */
  check(): Promise<void>;
  close(): Promise<void>;
}
