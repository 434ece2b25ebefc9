import { readFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import pg from 'pg';
import { type Cluster, type Member, startCluster } from '../support/cluster.js';
import { createServerDatabase, migratedTemplate } from '../support/database.js';
import { clientFor, goodPassword } from '../support/service.js';
import { median, rate, row } from './measure.js';
import { promptText } from './texts.js';

// `TEST_DATABASE_URL=... npx tsx tests/bench/several.ts`: creates and reads with one, two and three service processes on
// one PostgreSQL, taking turns; CPU of service and database a call; bytes that a prompt takes in each table.
const rounds = 5;
const callsPerRound = 240;
const callers = 12;
/** Kernel clock ticks of /proc in a second. Source: proc(5); 100 on every Linux that Node runs on. */
const ticksPerSecond = 100;

interface Figures {
  perSecond: number[];
  serviceMs: number[];
  databaseMs: number[];
}

async function cpuMs(pids: readonly number[]): Promise<number> {
  const ticks = await Promise.all(
    pids.map(async (pid) => {
      const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
      return Number(fields[11]) + Number(fields[12]);
    }),
  );
  return (ticks.reduce((sum, one) => sum + one, 0) * 1_000) / ticksPerSecond;
}

async function backends(db: pg.Pool): Promise<number[]> {
  const { rows } = await db.query<{ pid: number }>(
    `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'promptwell'`,
  );
  return rows.map(({ pid }) => pid);
}

async function measured(db: pg.Pool, cluster: Cluster, work: () => Promise<number>): Promise<[number, number, number]> {
  const services = cluster.members.map(({ program }) => program.pid);
  const databases = await backends(db);
  const before = [await cpuMs(services), await cpuMs(databases)] as const;
  const perSecond = await work();
  const after = [await cpuMs(services), await cpuMs(databases)] as const;
  return [perSecond, (after[0] - before[0]) / callsPerRound, (after[1] - before[1]) / callsPerRound];
}

await using database = await createServerDatabase(await migratedTemplate(process.env['TEST_DATABASE_URL'] ?? ''));
await using cluster = await startCluster(3, { DATABASE_URL: database.url });
const db = new pg.Pool({ connectionString: database.url, max: 1 });
// Dropping the database ends it, also after a failure that is to be seen.
db.on('error', () => undefined);
const at = (place: number): Member => cluster.members[place] as Member;
const { tokens } = await clientFor(at(0).url).auth.signup.mutate({ username: 'ada', password: goodPassword });
const clients = cluster.members.map(({ url }) => clientFor(url, { token: tokens.accessToken }));
const clientOf = (place: number, count: number) => clients[place % count] as (typeof clients)[number];

const ids: string[] = [];
let made = 0;
const create = (count: number) =>
  rate(callsPerRound, callers, async (index) => {
    made += 1;
    const { id } = await clientOf(index, count).prompts.create.mutate({ text: promptText(made), generate: false });
    ids.push(id);
  });
const get = (count: number) =>
  rate(callsPerRound, callers, (index) => clientOf(index, count).prompts.get.query({ id: ids[index] ?? '' }));

// Every pool is full and every statement planned before anything counts.
for (const count of [3, 3]) await create(count);
const figures = new Map<string, Figures>();
for (let round = 0; round < rounds; round += 1)
  for (const count of [1, 2, 3])
    for (const [name, work] of Object.entries({ create, get })) {
      const key = `${name} ${count}`;
      const known = figures.get(key) ?? { perSecond: [], serviceMs: [], databaseMs: [] };
      figures.set(key, known);
      const [perSecond, serviceMs, databaseMs] = await measured(db, cluster, () => work(count));
      known.perSecond.push(perSecond);
      known.serviceMs.push(serviceMs);
      known.databaseMs.push(databaseMs);
    }

console.log(`load ${loadavg()[0]?.toFixed(1)}`);
console.log(row('call', 'processes', 'a second', 'CPU ms of the services a call', 'CPU ms of PostgreSQL a call'));
console.log(row('---', '---', '---', '---', '---'));
for (const [key, { perSecond, serviceMs, databaseMs }] of figures) {
  const [name = '', count = ''] = key.split(' ');
  console.log(row(`prompts.${name}`, count, median(perSecond), median(serviceMs), median(databaseMs)));
}

for (let index = 0; index < 500; index += 1)
  await clientOf(index, 3).prompts.create.mutate({ text: promptText(10_000 + index) });
await db.query('VACUUM (FULL, ANALYZE)');
const { rows } = await db.query<{ name: string; bytes: number; indexBytes: number; n: number }>(
  `SELECT c.relname AS name, pg_total_relation_size(c.oid)::float8 AS bytes, pg_indexes_size(c.oid)::float8 AS "indexBytes",
     c.reltuples::float8 AS n
   FROM pg_class c WHERE c.relname IN ('prompt', 'response', 'embedding', 'event') ORDER BY 1`,
);
const { rows: lengths } = await db.query('SELECT round(avg(length(text))) AS text FROM prompt');
console.log(`\n${made + 500} prompts of ${lengths[0]?.text} characters on average`);
console.log(row('table', 'rows', 'bytes a row with indexes', 'of it indexes'));
console.log(row('---', '---', '---', '---'));
for (const { name, bytes, indexBytes, n } of rows) console.log(row(name, n, bytes / n, indexBytes / n));
await db.end();
