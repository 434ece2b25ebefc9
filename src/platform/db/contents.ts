import type pg from 'pg';

/** How closely a backup is compared with its source: every row, or only how many there are. */
export type Closeness = 'full' | 'counts';

/** What a table holds. */
export interface TableContents {
  /** With its schema, quoted where SQL wants it. */
  name: string;
  rows: number;
  /** The same for the same rows in whatever order; null where only counts were asked for. */
  checksum: string | null;
}

/** What a database holds: enough to tell whether a copy of it is whole. */
export interface Contents {
  tables: TableContents[];
  /** One line for each column, constraint, valid index and trigger, sorted. */
  structure: string[];
}

/** Tables of people, not of PostgreSQL or of extensions. */
const ownTables = `FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')`;

const tablesSql = `SELECT name FROM (SELECT format('%I.%I', n.nspname, c.relname) AS name ${ownTables}) AS own
  ORDER BY name COLLATE "C"`;

/** Names and kinds, not definitions: PostgreSQL words a restored expression differently now and then. */
const structureSql = `WITH own AS (SELECT c.oid, format('%I.%I', n.nspname, c.relname) AS name ${ownTables})
SELECT line FROM (
  SELECT format('column %s.%I %s%s', own.name, a.attname, format_type(a.atttypid, a.atttypmod),
                CASE WHEN a.attnotnull THEN ' not null' ELSE '' END) AS line
    FROM own JOIN pg_attribute AS a ON a.attrelid = own.oid WHERE a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
  SELECT format('constraint %I on %s (%s%s)', k.conname, own.name, k.contype,
                CASE WHEN k.convalidated THEN '' ELSE ', not validated' END)
    FROM own JOIN pg_constraint AS k ON k.conrelid = own.oid WHERE k.contype <> 'n'
  UNION ALL
  SELECT format('index %s on %s', i.indexrelid::regclass, own.name)
    FROM own JOIN pg_index AS i ON i.indrelid = own.oid WHERE i.indisvalid
  UNION ALL
  SELECT format('trigger %I on %s (%s)', t.tgname, own.name, t.tgenabled)
    FROM own JOIN pg_trigger AS t ON t.tgrelid = own.oid WHERE NOT t.tgisinternal
) AS lines ORDER BY line COLLATE "C"`;

/** Values as text look the same whatever the session or server says. */
const settingsSql = `SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0;
SET LOCAL "TimeZone" = 'UTC'; SET LOCAL "DateStyle" = 'ISO'; SET LOCAL "IntervalStyle" = 'postgres';
SET LOCAL extra_float_digits = 1; SET LOCAL bytea_output = 'hex'; SET LOCAL search_path = ''`;

/** True when the database holds a table; the migrations' own record counts only where it is asked for. */
export async function hasTables(client: pg.ClientBase, isRecordCounted = false): Promise<boolean> {
  const { rows } = await client.query<{ has: boolean }>(
    `SELECT EXISTS (SELECT ${ownTables} AND ($1 OR c.relname <> '_prisma_migrations')) AS has`,
    [isRecordCounted],
  );
  return rows[0]?.has === true;
}

/**
 * What the database holds. Call it outside a transaction: it reads all in one snapshot of its own.
 *
 * Cost: with `full` every row is read as text and hashed; with `counts` every row is visited.
 */
export async function measure(client: pg.ClientBase, closeness: Closeness): Promise<Contents> {
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY');
  try {
    return await measureHere(client, closeness);
  } finally {
    await client.query('ROLLBACK');
  }
}

/** As `measure`, within the transaction that is open. */
export async function measureHere(client: pg.ClientBase, closeness: Closeness): Promise<Contents> {
  await client.query(settingsSql);
  const structure = await client.query<{ line: string }>(structureSql);
  const names = (await client.query<{ name: string }>(tablesSql)).rows.map(({ name }) => name);
  const tables: TableContents[] = [];
  for (const name of names) tables.push(await measureTable(client, name, closeness));
  return { tables, structure: structure.rows.map(({ line }) => line) };
}

/** `name` comes quoted from the database. */
async function measureTable(client: pg.ClientBase, name: string, closeness: Closeness): Promise<TableContents> {
  // A sum does not mind the order; a row that is there twice counts twice, which XOR would not see.
  const checksum =
    closeness === 'full'
      ? `coalesce(sum(('x' || left(md5(whole_row_::text), 16))::bit(64)::bigint), 0)::text`
      : 'NULL::text';
  const { rows } = await client.query<{ rows: string; checksum: string | null }>(
    `SELECT count(*)::text AS rows, ${checksum} AS checksum FROM ${name} AS whole_row_`,
  );
  return { name, rows: Number(rows[0]?.rows ?? 0), checksum: rows[0]?.checksum ?? null };
}

/** How `found` differs from `expected`, a sentence each; none when they are equal. */
export function differences(expected: Contents, found: Contents): string[] {
  const foundTables = new Map(found.tables.map((table) => [table.name, table]));
  const ofTables = expected.tables.flatMap((table) => differenceOf(table, foundTables.get(table.name)));
  const added = found.tables.filter(({ name }) => !expected.tables.some((table) => table.name === name));
  const lines = new Set(found.structure);
  const lost = expected.structure.filter((line) => !lines.has(line));
  return [
    ...ofTables,
    ...added.map(({ name }) => `${name} is in the copy only`),
    ...lost.map((line) => `the copy lacks ${line}`),
  ];
}

function differenceOf(expected: TableContents, found: TableContents | undefined): string[] {
  const { name, rows, checksum } = expected;
  if (found === undefined) return [`the copy lacks ${name}`];
  if (found.rows !== rows) return [`${name} holds ${found.rows} rows in place of ${rows}`];
  if (checksum === null || found.checksum === null || checksum === found.checksum) return [];
  return [`${name} holds other values`];
}
