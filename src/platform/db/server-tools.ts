import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import pg from 'pg';
import type { Config } from '../../config.js';
import { DatabaseStartError, messageOf } from './start-error.js';

/** How much of what a program complains is kept: its last words say why. */
const keptComplaintBytes = 4_000;

/** Parts of a URL's query that libpq knows under a variable's name. Source: PostgreSQL documentation, "Environment Variables". */
const libpqVariables = {
  sslmode: 'PGSSLMODE',
  sslrootcert: 'PGSSLROOTCERT',
  sslcert: 'PGSSLCERT',
  sslkey: 'PGSSLKEY',
} as const;

/** PostgreSQL's own programs, which dump and restore a database of a server. */
export class ServerTools {
  readonly #config: Config['db'];
  readonly #environment: Record<string, string>;

  constructor(config: Config['db']) {
    this.#config = config;
    this.#environment = { ...tellPrograms(config.tools), ...tellConnection(config.directUrl ?? '') };
  }

  /**
   * Makes sure that pg_dump is there and not older than the server.
   *
   * Faults: `DatabaseStartError` that says what to install.
   */
  async requireVersion(serverMajor: number): Promise<void> {
    const install = `Install the PostgreSQL ${serverMajor} client (Debian, Ubuntu: postgresql-client-${serverMajor}), or name its pg_dump in PG_DUMP.`;
    const said = await this.#run(this.#pgDump, ['--version']).catch((cause: unknown) => {
      throw new DatabaseStartError(`${this.#pgDump} does not run: ${messageOf(cause)}. ${install}`, { cause });
    });
    const major = Number(/\(PostgreSQL\) (\d+)/.exec(said)?.[1] ?? 0);
    if (major < serverMajor)
      throw new DatabaseStartError(
        `${this.#pgDump} is of PostgreSQL ${major}, older than the server's ${serverMajor}, and cannot dump it. ${install}`,
      );
  }

  /** Writes the whole database, as of an exported snapshot, to a file that exists. */
  async dump(snapshot: string, file: string): Promise<void> {
    await this.#run(this.#pgDump, ['--format=custom', '--no-password', `--snapshot=${snapshot}`, `--file=${file}`]);
  }

  /** Fills `database`, without former owners and grants; in one transaction where `isWhole`: all of it or nothing. */
  async restore(file: string, database: string, isWhole: boolean): Promise<void> {
    const how = isWhole ? '--single-transaction' : '--exit-on-error';
    const options = ['--no-owner', '--no-privileges', '--no-comments', '--no-password', how];
    await this.#run(this.#pgRestore, [...options, `--dbname=${database}`, file]).catch((cause: unknown) => {
      // pg_restore 17 sets transaction_timeout, which servers before 17 do not know.
      if (!/unrecognized configuration parameter/.test(messageOf(cause))) throw cause;
      throw new DatabaseStartError(
        `${this.#pgRestore} is newer than the server, which does not understand it. Use the client of the server's own version: install it, or name its pg_dump in PG_DUMP. (${messageOf(cause)})`,
        { cause },
      );
    });
  }

  get #pgDump(): string {
    return this.#config.tools.pgDump ?? 'pg_dump';
  }

  /** It comes with pg_dump. */
  get #pgRestore(): string {
    const { pgDump } = this.#config.tools;
    return pgDump === undefined ? 'pg_restore' : join(dirname(pgDump), 'pg_restore');
  }

  /** Faults: an error with the program's own last words; it never holds a password, which no program is told as an argument. */
  #run(program: string, args: readonly string[]): Promise<string> {
    return new Promise((resolve, reject) => {
      const child = spawn(program, args, { env: this.#environment, stdio: ['ignore', 'pipe', 'pipe'] });
      let output = '';
      let complaint = '';
      child.stdout.on('data', (text: Buffer) => {
        output += text.toString();
      });
      child.stderr.on('data', (text: Buffer) => {
        complaint = (complaint + text.toString()).slice(-keptComplaintBytes);
      });
      child.once('error', reject);
      child.once('close', (code, signal) => {
        if (code === 0) resolve(output);
        else reject(new DatabaseStartError(complaint.trim() || `${program} ended with ${signal ?? `code ${code}`}`));
      });
    });
  }
}

/** What every program wants to know; nothing else of the environment, which holds secrets. */
const tellPrograms = ({ path, home }: Config['db']['tools']): Record<string, string> => ({
  ...(path === undefined ? {} : { PATH: path }),
  ...(home === undefined ? {} : { HOME: home }),
  // Complaints are read by people here, and by tests.
  LC_MESSAGES: 'C',
});

/** How to reach the database, as `pg` understands its URL. */
function tellConnection(url: string): Record<string, string> {
  // It parses; it is never connected.
  const { host, port, user, database, password } = new pg.Client({ connectionString: url });
  const told: Record<string, string | undefined> = {
    PGHOST: host,
    PGPORT: String(port),
    PGUSER: user,
    PGDATABASE: database,
    PGPASSWORD: password ?? undefined,
    PGAPPNAME: 'promptwell-backup',
  };
  const query = URL.canParse(url) ? new URL(url).searchParams : new URLSearchParams();
  for (const [name, variable] of Object.entries(libpqVariables)) told[variable] = query.get(name) ?? undefined;
  return Object.fromEntries(Object.entries(told).filter((entry): entry is [string, string] => entry[1] !== undefined));
}
