import type pg from 'pg';
import type { Connection } from './database.js';
import type { RowSecurity } from './row-security.js';

/** What the database tells of itself, in pino's shape. */
export interface DatabaseLog {
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}

/** What differs between the engines: opened, migrated and ready. */
export interface Engine {
  readonly kind: 'embedded' | 'server';
  readonly pool: pg.Pool;
  readonly rowSecurity: RowSecurity;
  /** Whether what a connection of the pool prepares is there for its next statement. */
  readonly keepsStatements: boolean;
  /** False while this engine has ended by itself and is not open again. */
  isAlive(): boolean;
  listen(channel: string, onWake: (payload: string) => void): Promise<() => Promise<void>>;
  /** As `Database.alone`, with the driver's own errors. */
  alone<T>(signal: AbortSignal, work: (connection: Connection) => Promise<T>): Promise<T>;
  /** Called when no statement runs any more; `outOfTime` says when to leave out what can be left out. */
  close(outOfTime?: AbortSignal): Promise<void>;
}
