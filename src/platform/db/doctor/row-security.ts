import type pg from 'pg';
import type { Config } from '../../../config.js';
import { lackOfRowSecurity, loginOf } from '../row-security.js';
import type { Check } from './check.js';

/** Rows of one project in a table that no policy guards. */
const openTables: Check = {
  name: 'tables-without-row-security',
  severity: 'problem',
  what: 'tables of projects that row-level security does not guard',
  why: 'A statement that forgot to name its project would see the rows of all.',
  advice: 'Add the policy as the newest prisma/migrations have it, and ALTER TABLE ... ENABLE ROW LEVEL SECURITY.',
  sql: `SELECT c.relname AS id FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
    WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace AND a.attname = 'project_id' AND NOT a.attisdropped
      AND NOT (c.relrowsecurity AND EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = c.oid))`,
};

/** Checks that the second wall stands behind the queries: policies on the tables, and a role that they bind. */
export async function rowSecurityChecksOf(client: pg.ClientBase, config: Config['db']): Promise<Check[]> {
  return [
    openTables,
    {
      name: 'row-security-role',
      severity: 'note',
      what: 'reasons why row-level security does not bind the work of projects',
      why: 'The queries alone keep projects apart then, with no second wall behind them.',
      advice: 'Start the service, or have a superuser make the role as deploy/postgres/init.sh does; see ROW_SECURITY.',
      sql: 'SELECT lack AS id FROM unnest($1::text[]) AS lack',
      values: [await lackOfRowSecurity(client, loginOf(config))],
    },
  ];
}
