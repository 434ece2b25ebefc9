import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import pg from 'pg';
import { createServerDatabase, createTestFolder, migratedTemplate } from './database.js';
import { startProcess, type TestProcess } from './process.js';
import { clientFor, goodPassword } from './service.js';

/** One service process of several, which can end and come again at its address. */
export interface Member {
  readonly url: string;
  readonly metricsUrl: string;
  readonly program: TestProcess;
  /** False from the moment it is told to end until it is ready again. */
  readonly isUp: boolean;
  /** Ends it; resolves with its exit code, or the signal that ended it. */
  end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals>;
  /** Starts it again at the same port. */
  start(): Promise<void>;
}

/** Several processes of the compiled program on one server database. */
export interface Cluster extends AsyncDisposable {
  members: Member[];
  /** The members that are up. */
  up(): Member[];
}

const common = {
  EMBEDDER: 'lexical',
  PROMPTWELL_OFFLINE: '1',
  METRICS_PORT: '0',
  TRUST_PROXY: '127.0.0.1',
  JWT_SECRET: 'tests-only-0123456789abcdef0123456789abcdef',
  PROMPTS_PER_SECOND: '100000',
  PROMPTS_PER_MINUTE: '1000000',
  LOGIN_FAILURES_PER_15_MIN: '100000',
  SIGNUPS_PER_HOUR: '100000',
};

/** Several processes of one service, on a database of their own, with somebody signed up. */
export interface Installation extends AsyncDisposable {
  url: string;
  cluster: Cluster;
  /** To look into the database past the service. */
  db: pg.Pool;
  /** Ada's. */
  token: string;
}

/** Starts `count` processes on a fresh database of the test server. */
export async function startInstallation(count: number): Promise<Installation> {
  const database = await createServerDatabase(await migratedTemplate(process.env['TEST_DATABASE_URL'] ?? ''));
  const cluster = await startCluster(count, { DATABASE_URL: database.url }).catch(async (cause: unknown) => {
    await database[Symbol.asyncDispose]();
    throw cause;
  });
  const db = new pg.Pool({ connectionString: database.url, max: 2 });
  // Ended with the database, also when the test fails.
  db.on('error', () => undefined);
  const ada = { username: 'ada', password: goodPassword };
  const { tokens } = await clientFor(cluster.members[0]?.url ?? '').auth.signup.mutate(ada);
  return {
    url: database.url,
    cluster,
    db,
    token: tokens.accessToken,
    [Symbol.asyncDispose]: async () => {
      await cluster[Symbol.asyncDispose]();
      await db.end();
      await database[Symbol.asyncDispose]();
    },
  };
}

/** Starts `count` processes at once on a database, each with a port and a data folder of its own. */
export async function startCluster(
  count: number,
  env: Readonly<Record<string, string>> & { DATABASE_URL: string },
): Promise<Cluster> {
  const folder = await createTestFolder();
  const members: Member[] = [];
  const dispose = async (): Promise<void> => {
    await Promise.all(members.map((member) => member.end('SIGKILL')));
    await folder[Symbol.asyncDispose]();
  };
  const ports = await Promise.all(Array.from({ length: count }, freePort));
  const starting = ports.map(async (port, index) => {
    const own = { PORT: String(port), DATA_DIR: `${folder.path}/${index}` };
    members[index] = await startMember({ ...common, ...env, ...own });
  });
  const failed = (await Promise.allSettled(starting)).find(({ status }) => status === 'rejected');
  if (failed !== undefined) {
    await dispose();
    throw (failed as PromiseRejectedResult).reason;
  }
  return { members, up: () => members.filter(({ isUp }) => isUp), [Symbol.asyncDispose]: dispose };
}

async function startMember(env: Record<string, string>): Promise<Member> {
  let program = await startProcess(env);
  let isUp = true;
  return {
    get url() {
      return program.url;
    },
    get metricsUrl() {
      return program.metricsUrl;
    },
    get program() {
      return program;
    },
    get isUp() {
      return isUp;
    },
    end(signal) {
      isUp = false;
      program.kill(signal);
      return program.ended;
    },
    async start() {
      program = await startProcess(env);
      isUp = true;
    },
  };
}

/** A port of this machine that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
