import pg from 'pg';
import { Prisma } from './generated/client.js';

/** As whom, and for which project, a statement runs. */
export interface Scope {
  /** The role that policies bind; `none` keeps the login's own. */
  role: string;
  projectId: string;
}

/** Source: PostgreSQL documentation, "Query Planning", plan_cache_mode. */
type PlanMode = 'force_custom_plan' | 'force_generic_plan';

/**
 * The statement that enters a scope, to the end of the transaction. No row comes of it.
 *
 * `set_config(..., true)` is local to the transaction, so nothing is left on a connection that others get next, behind a
 * pooler in transaction mode too.
 */
export const enterScope = (
  { role, projectId }: Scope,
  planMode: PlanMode = 'force_custom_plan',
): Prisma.Sql => Prisma.sql`
  SELECT WHERE set_config('role', ${role}, true) || set_config('promptwell.project_id', ${projectId}, true)
    || set_config('plan_cache_mode', ${planMode}, true) IS NULL`;

const enterScopeSql = enterScope({ role: '', projectId: '' }).text;

/** What `pg` lets a query say; its types leave these out. Source: pg 8, lib/connection.js and lib/query.js. */
interface Wire {
  parse(statement: { text: string; name: string; types: undefined }): void;
  bind(portal: { portal: string; statement: string; values: string[]; binary: boolean; valueMapper: null }): void;
  execute(portal: { portal: string; rows: number }): void;
  close(statement: { type: 'S'; name: string }): void;
}

interface WireQuery {
  name: string | undefined;
  hasBeenParsed(connection: Wire): boolean;
  prepare(connection: Wire): void;
  handleCommandComplete(message: object, connection: Wire): void;
}

// `queryMode` too is missing in the types.
const WireQuery = pg.Query as unknown as new (config: {
  text: string;
  values: unknown[];
  name: string | undefined;
  queryMode: 'extended';
}) => WireQuery;

/** The names under which each connection keeps statements. */
const kept = new WeakMap<Wire, Set<string>>();

/** Each statement that is kept, by its text: texts are the program's own, so there are few. */
const names = new Map<string, string>();

/** Statements that one process keeps by name; those beyond are planned at each call. */
const mostNames = 64;

/** The name under which a statement is kept; undefined for one too many. */
export function nameOf(text: string): string | undefined {
  const name = names.get(text) ?? (names.size < mostNames ? `promptwell_${names.size + 1}` : undefined);
  if (name !== undefined) names.set(text, name);
  return name;
}

/** What a scoped statement is made of. */
export interface ScopedStatement {
  text: string;
  values: readonly unknown[];
  /** What the connection keeps: nothing behind a pooler, else the way into the scope, the statement parsed, or planned. */
  kept: 'nothing' | 'scope' | 'parsed' | 'planned';
}

/**
 * One statement within a scope, in one round trip: entering it and the statement itself stand before one Sync, which
 * makes them one transaction of the server's.
 *
 * Shape: for `pool.query`; what it answers is the statement's own result. A name that the connection does not surely keep
 * is closed before it is parsed: whether it was, nobody knows after a failure, and closing what is not there is none.
 * Cost: figures in tests/bench/RESULTS.md, "Row security". Source: PostgreSQL documentation, "Extended Query", on
 * pipelining and named statements.
 */
export class ScopedQuery extends WireQuery {
  readonly #scope: Scope;
  readonly #scopeName: string;
  readonly #planMode: PlanMode;
  #isEntered = false;

  constructor({ text, values, kept: keeping }: ScopedStatement, scope: Scope) {
    const isKept = keeping === 'parsed' || keeping === 'planned';
    super({ text, values: [...values], name: isKept ? nameOf(text) : undefined, queryMode: 'extended' });
    this.#scope = scope;
    // Left to itself the server would change from one to the other after five calls.
    this.#planMode = keeping === 'planned' && this.name !== undefined ? 'force_generic_plan' : 'force_custom_plan';
    this.#scopeName = keeping === 'nothing' ? '' : (nameOf(enterScopeSql) ?? '');
  }

  /** Asked by `pg` whether the connection keeps the statement. */
  override hasBeenParsed(connection: Wire): boolean {
    return this.name !== undefined && keeps(connection, this.name);
  }

  /** Called by `pg` when the connection is free. */
  override prepare(connection: Wire): void {
    const { role, projectId } = this.#scope;
    const name = this.#scopeName;
    if (name === '' || !keeps(connection, name)) {
      if (name !== '') connection.close({ type: 'S', name });
      connection.parse({ text: enterScopeSql, name, types: undefined });
    }
    connection.bind({
      portal: '',
      statement: name,
      values: [role, projectId, this.#planMode],
      binary: false,
      valueMapper: null,
    });
    // Nobody asked for its columns, and it has no rows: all that comes back is that it is complete.
    connection.execute({ portal: '', rows: 0 });
    if (this.name !== undefined && !keeps(connection, this.name)) connection.close({ type: 'S', name: this.name });
    super.prepare(connection);
  }

  /** Called by `pg` for each statement that ended. */
  override handleCommandComplete(message: object, connection: Wire): void {
    keep(connection, this.#isEntered ? this.name : this.#scopeName);
    if (this.#isEntered) super.handleCommandComplete(message, connection);
    this.#isEntered = true;
  }
}

const keeps = (connection: Wire, name: string): boolean => kept.get(connection)?.has(name) ?? false;

function keep(connection: Wire, name: string | undefined): void {
  if (name === undefined || name === '') return;
  const there = kept.get(connection);
  if (there === undefined) kept.set(connection, new Set([name]));
  else there.add(name);
}
