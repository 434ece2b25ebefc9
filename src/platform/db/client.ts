import { PrismaPg } from '@prisma/adapter-pg';
import type { Config } from '../../config.js';
import type { Clock } from '../../kernel/clock.js';
import { Fault } from '../../kernel/fault.js';
import type { Ids } from '../../kernel/ids.js';
import type pg from 'pg';
import type { Connection, Database, Scoped, Tx } from './database.js';
import { openEmbedded } from './embedded.js';
import type { DatabaseLog, Engine } from './engine.js';
import { isRetryable, toFault } from './faults.js';
import { PrismaClient } from './generated/client.js';
import {
  appliedMigrationsSql,
  type Migration,
  ownMigrationsDir,
  pendingMigrations,
  readMigrations,
} from './migrate.js';
import { ownThreadUrl } from './pglite.js';
import { enterScope, nameOf, ScopedQuery, type ScopedStatement } from './scoped-query.js';
import { openServer } from './server.js';
import type { OnStatement } from './statement-times.js';

/** How often a transaction is tried in all. Source: threats.md section 3. */
const maxTries = 3;

/** Bound of `Database.check`. */
const checkTimeoutMs = 2_000;

/** Waiting for the embedded engine's one session may take long; P2028 after Prisma's default of 2 s would be premature. */
const transactionOptions = { maxWait: 10_000, timeout: 30_000 };

/** What `openDatabase` needs. */
export interface DatabaseDeps {
  config: Config['db'];
  clock: Clock;
  ids: Ids;
  log: DatabaseLog;
  /** The folder of migrations; by default the one beside this program. */
  migrationsDir?: string;
  /** The compiled thread of the embedded engine; by default the one beside this program. */
  threadUrl?: string;
  /** A `dumpDataDir('gzip')` file that an empty data folder is filled from, in place of initdb and all migrations. */
  seedTarball?: string;
  /** Told of each backup of the embedded engine, for metrics. */
  onBackup?: (outcome: 'completed' | 'failed') => void;
  /** Told of each thread of the embedded engine that serves in place of one that ended, for metrics. */
  onThreadReplaced?: () => void;
  /** What this start of the machine is called, for the embedded engine; a test says another after a pretended power cut. */
  bootId?: string | null;
  /** Told of each statement, for metrics. */
  onStatement?: OnStatement;
}

/**
 * The database that `config` names, migrated and ready.
 *
 * Cost: embedded 5 s at the first start (initdb), under 1 s later; server: one connection and a few statements.
 * Faults: `DatabaseStartError`, whose message says what to do.
 */
export async function openDatabase(deps: DatabaseDeps): Promise<Database> {
  const migrations = await readMigrations(deps.migrationsDir ?? ownMigrationsDir);
  const engine =
    deps.config.engine === 'server'
      ? await openServer({ ...deps, migrations })
      : await openEmbedded({ ...deps, migrations, threadUrl: deps.threadUrl ?? ownThreadUrl });
  // A broken idle connection is replaced at the next query; without a listener it would end the process.
  engine.pool.on('error', (cause) => deps.log.warn({ err: cause }, 'an idle database connection failed'));
  return new PostgresDatabase({ engine, migrations });
}

/** The house's database on top of either engine. */
class PostgresDatabase implements Database {
  readonly prisma: PrismaClient;
  readonly #engine: Engine;
  readonly #migrations: readonly Migration[];
  #closing: Promise<void> | undefined;

  constructor(deps: { engine: Engine; migrations: readonly Migration[] }) {
    this.#engine = deps.engine;
    this.#migrations = deps.migrations;
    this.prisma = openPrisma(deps.engine);
  }

  get engine(): Database['engine'] {
    return this.#engine.kind;
  }

  get pool(): Database['pool'] {
    return this.#engine.pool;
  }

  get rowSecurity(): Database['rowSecurity'] {
    return this.#engine.rowSecurity;
  }

  within(projectId: string): Scoped {
    const scope = { role: this.rowSecurity.role, projectId };
    const ask = <Row extends object>(statement: ScopedStatement): Promise<Row[]> =>
      // A query of one's own making is taken as it is, which the types do not say.
      this.#rows<Row>(this.pool.query(new ScopedQuery(statement, scope) as unknown as pg.QueryConfig<never>));
    const { keepsStatements } = this.#engine;
    return {
      read: (text, values) => ask({ text, values, kept: keepsStatements ? 'scope' : 'nothing' }),
      readParsed: (text, values) => ask({ text, values, kept: keepsStatements ? 'parsed' : 'nothing' }),
      readKept: (text, values) => ask({ text, values, kept: keepsStatements ? 'planned' : 'nothing' }),
      transaction: (work) =>
        this.transaction(async (tx) => {
          await tx.$executeRaw(enterScope(scope));
          return work(tx);
        }),
    };
  }

  async transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.prisma.$transaction(work);
      } catch (error) {
        if (tries === maxTries || !isRetryable(error)) throw toFault(error);
      }
    }
  }

  read<Row extends object>(sql: string, values: readonly unknown[]): Promise<Row[]> {
    return this.#rows<Row>(this.pool.query<Row>(sql, [...values]));
  }

  readParsed<Row extends object>(sql: string, values: readonly unknown[]): Promise<Row[]> {
    const name = this.#engine.keepsStatements ? nameOf(sql) : undefined;
    if (name === undefined) return this.read(sql, values);
    // Apart from the names of scoped statements, of which `pg` does not know that they are there.
    return this.#rows<Row>(this.pool.query<Row>({ name: `${name}_unscoped`, text: sql, values: [...values] }));
  }

  async #rows<Row extends object>(asked: Promise<{ rows: object[] }>): Promise<Row[]> {
    try {
      return (await asked).rows as Row[];
    } catch (error) {
      throw toFault(error);
    }
  }

  listen(channel: string, onWake: (payload: string) => void): Promise<() => Promise<void>> {
    return this.#engine.listen(channel, onWake);
  }

  async alone<T>(signal: AbortSignal, work: (connection: Connection) => Promise<T>): Promise<T> {
    try {
      return await this.#engine.alone(signal, work);
    } catch (error) {
      throw toFault(error);
    }
  }

  async check(): Promise<void> {
    if (!this.#engine.isAlive()) throw new Fault('overloaded', 'The embedded database is being opened anew.');
    const rows = await withinTime(this.read(appliedMigrationsSql, []));
    if (pendingMigrations(this.#migrations, rows).length > 0)
      throw new Fault('precondition', 'The database lacks migrations of this program.', { state: 'unmigrated' });
  }

  close(outOfTime?: AbortSignal): Promise<void> {
    this.#closing ??= this.#close(outOfTime);
    return this.#closing;
  }

  async #close(outOfTime: AbortSignal | undefined): Promise<void> {
    await this.prisma.$disconnect();
    await this.#engine.close(outOfTime);
  }
}

/** A Prisma client whose errors are mapped like all others, inside transactions and out. */
function openPrisma(engine: Engine): PrismaClient {
  const prisma = new PrismaClient({ adapter: new PrismaPg(engine.pool), transactionOptions });
  const mapped = prisma.$extends({
    query: {
      async $allOperations({ args, query }) {
        try {
          return (await query(args)) as unknown;
        } catch (error) {
          throw toFault(error);
        }
      },
    },
  });
  // The extension changes no signature; its type, though, names neither `$on` nor the client that the house knows.
  return mapped as unknown as PrismaClient;
}

async function withinTime<T>(work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const fault = new Fault('overloaded', 'The database did not answer in time.', { deadlineMs: checkTimeoutMs });
    timer = setTimeout(() => reject(fault), checkTimeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
