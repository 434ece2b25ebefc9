import type pg from 'pg';
import { type InspectDeps, inspectDatabase } from '../inspect.js';
import {
  appliedMigrationsSql,
  newestMigrationSql,
  ownMigrationsDir,
  pendingMigrations,
  readMigrations,
} from '../migrate.js';
import { messageOf } from '../start-error.js';
import type { Check, DoctorLimits } from './check.js';
import { figureChecks } from './figures.js';
import { relationChecks } from './relations.js';
import { rowSecurityChecksOf } from './row-security.js';
import { upkeepChecksOf } from './upkeep.js';
import { vectorChecksOf } from './vectors.js';

/** How many rows of a finding are named. */
const namedRows = 10;

/** What is wrong, and what to do about it. */
export interface Finding {
  check: string;
  severity: Check['severity'];
  /** How many rows. */
  count: number;
  what: string;
  why: string;
  advice: string;
  /** Names of the first ten, sorted. */
  rows: string[];
}

/** What the doctor saw, in one snapshot. */
export interface DoctorReport {
  engine: 'embedded' | 'server';
  /** PostgreSQL's own version. */
  postgres: string;
  /** The newest migration applied; null when there is none. */
  schema: string | null;
  sizeBytes: number;
  tables: { name: string; rows: number; sizeBytes: number }[];
  spaces: { name: string; dimensions: number; vectors: number; missing: number }[];
  /** How many checks were made. */
  checks: number;
  /** Problems first. */
  findings: Finding[];
  /** Checks that this schema is too old or too damaged for. */
  skipped: { check: string; reason: string }[];
}

/** What the doctor needs. */
export interface DoctorDeps extends InspectDeps {
  limits: DoctorLimits;
  /** As in `DatabaseDeps`. */
  migrationsDir?: string;
}

/**
 * Looks a database over as it stands, migrated or not. Reads only, all of it in one snapshot.
 *
 * Cost: every row is visited some ten times; 2.4 s for 10 000 prompts on a busy machine.
 * Faults: `DatabaseStartError` when it cannot be reached, or is in use (embedded).
 */
export async function examine(deps: DoctorDeps): Promise<DoctorReport> {
  return inspectDatabase(deps, async ({ engine, client }) => {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY');
    await client.query('SET LOCAL statement_timeout = 0');
    const migrations = await examineMigrations(client, deps.migrationsDir ?? ownMigrationsDir);
    const attempts = new Attempts(client);
    const findings = [...migrations];
    const checks = await allChecks(client, deps, attempts);
    for (const check of checks) {
      const finding = await attempts.make(check.name, () => look(client, check));
      if (finding != null) findings.push(finding);
    }
    const facts = await describe(client);
    const spaces = (await attempts.make('spaces', () => describeSpaces(client))) ?? [];
    await client.query('ROLLBACK');
    findings.sort((one, other) => Number(one.severity === 'note') - Number(other.severity === 'note'));
    return { engine, ...facts, spaces, checks: checks.length + 1, findings, skipped: attempts.failed };
  });
}

/** Work within one transaction, a savepoint each: one that fails must not end all others. */
class Attempts {
  readonly failed: DoctorReport['skipped'] = [];
  readonly #client: pg.ClientBase;

  constructor(client: pg.ClientBase) {
    this.#client = client;
  }

  /** What `work` gives; undefined when it fails, with the reason among `failed`. */
  async make<T>(check: string, work: () => Promise<T>): Promise<T | undefined> {
    await this.#client.query('SAVEPOINT one_check');
    try {
      return await work();
    } catch (cause) {
      this.failed.push({ check, reason: messageOf(cause) });
      await this.#client.query('ROLLBACK TO SAVEPOINT one_check');
      return undefined;
    }
  }
}

async function allChecks(
  client: pg.ClientBase,
  { config, limits }: Pick<DoctorDeps, 'config' | 'limits'>,
  attempts: Attempts,
): Promise<Check[]> {
  const lists = [
    await attempts.make('relations', () => relationChecks(client)),
    figureChecks,
    await attempts.make('vectors', () => vectorChecksOf(client)),
    await attempts.make('upkeep', () => upkeepChecksOf(client, limits)),
    await attempts.make('row-security', () => rowSecurityChecksOf(client, config)),
  ];
  return lists.flatMap((list) => list ?? []);
}

async function look(client: pg.ClientBase, { sql, values = [], ...check }: Check): Promise<Finding | null> {
  const { rows } = await client.query<{ id: string; total: string }>(
    `SELECT id::text AS id, count(*) OVER ()::text AS total FROM (${sql}) AS found ORDER BY 1 LIMIT ${namedRows}`,
    [...values],
  );
  if (rows.length === 0) return null;
  const { name, severity, what, why, advice } = check;
  const count = Number(rows[0]?.total);
  return { check: name, severity, count, what, why, advice, rows: rows.map(({ id }) => id) };
}

async function examineMigrations(client: pg.ClientBase, folder: string): Promise<Finding[]> {
  const migrations = await readMigrations(folder);
  const finding = {
    check: 'migrations',
    severity: 'problem',
    why: 'Program and database must agree; the service refuses to start or migrates first.',
  } as const;
  try {
    const record = await client.query<{ is: boolean }>("SELECT to_regclass('_prisma_migrations') IS NOT NULL AS is");
    const applied = record.rows[0]?.is === true ? (await client.query(appliedMigrationsSql)).rows : [];
    const pending = pendingMigrations(migrations, applied).map(({ name }) => name);
    if (pending.length === 0) return [];
    const what = 'migrations not applied yet';
    const rows = pending.slice(0, namedRows);
    return [{ ...finding, count: pending.length, what, advice: 'Run: promptwell migrate', rows }];
  } catch (cause) {
    const what = 'reason why this program cannot use the database';
    return [{ ...finding, count: 1, what, advice: messageOf(cause), rows: [] }];
  }
}

const tablesSql = `SELECT c.relname AS name, pg_total_relation_size(c.oid)::text AS size, format('%I.%I', n.nspname, c.relname) AS path
  FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r' AND n.nspname = 'public' ORDER BY c.relname`;

async function describe(
  client: pg.ClientBase,
): Promise<Pick<DoctorReport, 'postgres' | 'schema' | 'sizeBytes' | 'tables'>> {
  const found = (await client.query<{ name: string; size: string; path: string }>(tablesSql)).rows;
  const tables: DoctorReport['tables'] = [];
  for (const { name, size, path } of found) {
    const counted = await client.query<{ rows: string }>(`SELECT count(*)::text AS rows FROM ${path}`);
    tables.push({ name, rows: Number(counted.rows[0]?.rows), sizeBytes: Number(size) });
  }
  const whole = await client.query<{ postgres: string; size: string }>(
    "SELECT current_setting('server_version') AS postgres, pg_database_size(current_database())::text AS size",
  );
  const isMigrated = tables.some(({ name }) => name === '_prisma_migrations');
  const newest = isMigrated ? (await client.query<{ name: string | null }>(newestMigrationSql)).rows[0]?.name : null;
  const { postgres = '', size = '0' } = whole.rows[0] ?? {};
  return { postgres, schema: newest ?? null, sizeBytes: Number(size), tables };
}

async function describeSpaces(client: pg.ClientBase): Promise<DoctorReport['spaces']> {
  const { rows } = await client.query<{ name: string; dimensions: number; vectors: number; missing: number }>(
    `SELECT s.name, s.dimensions, held.vectors::float8 AS vectors, (asked.prompts - held.vectors)::float8 AS missing
       FROM space AS s, LATERAL (SELECT count(*) AS vectors FROM embedding AS e WHERE e.space_id = s.id) AS held,
            (SELECT count(*) AS prompts FROM prompt) AS asked ORDER BY s.id`,
  );
  return rows;
}
