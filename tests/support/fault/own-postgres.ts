import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readFile, rm, rmdir, symlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import { engineUnderTest } from '../database.js';
import { until } from '../wait.js';

const run = promisify(execFile);
const tool = fileURLToPath(new URL('../../../../shared/bin/postgres', import.meta.url));
const root =
  process.env['PG_ROOT'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'postgres-17-pgvector');

/** Why a test cannot have a PostgreSQL of its own here; null when it can. */
export const noOwnPostgres: string | null = reasonAgainst();

function reasonAgainst(): string | null {
  if (engineUnderTest !== 'server') return 'only on the server engine (TEST_DATABASE_URL)';
  if (!existsSync(tool))
    return 'needs ../shared/bin/postgres beside the project, to kill and freeze a server of its own';
  return process.getuid?.() === 0 ? null : 'needs root: the server runs in a root of its own';
}

/** A PostgreSQL server for one test to kill, freeze and fill; its data is gone with its scope (`await using`). */
export interface OwnPostgres extends AsyncDisposable {
  /** Of the database `postgres`, as its superuser. */
  url: string;
  /** Starts it again after `kill`, `stop` or `stopAtOnce`; resolves when it answers. */
  start(): Promise<void>;
  /** SIGKILL to every process of it. */
  kill(): Promise<void>;
  /** Stops as `pg_ctl stop -m fast` does: connections are told. */
  stop(): Promise<void>;
  /** Stops as `pg_ctl stop -m immediate` does: as a crash would, and the next start recovers. */
  stopAtOnce(): Promise<void>;
  /** SIGSTOP to every process of it: the kernel still takes connections, nobody answers. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  /** SIGKILL to one backend that serves `applicationName`: the server then ends all others and recovers. */
  killBackend(applicationName: string): Promise<void>;
  /** Runs `work` as another session of the superuser. */
  asAdmin<T>(work: (client: pg.Client) => Promise<T>): Promise<T>;
  /** Where its data lies. */
  folder: string;
}

/** What a server of one's own may be given. */
export interface OwnPostgresOptions {
  /** Lays its data on a memory disk of this size, all but its log: a server whose log finds no room stops, which is F04. */
  diskMb?: number;
}

/** Starts a PostgreSQL of a test's own on a free port. Cost: initdb takes 2 to 4 s. */
export async function startOwnPostgres({ diskMb }: OwnPostgresOptions = {}): Promise<OwnPostgres> {
  if (noOwnPostgres !== null) throw new Error(noOwnPostgres);
  const port = await freePort();
  const folder = join(root, `data-${port}`);
  const verb = (name: string): Promise<unknown> => run(tool, [name, String(port)]);
  if (diskMb !== undefined) {
    await mkdir(folder, { recursive: true });
    await run('mount', ['-t', 'tmpfs', '-o', `size=${diskMb}m`, 'tmpfs', folder]);
  }
  const url = `postgresql://postgres@127.0.0.1:${port}/postgres`;
  const postmaster = async (): Promise<number> =>
    Number((await readFile(join(folder, 'postmaster.pid'), 'utf8')).split('\n')[0]);
  const gone = (pid: number): Promise<true> => until('the server to end', () => (isAlive(pid) ? undefined : true));
  const asAdmin = <T>(work: (client: pg.Client) => Promise<T>): Promise<T> => withAdmin(url, work);
  await verb('start');
  const logFolder = join(root, `log-${port}`);
  if (diskMb !== undefined) {
    await verb('stop');
    await run('mv', [join(folder, 'pg_wal'), logFolder]);
    await symlink(`../log-${port}`, join(folder, 'pg_wal'));
    await verb('start');
  }
  return {
    url,
    folder,
    asAdmin,
    start: async () => void (await verb('start')),
    // A child that ended by itself meanwhile makes the tool complain, and changes nothing.
    kill: async () => {
      const pid = await postmaster();
      await verb('kill').catch(() => undefined);
      await gone(pid);
      await rm(join(folder, 'postmaster.pid'), { force: true });
    },
    stop: async () => void (await verb('stop')),
    stopAtOnce: async () => {
      const pid = await postmaster();
      process.kill(pid, 'SIGQUIT');
      await gone(pid);
    },
    freeze: async () => void (await verb('freeze')),
    thaw: async () => void (await verb('thaw').catch(() => undefined)),
    killBackend: (applicationName) =>
      asAdmin(async (client) => {
        const sql = 'SELECT pid FROM pg_stat_activity WHERE application_name = $1 ORDER BY random() LIMIT 1';
        const { rows } = await client.query<{ pid: number }>(sql, [applicationName]);
        if (rows[0] === undefined) throw new Error(`no backend serves ${applicationName}`);
        process.kill(rows[0].pid, 'SIGKILL');
      }),
    async [Symbol.asyncDispose]() {
      await verb('thaw').catch(() => undefined);
      await verb('drop').catch(() => undefined);
      if (diskMb === undefined) return;
      await run('umount', [folder]);
      await rmdir(folder);
      await rm(logFolder, { recursive: true, force: true });
    },
  };
}

async function withAdmin<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, application_name: 'the test itself' });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Whether a process runs: a dead one that nobody has collected yet still has its number. */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** A port of this machine that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
