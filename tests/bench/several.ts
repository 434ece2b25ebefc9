import { readFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import pg from 'pg';
import { type Cluster, type Member, startCluster } from '../support/cluster.js';
import { createServerDatabase, migratedTemplate } from '../support/database.js';
import { clientFor, goodPassword } from '../support/service.js';
import { median, rate, row } from './measure.js';
import { promptText } from './texts.js';

// `TEST_DATABASE_URL=... npx tsx tests/bench/several.ts`: creates and reads with one, two and three service processes on
// one PostgreSQL that does nothing else, taking turns; CPU of service and database a call.
const rounds = 3;
const callsPerRound = 120;
const callers = 12;
/** Kernel clock ticks of /proc in a second. Source: proc(5); 100 on every Linux that Node runs on. */
const ticksPerSecond = 100;

interface Figures {
  perSecond: number[];
  serviceMs: number[];
  databaseMs: number[];
}

/** The fields of a process in /proc after its name: its parent, its ticks, and those of its children that ended. */
async function statOf(pid: number): Promise<{ parent: number; own: number; ended: number }> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const sum = (...places: number[]): number => places.reduce((total, place) => total + (fields[place] ?? 0), 0);
  return { parent: fields[1] ?? 0, own: sum(11, 12), ended: sum(13, 14) };
}

async function postmasterOf(db: pg.Pool): Promise<number> {
  const { rows } = await db.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  return (await statOf(rows[0]?.pid ?? 0)).parent;
}

/** CPU milliseconds of a server with all its processes, those that ended too. */
async function serverCpuMs(postmaster: number): Promise<number> {
  const children = (await readFile(`/proc/${postmaster}/task/${postmaster}/children`, 'utf8')).trim().split(' ');
  const stats = await Promise.all(children.map((pid) => statOf(Number(pid)).catch(() => ({ own: 0 }))));
  const { own, ended } = await statOf(postmaster);
  return ((own + ended + stats.reduce((sum, child) => sum + child.own, 0)) * 1_000) / ticksPerSecond;
}

async function servicesCpuMs(cluster: Cluster): Promise<number> {
  const stats = await Promise.all(cluster.members.map(({ program }) => statOf(program.pid)));
  return (stats.reduce((sum, { own }) => sum + own, 0) * 1_000) / ticksPerSecond;
}

async function measured(cluster: Cluster, work: () => Promise<number>): Promise<[number, number, number]> {
  const before = [await servicesCpuMs(cluster), await serverCpuMs(postmaster)] as const;
  const perSecond = await work();
  const after = [await servicesCpuMs(cluster), await serverCpuMs(postmaster)] as const;
  return [perSecond, (after[0] - before[0]) / callsPerRound, (after[1] - before[1]) / callsPerRound];
}

await using database = await createServerDatabase(await migratedTemplate(process.env['TEST_DATABASE_URL'] ?? ''));
await using cluster = await startCluster(3, { DATABASE_URL: database.url });
const db = new pg.Pool({ connectionString: database.url, max: 1 });
// Dropping the database ends it, also after a failure that is to be seen.
db.on('error', () => undefined);
const postmaster = await postmasterOf(db);
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

// Pools are full and code is compiled before anything counts.
await create(3);
const figures = new Map<string, Figures>();
for (let round = 0; round < rounds; round += 1)
  for (const count of [1, 2, 3])
    for (const [name, work] of Object.entries({ create, get })) {
      const key = `${name} ${count}`;
      const known = figures.get(key) ?? { perSecond: [], serviceMs: [], databaseMs: [] };
      figures.set(key, known);
      const [perSecond, serviceMs, databaseMs] = await measured(cluster, () => work(count));
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
await db.end();
