import pg from 'pg';
import type { Config } from '../../config.js';
import { DatabaseStartError, messageOf } from './start-error.js';

/** The role that policies bind: nobody signs in as it, the login becomes it for one transaction. One to a cluster. */
export const projectRole = 'promptwell_project';

/** Whether statements on behalf of a project are bound by row-level security. */
export type RowSecurity =
  | { role: typeof projectRole; missing: null }
  /** They run as the login itself; why, in words for an operator. */
  | { role: 'none'; missing: string };

const readWrite = ['SELECT', 'INSERT', 'UPDATE', 'DELETE'] as const;

/** What the role may do with whole tables: what a call on behalf of a project does, and no more. */
const tableGrants: Readonly<Record<string, readonly string[]>> = {
  project: ['SELECT', 'UPDATE'],
  membership: readWrite,
  api_key: readWrite,
  invitation: readWrite,
  audit_entry: ['SELECT', 'INSERT'],
  prompt: readWrite,
  response: readWrite,
  embedding: readWrite,
  event: readWrite,
  ann_index: ['SELECT'],
  spend: ['SELECT', 'INSERT', 'UPDATE'],
  space: ['SELECT'],
  own_prompt: ['SELECT'],
};

/** Of accounts, what members see of each other: no password, no address. */
const accountColumns = ['id', 'username', 'username_key', 'disabled_at'] as const;

/** What is not as it should be; each row is one statement that mends it. Tables that are not there yet are left out. */
const ungrantedSql = `
  SELECT format('GRANT %s ON %s TO %I', g.privilege, to_regclass(g.relation), $1::text) AS sql
    FROM unnest($2::text[], $3::text[]) AS g(relation, privilege)
   WHERE to_regclass(g.relation) IS NOT NULL AND NOT has_table_privilege($1, to_regclass(g.relation), g.privilege)
  UNION ALL
  SELECT format('GRANT SELECT (%I) ON app_user TO %I', g.name, $1::text) FROM unnest($4::text[]) AS g(name)
   WHERE to_regclass('app_user') IS NOT NULL AND NOT has_column_privilege($1, to_regclass('app_user'), g.name, 'SELECT')
  UNION ALL
  SELECT format('GRANT USAGE ON SEQUENCE event_id_seq TO %I', $1::text)
   WHERE to_regclass('event_id_seq') IS NOT NULL AND NOT has_sequence_privilege($1, to_regclass('event_id_seq'), 'USAGE')
  UNION ALL
  SELECT format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), $1::text)
   WHERE NOT has_schema_privilege($1, current_schema(), 'USAGE')`;

/** The grants that the role lacks, each as the statement that makes it. */
async function ungranted(client: pg.ClientBase): Promise<string[]> {
  const pairs = Object.entries(tableGrants).flatMap(([table, privileges]) =>
    privileges.map((privilege) => [table, privilege] as const),
  );
  const values = [projectRole, pairs.map(([table]) => table), pairs.map(([, privilege]) => privilege), accountColumns];
  const { rows } = await client.query<{ sql: string }>(ungrantedSql, values);
  return rows.map(({ sql }) => sql);
}

/** How the login (`$2`, or the present one) stands to the role (`$1`) and to the tables. */
const standingSql = `
  SELECT quote_ident(login.rolname) AS login, bound.oid IS NOT NULL AS "hasRole",
    coalesce(bound.rolsuper OR bound.rolbypassrls OR pg_has_role(bound.oid, owner.relowner, 'USAGE'), false) AS "isUnbound",
    coalesce(pg_has_role(login.oid, bound.oid,
      CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END), false) AS "mayEnter",
    coalesce(login.rolsuper OR login.rolbypassrls OR pg_has_role(login.oid, owner.relowner, 'USAGE'), true) AS "seesAll"
  FROM pg_roles AS login LEFT JOIN pg_roles AS bound ON bound.rolname = $1
  LEFT JOIN pg_class AS owner ON owner.oid = to_regclass('prompt')
  WHERE login.rolname IN ($2, current_user) ORDER BY login.rolname = $2 DESC LIMIT 1`;

interface Standing {
  /** As SQL wants it. */
  login: string;
  hasRole: boolean;
  /** The role is one that no policy binds. */
  isUnbound: boolean;
  mayEnter: boolean;
  /** The login itself is bound by no policy. */
  seesAll: boolean;
}

/** Two programs that start on one cluster make the role at the same instant; what the other made is as good. */
const madeByAnother: ReadonlySet<string> = new Set(['42710', '23505', 'XX000']);

/** As whom the pool signs in; the client that knows how a URL is read is never connected. */
export const loginOf = ({ url }: Config['db']): string =>
  url === undefined ? 'postgres' : (new pg.Client({ connectionString: url }).user ?? '');

/** What raising the wall needs besides a connection that may change the schema. */
export interface RowSecurityDeps {
  /** The role that the pool signs in as. */
  login: string;
  mode: 'auto' | 'required' | 'off';
  log: { warn(facts: object, message: string): void };
}

/**
 * Makes the role that policies bind, grants it what it needs and lets the login become it. Call it within
 * `underMigrationLock`, after the migrations.
 *
 * Shape: where all stands nothing is written. Where the login may not make roles it says so in the log and answers
 * `missing`, unless `mode` requires the wall. Cost: two statements when nothing is to be done.
 * Faults: `DatabaseStartError` when the wall is required and cannot stand; when policies bind the login itself, so that it
 * would see no row at all.
 */
export async function raiseRowSecurity(client: pg.ClientBase, deps: RowSecurityDeps): Promise<RowSecurity> {
  const missing = deps.mode === 'off' ? 'it is switched off (ROW_SECURITY=off)' : await raise(client, deps.login);
  await requireUnbound(client, deps.login);
  if (missing === null) return { role: projectRole, missing };
  if (deps.mode === 'required') throw new DatabaseStartError(`ROW_SECURITY=required, but ${missing}. ${remedy(deps)}`);
  if (deps.mode === 'auto') deps.log.warn({ missing, remedy: remedy(deps) }, 'row-level security does not stand');
  return { role: 'none', missing };
}

const remedy = ({ login }: RowSecurityDeps): string =>
  `As a superuser of the server run: CREATE ROLE ${projectRole} NOLOGIN; GRANT ${projectRole} TO ${pg.escapeIdentifier(login)};`;

/** Null when it stands, else what is missing. */
async function raise(client: pg.ClientBase, login: string): Promise<string | null> {
  try {
    let standing = await standingOf(client, login);
    if (!standing.hasRole) {
      await unlessMade(client, `CREATE ROLE ${projectRole} NOLOGIN NOSUPERUSER NOBYPASSRLS`);
      standing = await standingOf(client, login);
    }
    if (!standing.mayEnter) await unlessMade(client, `GRANT ${projectRole} TO ${standing.login}`);
    for (const sql of await ungranted(client)) await client.query(sql);
    return (await lackOfRowSecurity(client, login))[0] ?? null;
  } catch (cause) {
    return `the role ${projectRole} could not be made ready (${messageOf(cause)})`;
  }
}

/** What keeps row-level security from binding the work of projects, as it stands; each in words. Reads only. */
export async function lackOfRowSecurity(client: pg.ClientBase, login: string): Promise<string[]> {
  const { hasRole, isUnbound, mayEnter } = await standingOf(client, login);
  if (!hasRole) return [`there is no role ${projectRole}`];
  return [
    ...(isUnbound ? [`the role ${projectRole} is one that no policy binds`] : []),
    ...(mayEnter ? [] : [`the role of DATABASE_URL may not become ${projectRole}`]),
    ...(await ungranted(client)).map((sql) => `the role ${projectRole} lacks: ${sql}`),
  ];
}

async function unlessMade(client: pg.ClientBase, sql: string): Promise<void> {
  await client.query(sql).catch((cause: unknown) => {
    if (!madeByAnother.has((cause as { code?: string }).code ?? '')) throw cause;
  });
}

async function requireUnbound(client: pg.ClientBase, login: string): Promise<void> {
  const standing = await standingOf(client, login);
  if (standing.seesAll) return;
  throw new DatabaseStartError(
    `The role ${standing.login} of DATABASE_URL does not own the tables, so that row-level security would hide every row from it. Make it a member of the role that owns them, or sign in as that one.`,
  );
}

async function standingOf(client: pg.ClientBase, login: string): Promise<Standing> {
  const { rows } = await client.query<Standing>(standingSql, [projectRole, login]);
  if (rows[0] === undefined) throw new Error('the connection has no role');
  return rows[0];
}
