import type pg from 'pg';
import type { Check } from './check.js';

/** Rows of `child` that name one of `parent`, column by column; all names as SQL wants them. */
interface Relation {
  child: string;
  columns: string[];
  parent: string;
  keys: string[];
}

const relation = (child: string, parent: string, columns: Record<string, string>): Relation => ({
  child: `public.${child}`,
  columns: Object.keys(columns),
  parent: `public.${parent}`,
  keys: Object.values(columns),
});

/** The relations of the schema, looked at even where the constraint that keeps them is gone. */
const known: readonly Relation[] = [
  relation('membership', 'project', { project_id: 'id' }),
  relation('membership', 'app_user', { user_id: 'id' }),
  relation('session', 'app_user', { user_id: 'id' }),
  relation('refresh_token', 'session', { session_id: 'id' }),
  relation('api_key', 'membership', { project_id: 'project_id', user_id: 'user_id' }),
  relation('known_address', 'app_user', { user_id: 'id' }),
  relation('prompt', 'project', { project_id: 'id' }),
  relation('response', 'prompt', { project_id: 'project_id', prompt_id: 'id' }),
  relation('embedding', 'prompt', { project_id: 'project_id', prompt_id: 'id' }),
  relation('embedding', 'space', { space_id: 'id' }),
  relation('event', 'project', { project_id: 'id' }),
];

const foreignKeysSql = `SELECT format('%I.%I', cn.nspname, c.relname) AS child, format('%I.%I', pn.nspname, p.relname) AS parent,
  ARRAY(SELECT quote_ident(a.attname) FROM unnest(k.conkey) WITH ORDINALITY AS u (number, place)
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = u.number ORDER BY u.place) AS columns,
  ARRAY(SELECT quote_ident(a.attname) FROM unnest(k.confkey) WITH ORDINALITY AS u (number, place)
        JOIN pg_attribute AS a ON a.attrelid = p.oid AND a.attnum = u.number ORDER BY u.place) AS keys
  FROM pg_constraint AS k JOIN pg_class AS c ON c.oid = k.conrelid JOIN pg_namespace AS cn ON cn.oid = c.relnamespace
  JOIN pg_class AS p ON p.oid = k.confrelid JOIN pg_namespace AS pn ON pn.oid = p.relnamespace
  WHERE k.contype = 'f' AND cn.nspname !~ '^pg_' ORDER BY child, k.conname`;

/** Relations without a foreign key, by design: what they miss is no damage. */
const loose: readonly Check[] = [
  {
    name: 'prompts-without-account',
    severity: 'note',
    what: 'prompts whose author has no account any more',
    why: 'A prompt stays with its project when an account is deleted.',
    advice: 'Nothing, unless accounts were deleted by hand.',
    sql: 'SELECT p.id FROM prompt AS p WHERE NOT EXISTS (SELECT FROM app_user AS u WHERE u.id = p.user_id)',
  },
];

/** Checks for rows whose counterpart is missing: of every foreign key there is, and of every relation that is known. */
export async function relationChecks(client: pg.ClientBase): Promise<Check[]> {
  const found = (await client.query<Relation>(foreignKeysSql)).rows;
  const all = new Map(
    [...known, ...found].map((one) => [JSON.stringify(one, ['child', 'columns', 'parent', 'keys']), one]),
  );
  return [...[...all.values()].map(orphans), ...loose];
}

function orphans({ child, columns, parent, keys }: Relation): Check {
  const own = columns.map((column) => `child_row_.${column}`);
  const matches = keys.map((key, index) => `parent_row_.${key} = ${own[index]}`).join(' AND ');
  const short = (table: string): string => table.replace(/^public\./, '');
  return {
    name: `orphans-of-${short(child)}-${columns.join('-')}`,
    severity: 'problem',
    what: `rows of ${short(child)} whose ${short(parent)} is missing`,
    why: 'Such a row belongs to nobody: no call shows it, and a migration or a restore that adds the constraint again fails.',
    advice: `Restore from a backup what was lost from ${short(parent)}, or delete these rows of ${short(child)}.`,
    sql: `SELECT coalesce(to_jsonb(child_row_) ->> 'id', concat_ws('/', ${own.join(', ')})) AS id FROM ${child} AS child_row_
      WHERE ${own.map((column) => `${column} IS NOT NULL`).join(' AND ')}
        AND NOT EXISTS (SELECT FROM ${parent} AS parent_row_ WHERE ${matches})`,
  };
}
