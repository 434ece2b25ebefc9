import { access, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type pg from 'pg';

/** The account of the rows in these files; its password is `goodPassword` of the service's tests. */
export const fixtureAccount = 'Ada';

/** Writes the rows that belong to a migration: `<its name>.sql` in this folder, where it needs any. */
export async function writeRows(client: pg.ClientBase, migration: string): Promise<void> {
  const path = fileURLToPath(new URL(`./${migration}.sql`, import.meta.url));
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  if (isThere) await client.query(await readFile(path, 'utf8'));
}

const tablesSql = `SELECT c.relname AS name, array_agg(a.attname::text ORDER BY a.attname) AS columns
  FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND c.relname <> '_prisma_migrations'
  GROUP BY c.relname ORDER BY c.relname`;

/** What the service itself changes when it starts: its space becomes the active one and is filled. */
const changedByService = ['space.is_active', 'space.filled_by', 'space.filled_until'];

/** Every table with its columns. */
export async function readTables(client: pg.ClientBase): Promise<{ name: string; columns: string[] }[]> {
  return (await client.query<{ name: string; columns: string[] }>(tablesSql)).rows;
}

/** A digest of each row of each table, over the columns that both `tables` and the database have. */
export async function digests(
  client: pg.ClientBase,
  tables: readonly { name: string; columns: string[] }[],
): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {};
  for (const { name, columns } of tables) {
    const list = columns
      .filter((column) => !changedByService.includes(`${name}.${column}`))
      .map((column) => `"${column}"`)
      .join(', ');
    const sql = `SELECT md5(ROW(${list})::text) AS digest FROM "${name}" ORDER BY 1`;
    found[name] = (await client.query<{ digest: string }>(sql)).rows.map(({ digest }) => digest);
  }
  return found;
}
