import { setTimeout as pause } from 'node:timers/promises';
import { type Contender, contenderNames, startContender, titles } from './fanout-contenders.js';
import { quantile, row } from './measure.js';

// `npx tsx tests/bench/fanout-load.ts ladder 1000 service,queue` or `... slow 200 service,queue`.

/** Deliveries later than this fail a rung of the ladder. */
const limitMs = 50;
const rungMs = 3_000;
/** Deliveries a second of the first rung; each further one asks for half as much again. */
const firstRung = 4_000;

/** The highest rate at which 99 of 100 deliveries come within 50 ms, and the delay at it. */
async function climb(contender: Contender): Promise<{ perSecond: number; p50Ms: number; p99Ms: number }> {
  const { audience } = contender;
  let best = { perSecond: 0, p50Ms: Number.NaN, p99Ms: Number.NaN };
  for (let asked = firstRung; ; asked *= 1.5) {
    const delays = await atRate(contender, asked / audience.clients.length);
    const p99Ms = quantile(delays, 0.99);
    if (Number.isNaN(best.p99Ms)) best = { perSecond: 0, p50Ms: quantile(delays, 0.5), p99Ms };
    if (p99Ms > limitMs) return best;
    best = { perSecond: asked, p50Ms: quantile(delays, 0.5), p99Ms };
  }
}

let published = 0;

/** Publishes `eventsPerSecond` for three seconds without waiting; answers the delay of every delivery. */
async function atRate({ audience, publish }: Contender, eventsPerSecond: number, moreBytes = 0): Promise<number[]> {
  const events = Math.max(3, Math.round((eventsPerSecond * rungMs) / 1_000));
  const first = (audience.clients[0]?.frames ?? 0) - audience.greetings;
  const publishedMs: number[] = [];
  const delays: number[] = [];
  audience.onDelivery = (event) => delays.push(performance.now() - (publishedMs[event - first] ?? Number.NaN));
  const all = audience.delivered + events * audience.clients.length;
  const startedMs = performance.now();
  for (let event = 0; event < events; event += 1) {
    const dueMs = startedMs + (event * 1_000) / eventsPerSecond;
    if (dueMs > performance.now()) await pause(dueMs - performance.now());
    publishedMs.push(performance.now());
    published += 1;
    void publish(published, moreBytes);
  }
  await audience.arrived(all);
  return delays;
}

/** One reader in ten takes nothing more while 20 MB of events are told: what the others feel and what the server keeps. */
async function withSlowReaders(contender: Contender): Promise<{ p99Ms: number; p99SlowMs: number; grownMb: number }> {
  const { audience } = contender;
  const alone = await atRate(contender, slowEventsPerSecond, slowBytes);
  const before = await contender.settled();
  const paused = audience.clients.filter((_client, index) => index % 10 === 0);
  for (const client of paused) client.pause();
  const whole = audience.clients;
  const reading = whole.filter((client) => !paused.includes(client));
  const delays: number[] = [];
  audience.clients.splice(0, whole.length, ...reading);
  for (let batch = 0; batch < slowBatches; batch += 1)
    delays.push(...(await atRate(contender, slowEventsPerSecond, slowBytes)));
  const after = await contender.settled();
  return {
    p99Ms: quantile(alone, 0.99),
    p99SlowMs: quantile(delays, 0.99),
    grownMb: (after.rssBytes - before.rssBytes) / 2 ** 20,
  };
}

const slowEventsPerSecond = 20;
/** Long enough that the kernel's buffers, some megabytes a connection, are soon full. */
const slowBytes = 30_000;
const slowBatches = 11;

const [, , part, size = '100', names = contenderNames.join(',')] = process.argv;
const heads = {
  ladder: ['subscribers', 'what', 'deliveries a second with p99 under 50 ms', 'p50 ms', 'p99 ms'],
  slow: ['subscribers', 'what', 'p99 ms, all reading', 'p99 ms of the others', 'server grows by MB'],
};
const head = part === 'slow' ? heads.slow : heads.ladder;
console.log(`${row(...head)}\n${row(...head.map(() => '---'))}`);
for (const name of names.split(',')) {
  await using contender = await startContender(name);
  await contender.audience.grow(Number(size));
  await atRate(contender, 20);
  const figures = Object.values(await (part === 'slow' ? withSlowReaders : climb)(contender));
  console.log(row(size, titles[name] ?? name, ...figures));
}
