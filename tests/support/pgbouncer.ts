import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { freePort } from './cluster.js';
import { createTestFolder } from './database.js';
import { debianFiles } from './debian.js';
import { until } from './wait.js';

/** A real PgBouncer of a test's own, in transaction mode. */
export interface TestPgBouncer extends AsyncDisposable {
  /** The database by way of it. */
  url: string;
  /** How many transactions it has passed on. */
  transactions(): Promise<number>;
}

const debian = await debianFiles(['pgbouncer', 'libc-ares2']);

/** Whether Debian's package can be had here. */
export const hasPgBouncer = debian !== null;

/** Connections to the database: fewer than the service processes hold to PgBouncer, so that they must share. */
const serverConnections = 8;

/** Starts one in front of a database. */
export async function startPgBouncer(databaseUrl: string): Promise<TestPgBouncer> {
  const folder = await createTestFolder();
  const port = await freePort();
  const { hostname, port: databasePort, pathname, username } = new URL(databaseUrl);
  const name = pathname.slice(1);
  await writeFile(`${folder.path}/users.txt`, `"${username}" ""\n`);
  await writeFile(
    `${folder.path}/pgbouncer.ini`,
    `[databases]
${name} = host=${hostname} port=${databasePort}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = trust
auth_file = ${folder.path}/users.txt
admin_users = ${username}
pool_mode = transaction
default_pool_size = ${serverConnections}
max_client_conn = 200
${process.getuid?.() === 0 ? 'user = nobody' : ''}
`,
  );
  // It gives up root, and reads its files then.
  await Promise.all([folder.path, `${folder.path}/users.txt`].map((path) => chmod(path, 0o755)));
  const child = spawn(join(debian ?? '', 'usr/sbin/pgbouncer'), ['-q', `${folder.path}/pgbouncer.ini`], {
    stdio: 'ignore',
    env: { LD_LIBRARY_PATH: join(debian ?? '', 'usr/lib/x86_64-linux-gnu') },
  });
  const at = (database: string): string => `postgresql://${username}@127.0.0.1:${port}/${database}`;
  await until('PgBouncer to answer', async () => {
    if (child.exitCode !== null) throw new Error(`PgBouncer ended with ${child.exitCode}`);
    return asked(at(name), 'SELECT 1').then(
      () => true as const,
      () => undefined,
    );
  });
  return {
    url: at(name),
    async transactions() {
      const rows = await asked(at('pgbouncer'), 'SHOW STATS');
      return Number(rows.find(({ database }) => database === name)?.['total_xact_count'] ?? 0);
    },
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
      await folder[Symbol.asyncDispose]();
    },
  };
}

async function asked(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}
