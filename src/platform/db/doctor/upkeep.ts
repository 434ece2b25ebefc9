import type pg from 'pg';
import type { Check, DoctorLimits } from './check.js';

/** How long after its time a thing counts as forgotten rather than about to be done. */
const slackMs = { lease: 300_000, retention: 86_400_000 } as const;

/** What guards the tables besides keys, as migrations named it. */
const guards = [
  'embedding_dimensions_match',
  'prompt_lease_check',
  'response_figures_check',
  'space_dimensions_check',
] as const;

/** What PostgreSQL keeps. */
const catalogueChecks: readonly Check[] = [
  {
    name: 'invalid-indexes',
    severity: 'problem',
    what: 'indexes that PostgreSQL does not use',
    why: 'A build that was cut short left them: they cost every write, and a unique one guards nothing.',
    advice: 'REINDEX INDEX CONCURRENTLY, or drop it where the service makes it anew.',
    sql: `SELECT i.indexrelid::regclass::text AS id FROM pg_index AS i WHERE NOT (i.indisvalid AND i.indisready)
      AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index AS p WHERE p.index_relid = i.indexrelid)`,
  },
  {
    name: 'guards-off',
    severity: 'problem',
    what: 'constraints not validated, triggers disabled, or guards missing',
    why: 'What they keep out may be in, or get in.',
    advice: 'ALTER TABLE ... VALIDATE CONSTRAINT, ENABLE TRIGGER, or add what is missing as prisma/migrations says.',
    sql: `SELECT conname AS id FROM pg_constraint WHERE NOT convalidated AND connamespace = 'public'::regnamespace
      UNION ALL SELECT tgname FROM pg_trigger WHERE tgenabled = 'D'
      UNION ALL SELECT guard FROM unnest($1::text[]) AS guard WHERE to_regclass('embedding') IS NOT NULL
        AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgname = guard)
        AND NOT EXISTS (SELECT FROM pg_constraint WHERE conname = guard)`,
    values: [guards],
  },
  {
    name: 'transaction-ids',
    severity: 'problem',
    what: 'databases close to the end of their transaction ids',
    why: 'PostgreSQL stops taking writes when they run out; autovacuum should have kept this far away.',
    advice: 'VACUUM (as a superuser), and find what holds autovacuum up: an old open transaction or replication slot.',
    sql: 'SELECT datname AS id FROM pg_database WHERE datname = current_database() AND age(datfrozenxid) > 1500000000',
  },
];

/** What the service does in the background. */
const upkeepChecks = ({ retentionMs }: DoctorLimits): Check[] => [
  {
    name: 'pending-past-lease',
    severity: 'problem',
    what: 'prompts still pending although nobody works on them',
    why: 'Their process died, and no other one has ended them: whoever waits for them waits in vain.',
    advice: 'Run the service: it ends them as interrupted within a minute.',
    sql: `SELECT id FROM prompt WHERE status = 'pending'
      AND (lease_expires_at IS NULL OR lease_expires_at < now() - $1 * interval '1 millisecond')`,
    values: [slackMs.lease],
  },
  {
    name: 'events-past-retention',
    severity: 'problem',
    what: 'events kept longer than EVENT_RETENTION_HOURS, by a day and more',
    why: 'They hold texts, and should be gone.',
    advice: 'Run the service: it deletes them within ten minutes.',
    sql: "SELECT id FROM event WHERE created_at < now() - $1 * interval '1 millisecond'",
    values: [retentionMs + slackMs.retention],
  },
  {
    name: 'events-from-the-future',
    severity: 'problem',
    what: 'events of transactions that this server has not counted to yet',
    why: 'The feed waits for them, and for all that follow. They came from a server that had counted further.',
    advice: 'Restore with promptwell restore, which moves them, or: UPDATE event SET xid = pg_current_xact_id()',
    sql: 'SELECT id FROM event WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())',
  },
];

const sequencesSql = `SELECT format('%I.%I', n.nspname, c.relname) AS "table", quote_ident(a.attname) AS "column",
    format('%I.%I', sn.nspname, s.relname) AS sequence
  FROM pg_depend AS d JOIN pg_class AS s ON s.oid = d.objid AND s.relkind = 'S' JOIN pg_namespace AS sn ON sn.oid = s.relnamespace
  JOIN pg_class AS c ON c.oid = d.refobjid JOIN pg_namespace AS n ON n.oid = c.relnamespace
  JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid
  WHERE d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') AND n.nspname !~ '^pg_' ORDER BY sequence`;

/** The checks of upkeep, with one for each sequence: whether it is behind its column. */
export async function upkeepChecksOf(client: pg.ClientBase, limits: DoctorLimits): Promise<Check[]> {
  const { rows } = await client.query<{ table: string; column: string; sequence: string }>(sequencesSql);
  const sequences = rows.map(
    ({ table, column, sequence }): Check => ({
      name: `sequence-${sequence.replace(/^public\./, '')}`,
      severity: 'problem',
      what: `numbers of ${table} beyond the sequence that gives them out`,
      why: 'A new row will get a number that is taken, and fail.',
      advice: `SELECT setval('${sequence}', (SELECT max(${column}) FROM ${table}))`,
      sql: `SELECT ${column} AS id FROM ${table} WHERE ${column} > (SELECT last_value FROM ${sequence})`,
    }),
  );
  return [...upkeepChecks(limits), ...catalogueChecks, ...sequences];
}
