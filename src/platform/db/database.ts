import type pg from 'pg';
import type { Prisma, PrismaClient } from './generated/client.js';
import type { RowSecurity } from './row-security.js';

/** What runs inside a transaction. Never mix it with the outer client: the embedded engine has one session. */
export type Tx = Prisma.TransactionClient;

/** One connection, for statements that belong to one session. */
export interface Connection {
  /** The rows of one statement. Faults: the driver's own errors. */
  query<Row extends object>(sql: string, values?: readonly unknown[]): Promise<Row[]>;
}

/** The database as one project may see it. */
export interface Scoped {
  /** As `Database.read`. Cost: one round trip, as without a scope. */
  read<Row extends object>(sql: string, values: readonly unknown[]): Promise<Row[]>;
  /** As `Database.readParsed`. */
  readParsed<Row extends object>(sql: string, values: readonly unknown[]): Promise<Row[]>;
  /**
   * As `read`, for a statement that is asked often and whose best plan does not depend on its values: a server plans it
   * but once a connection. Not on the embedded engine, whose connections share one session, nor behind a pooler.
   */
  readKept<Row extends object>(sql: string, values: readonly unknown[]): Promise<Row[]>;
  /** As `Database.transaction`. Cost: one statement more. */
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
}

/** The database, whichever engine serves it; above this line there is one code path. */
export interface Database {
  readonly engine: 'embedded' | 'server';
  /** Whether row-level security binds what runs within a project; if not, why not. */
  readonly rowSecurity: RowSecurity;
  /** For writes and rare reads. */
  readonly prisma: PrismaClient;
  /** The pool that Prisma's adapter shares; for hot reads outside transactions. */
  readonly pool: pg.Pool;
  /**
   * The database within a project: whatever runs there sees and changes rows of that project alone, even where a
   * statement forgets to say so. All work on behalf of a project runs so; what works over all of them uses the rest.
   */
  within(projectId: string): Scoped;
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
   * As `read`, for one of few statements that are asked often: a server's connections keep it parsed (not behind a
   * pooler), and plan it for its values each time.
   */
  readParsed<Row extends object>(sql: string, values: readonly unknown[]): Promise<Row[]>;
  /**
   * Calls `onWake` with the payload after each NOTIFY on `channel`, and with '' whenever notifications may have been
   * missed (after a reconnect). Answers what stops it.
   */
  listen(channel: string, onWake: (payload: string) => void): Promise<() => Promise<void>>;
  /**
   * Runs `work` on a connection that nobody else has, past any pooler and without a statement timeout: for locks of a
   * session, and for what no transaction may hold. The embedded engine has one session: everyone else waits meanwhile.
   * `signal` cancels the statement that runs (not on the embedded engine).
   *
   * Faults: database errors mapped as `faults.ts` says.
   */
  alone<T>(signal: AbortSignal, work: (connection: Connection) => Promise<T>): Promise<T>;
  /** Resolves when the database answers and its migrations are those of this program; else throws. Bounded by 2 s. */
  check(): Promise<void>;
  /** Ends every connection. Embedded, a last backup is made if there are changes, and left out once `outOfTime` fires. */
  close(outOfTime?: AbortSignal): Promise<void>;
}
