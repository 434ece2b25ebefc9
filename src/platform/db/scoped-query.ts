import pg from 'pg';
import { Prisma } from './generated/client.js';

/** As whom, and for which project, a statement runs. */
export interface Scope {
  /** The role that policies bind; `none` keeps the login's own. */
  role: string;
  projectId: string;
}

/**
 * The statement that enters a scope, to the end of the transaction. No row comes of it.
 *
 * `set_config(..., true)` is local to the transaction, so nothing is left on a connection that others get next, behind a
 * pooler in transaction mode too.
 */
export const enterScope = ({ role, projectId }: Scope): Prisma.Sql => Prisma.sql`
  SELECT WHERE set_config('role', ${role}, true) || set_config('promptwell.project_id', ${projectId}, true) IS NULL`;

const enterScopeSql = enterScope({ role: '', projectId: '' }).text;

/** What `pg` lets a query say; its types leave these out. Source: pg 8, lib/connection.js and lib/query.js. */
interface Wire {
  parse(statement: { text: string; name: string; types: undefined }): void;
  bind(portal: { portal: string; statement: string; values: string[]; binary: boolean; valueMapper: null }): void;
  execute(portal: { portal: string; rows: number }): void;
}

interface WireQuery {
  prepare(connection: Wire): void;
  handleCommandComplete(message: object, connection: Wire): void;
}

// `queryMode` too is missing in the types.
const WireQuery = pg.Query as unknown as new (config: {
  text: string;
  values: unknown[];
  queryMode: 'extended';
}) => WireQuery;

/**
 * One statement within a scope, in one round trip: entering it and the statement itself stand before one Sync, which
 * makes them one transaction of the server's.
 *
 * Shape: for `pool.query`; what it answers is the statement's own result. Cost: figures in tests/bench/RESULTS.md, "Row
 * security". Source: PostgreSQL documentation, "Extended Query", on pipelining.
 */
export class ScopedQuery extends WireQuery {
  readonly #scope: Scope;
  #isEntered = false;

  constructor(statement: { text: string; values: readonly unknown[] }, scope: Scope) {
    super({ text: statement.text, values: [...statement.values], queryMode: 'extended' });
    this.#scope = scope;
  }

  /** Called by `pg` when the connection is free. */
  override prepare(connection: Wire): void {
    const { role, projectId } = this.#scope;
    connection.parse({ text: enterScopeSql, name: '', types: undefined });
    connection.bind({ portal: '', statement: '', values: [role, projectId], binary: false, valueMapper: null });
    // Nobody asked for its columns, and it has no rows: all that comes back is that it is complete.
    connection.execute({ portal: '', rows: 0 });
    super.prepare(connection);
  }

  /** Called by `pg` for each statement that ended. */
  override handleCommandComplete(message: object, connection: Wire): void {
    if (this.#isEntered) super.handleCommandComplete(message, connection);
    this.#isEntered = true;
  }
}
