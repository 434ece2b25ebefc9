import pg from 'pg';
import type { Ids } from '../../kernel/ids.js';
import { DatabaseStartError, messageOf } from './start-error.js';

/** How the databases are called in which backups are tried. */
const scratchPrefix = 'promptwell_verify_';

interface Locale {
  encoding: string;
  collate: string;
  ctype: string;
  provider: string;
  /** Of ICU and the built-in provider; null for libc. */
  locale: string | null;
}

/** The columns are called differently from version to version. */
const localeSql = `SELECT pg_encoding_to_char(encoding) AS encoding, datcollate AS collate, datctype AS ctype,
  datlocprovider AS provider, coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale') AS locale
  FROM pg_database AS d WHERE datname = current_database()`;

/**
 * Empty but for extensions that only a superuser may create, so that a plain role can restore what uses them; of the same
 * encoding and locale, or it cannot be taken. Source: `deploy/postgres/init.sh` makes it.
 */
const templateSql = `SELECT t.datname AS name FROM pg_database AS d JOIN pg_database AS t
    ON t.datname = d.datname || '_template' AND t.datistemplate
   AND (t.encoding, t.datcollate, t.datctype, t.datlocprovider) = (d.encoding, d.datcollate, d.datctype, d.datlocprovider)
 WHERE d.datname = current_database()`;

/** A URL like `url`, to another database of the same server. */
export function databaseUrl(url: string, database: string): string {
  const other = new URL(url);
  other.pathname = `/${encodeURIComponent(database)}`;
  return other.href;
}

/** Runs `work` with a connection of its own to `url`. */
export async function withConnection<T>(
  url: string,
  applicationName: string,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    application_name: applicationName,
    connectionTimeoutMillis: 10_000,
  });
  // The loss also rejects the query that is on; without a listener it would end the process.
  client.on('error', () => undefined);
  await client.connect().catch((cause: unknown) => {
    throw new DatabaseStartError(
      `The database at ${client.host}:${client.port} cannot be reached: ${messageOf(cause)}`,
      { cause },
    );
  });
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/**
 * Makes an empty database beside the one of `client`, with the same encoding and locale.
 *
 * Shape: from `<its name>_template` where there is one, which may hold extensions; else from template0.
 * Faults: `DatabaseStartError` when the role may not, or the disk is full.
 */
export async function createBeside(client: pg.ClientBase, name: string): Promise<void> {
  const locale = (await client.query<Locale>(localeSql)).rows[0];
  if (locale === undefined) throw new Error('the connection is to no database');
  const template = (await client.query<{ name: string }>(templateSql)).rows[0]?.name ?? 'template0';
  const text = (value: string): string => pg.escapeLiteral(value);
  const provided = {
    c: '',
    i: ` LOCALE_PROVIDER icu ICU_LOCALE ${text(locale.locale ?? 'und')}`,
    b: ` LOCALE_PROVIDER builtin BUILTIN_LOCALE ${text(locale.locale ?? 'C')}`,
  }[locale.provider];
  const like = `ENCODING ${text(locale.encoding)} LC_COLLATE ${text(locale.collate)} LC_CTYPE ${text(locale.ctype)}`;
  await client
    .query(
      `CREATE DATABASE ${pg.escapeIdentifier(name)} TEMPLATE ${pg.escapeIdentifier(template)} ${like}${provided ?? ''}`,
    )
    .catch((cause: unknown) => {
      throw new DatabaseStartError(
        `No database could be made on the server to restore into (${messageOf(cause)}). The role of DATABASE_URL needs the right, as a superuser gives it: ALTER ROLE ... CREATEDB`,
        { cause },
      );
    });
}

/** Drops a database, whoever is connected to it. */
export async function dropDatabase(client: pg.ClientBase, name: string): Promise<void> {
  await client.query(`DROP DATABASE IF EXISTS ${pg.escapeIdentifier(name)} WITH (FORCE)`);
}

/**
 * Runs `work` with the URL of an empty database on the same server, dropped afterwards.
 *
 * Shape: while it is in use a connection of its very name exists; those without one were left by a kill and go first.
 */
export async function withScratchDatabase<T>(
  deps: { url: string; client: pg.ClientBase; ids: Ids },
  work: (scratch: { name: string; client: pg.Client }) => Promise<T>,
): Promise<T> {
  const { url, client, ids } = deps;
  await dropLeftOvers(client);
  const name = `${scratchPrefix}${ids.uuid().replaceAll('-', '')}`;
  // Known by its name before it exists, so that no other process takes it for left over.
  return withConnection(url, name, async () => {
    await createBeside(client, name);
    try {
      return await withConnection(databaseUrl(url, name), name, (scratch) => work({ name, client: scratch }));
    } finally {
      await dropDatabase(client, name);
    }
  });
}

async function dropLeftOvers(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT datname AS name FROM pg_database AS d WHERE starts_with(datname, $1) AND pg_has_role(datdba, 'USAGE')
       AND NOT EXISTS (SELECT FROM pg_stat_activity AS a WHERE a.application_name = d.datname)`,
    [scratchPrefix],
  );
  for (const { name } of rows) await dropDatabase(client, name);
}
