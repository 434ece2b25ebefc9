import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import pg from 'pg';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { createServerDatabase, createTestFolder, migratedTemplate } from '../database.js';
import { type FakeUpstream, fakeUpstream } from '../fake-upstream.js';
import { startProcess, type TestProcess } from '../process.js';
import { root } from '../source.js';
import { until } from '../wait.js';
import type { watchers } from './debian.js';
import { PrometheusClient } from './prometheus.js';

/** Scrapes of the check follow each other faster than the committed 15 s, so that it takes a minute, not ten. */
export const scrapeSeconds = 2;

/** A cold start on a machine that does much else. */
const startDeadlineMs = 180_000;

/** What runs: the same parts as in docker-compose.yml, as processes of this machine, and a service on the embedded engine. */
export interface Topology extends AsyncDisposable {
  upstream: FakeUpstream;
  onServer: TestProcess;
  embedded: TestProcess;
  prometheus: PrometheusClient;
  /** The database of the service, one of several on its server. */
  databaseName: string;
  databaseUrl: string;
  /** What the exporter shows at this moment. */
  scrapeExporter(): Promise<string>;
  /** Starts one more service on the same server database, which Prometheus does not know. */
  another(): Promise<TestProcess>;
}

const Scrapes = z.looseObject({
  global: z.looseObject({ scrape_interval: z.string(), evaluation_interval: z.string() }),
  scrape_configs: z.array(
    z.looseObject({ job_name: z.string(), static_configs: z.array(z.object({ targets: z.array(z.string()) })) }),
  ),
});

/** Settings of both services: a priced model at the fake upstream, rates that a client in a loop passes. */
const serviceEnv = (upstream: FakeUpstream): Record<string, string> => ({
  PORT: '0',
  METRICS_PORT: '0',
  EMBEDDER: 'lexical',
  LLM_BASE_URL: upstream.baseUrl,
  LLM_MODEL: 'gpt-4o-mini',
  LLM_MAX_RETRIES: '0',
  LLM_DAILY_CAP_USD: '1',
  PROMPTS_PER_SECOND: '60',
  PROMPTS_PER_MINUTE: '2500',
  LOGIN_FAILURES_PER_15_MIN: '5',
  EMBEDDING_QUEUE_LIMIT: '32',
  // A project of a hundred prompts is a large one here, and gets an index of its own.
  ANN_MIN_VECTORS: '100',
  BACKUP_INTERVAL_MIN: '1',
});

/** What was started, to be ended in the opposite order. */
class Closers {
  readonly #closers: (() => PromiseLike<unknown>)[] = [];

  defer(close: () => PromiseLike<unknown>): void {
    this.#closers.push(close);
  }

  use<T extends AsyncDisposable>(resource: T): T {
    this.defer(() => resource[Symbol.asyncDispose]());
    return resource;
  }

  async close(): Promise<void> {
    for (const close of this.#closers.splice(0).toReversed()) await close();
  }
}

type Programs = NonNullable<Awaited<ReturnType<typeof watchers>>>;

/** Starts everything and waits until Prometheus has scraped it all. */
export async function startTopology(programs: Programs): Promise<Topology> {
  const closers = new Closers();
  try {
    return await start(closers, programs);
  } catch (cause) {
    await closers.close();
    throw cause;
  }
}

async function start(closers: Closers, programs: Programs): Promise<Topology> {
  const folder = closers.use(await createTestFolder());
  const upstream = closers.use(await fakeUpstream());
  const template = await migratedTemplate(process.env['TEST_DATABASE_URL'] ?? '');
  const database = closers.use(await createServerDatabase(template));
  await createStatementsExtension(database.url);
  const serverEnv = {
    ...serviceEnv(upstream),
    DATABASE_URL: database.url,
    DATA_DIR: join(folder.path, 'server'),
    JWT_SECRET: 'tests-only-0123456789abcdef0123456789abcdef',
  };
  const embeddedEnv = { ...serviceEnv(upstream), DATA_DIR: join(folder.path, 'embedded') };
  const another = async (env: Record<string, string>): Promise<TestProcess> => {
    const program = await startProcess(env, undefined, startDeadlineMs);
    closers.defer(() => stop(program));
    return program;
  };
  const onServer = await another(serverEnv);
  const embedded = await another(embeddedEnv);
  const exporterUrl = await startExporter(closers, programs.exporter, database.url);
  await writeConfiguration(folder.path, {
    promptwell: [onServer, embedded].map(({ metricsUrl }) => new URL(metricsUrl).host),
    postgres: [new URL(exporterUrl).host],
  });
  return {
    upstream,
    onServer,
    embedded,
    databaseUrl: database.url,
    databaseName: new URL(database.url).pathname.slice(1),
    prometheus: await startPrometheus(closers, programs.prometheus, folder.path),
    scrapeExporter: async () => (await fetch(`${exporterUrl}/metrics`)).text(),
    another: () => another(serverEnv),
    [Symbol.asyncDispose]: () => closers.close(),
  };
}

async function stop(program: TestProcess): Promise<void> {
  program.kill('SIGTERM');
  await program.ended;
}

async function onDatabase<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Why the server that TEST_DATABASE_URL names cannot be watched; null if it can. */
export async function obstacle(): Promise<string | null> {
  const url = process.env['TEST_DATABASE_URL'];
  if (url === undefined) return 'TEST_DATABASE_URL names no PostgreSQL to watch';
  const { rows } = await onDatabase(url, (client) =>
    client.query<{ list: string }>("SELECT current_setting('shared_preload_libraries') AS list"),
  );
  return rows[0]?.list.includes('pg_stat_statements') === true
    ? null
    : 'the PostgreSQL of TEST_DATABASE_URL does not preload pg_stat_statements';
}

const createStatementsExtension = (url: string): Promise<unknown> =>
  onDatabase(url, (client) => client.query('CREATE EXTENSION pg_stat_statements'));

/** `prometheus.yml` as committed, but for targets and intervals; the rules beside it, as compose mounts them. */
async function writeConfiguration(folder: string, targets: Record<string, string[]>): Promise<void> {
  const committed = Scrapes.parse(parse(await readFile(join(root, 'prometheus.yml'), 'utf8')));
  const interval = `${scrapeSeconds}s`;
  const configuration = {
    ...committed,
    global: { ...committed.global, scrape_interval: interval, evaluation_interval: interval },
    scrape_configs: committed.scrape_configs.map((scrape) => {
      const listed = targets[scrape.job_name];
      if (listed === undefined) throw new Error(`nothing runs for the job ${scrape.job_name}`);
      return { ...scrape, static_configs: [{ targets: listed }] };
    }),
  };
  await writeFile(join(folder, 'prometheus.yml'), stringify(configuration));
  await copyFile(join(root, 'deploy/prometheus/alerts.yml'), join(folder, 'alerts.yml'));
}

async function startExporter(closers: Closers, program: string, databaseUrl: string): Promise<string> {
  const address = `127.0.0.1:${await freePort()}`;
  const queries = join(root, 'deploy/prometheus/exporter-0.11.yml');
  const env = { DATA_SOURCE_NAME: `${databaseUrl}?sslmode=disable`, PATH: process.env['PATH'] ?? '' };
  const child = spawn(program, [`--web.listen-address=${address}`, `--extend.query-path=${queries}`], { env });
  closers.defer(() => end(child));
  const said = record(child);
  const url = `http://${address}`;
  await until(
    'the exporter',
    async () =>
      (
        await fetch(`${url}/metrics`).then(
          (page) => page.text(),
          () => '',
        )
      ).includes('pg_up 1')
        ? true
        : undefined,
    startDeadlineMs,
  ).catch((cause: unknown) => {
    throw new Error(`the exporter does not serve: ${said()}`, { cause });
  });
  return url;
}

async function startPrometheus(closers: Closers, program: string, folder: string): Promise<PrometheusClient> {
  const address = `127.0.0.1:${await freePort()}`;
  const child = spawn(program, [
    `--config.file=${join(folder, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(folder, 'tsdb')}`,
    `--web.listen-address=${address}`,
  ]);
  closers.defer(() => end(child));
  const said = record(child);
  const client = new PrometheusClient(`http://${address}`);
  await until(
    'every target to be scraped',
    async () => {
      if (child.exitCode !== null) throw new Error(`Prometheus ended: ${said()}`);
      const targets = await client.targets().catch(() => []);
      return targets.length > 0 && targets.every(({ health }) => health === 'up') ? true : undefined;
    },
    startDeadlineMs,
  );
  return client;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'close');
  child.kill('SIGTERM');
  await ended;
}

function record(child: ChildProcess): () => string {
  let text = '';
  const take = (data: Buffer): void => {
    text = `${text}${data.toString()}`.slice(-4_000);
  };
  child.stdout?.on('data', take);
  child.stderr?.on('data', take);
  return () => text;
}

/** A port that is free now; neither program takes 0. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
