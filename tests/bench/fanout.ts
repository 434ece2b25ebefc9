import { fileURLToPath } from 'node:url';
import { engineUnderTest } from '../support/database.js';
import { type Contender, contenderNames, startContender, titles } from './fanout-contenders.js';
import type { Usage } from './fanout-server.js';
import { median, row } from './measure.js';

/** What one contender came to at one size. */
interface Figures {
  name: string;
  subscribers: number;
  /** Of the server's process, user and system. */
  cpuUs: number;
  /** From the publication to the last delivery, in milliseconds, the median event. */
  lastMs: number;
  rssKb: number;
  heapKb: number;
}

/** How much is measured. */
export interface Plan {
  names: readonly string[];
  sizes: readonly number[];
  rounds: number;
  /** Deliveries of a contender in a round, about. */
  perRound: number;
}

/** For `npm run bench`; 5 000 subscribers need as many open files for each contender. */
export const fullFanout: Plan = { names: contenderNames, sizes: [100, 1_000], rounds: 5, perRound: 10_000 };
/** Seconds long. */
export const quickFanout: Plan = { names: ['service', 'queue'], sizes: [100], rounds: 2, perRound: 2_000 };

/**
 * CPU time of the server a delivery, and memory of a subscription that waits, by how many subscribe, each to a socket of
 * its own. Contenders take turns; an event is published when the last has reached everybody.
 */
export async function benchFanout(plan: Plan): Promise<Figures[]> {
  const contenders = await Promise.all(plan.names.map((name) => startContender(name)));
  const figures: Figures[] = [];
  try {
    for (const contender of contenders) await warmUp(contender);
    const bases = await Promise.all(contenders.map((contender) => contender.settled()));
    for (const size of plan.sizes) figures.push(...(await atSize({ contenders, bases, size, plan })));
  } finally {
    for (const contender of contenders) await contender[Symbol.asyncDispose]();
  }
  return figures;
}

async function atSize({ contenders, bases, size, plan }: Stage): Promise<Figures[]> {
  for (const { audience } of contenders) await audience.grow(size);
  const memory = await Promise.all(contenders.map((contender) => contender.settled()));
  const events = Math.max(4, Math.ceil(plan.perRound / size));
  const samples = await interleaved(contenders, { rounds: plan.rounds, events });
  const keptKb = (at: number, of: (usage: Usage) => number): number => {
    const [base, now] = [bases[at], memory[at]];
    return base === undefined || now === undefined ? Number.NaN : (of(now) - of(base)) / 1_024 / (size - warmUpClients);
  };
  return contenders.map(({ name }, at) => ({
    name,
    subscribers: size,
    cpuUs: median(samples[at]?.cpuUs ?? []),
    lastMs: median(samples[at]?.lastMs ?? []),
    rssKb: keptKb(at, ({ rssBytes }) => rssBytes),
    heapKb: keptKb(at, ({ heapBytes }) => heapBytes),
  }));
}

interface Stage {
  contenders: readonly Contender[];
  /** What each took before the audience came. */
  bases: readonly Usage[];
  size: number;
  plan: Plan;
}

const warmUpClients = 20;
let published = 0;

/** Compiled code and grown pools before the first figure. */
async function warmUp(contender: Contender): Promise<void> {
  await contender.audience.grow(warmUpClients);
  await deliver(contender, 200);
}

/** Publishes `events` one after another; answers how long each took to reach everybody. */
async function deliver({ audience, publish }: Contender, events: number): Promise<number[]> {
  const tookMs: number[] = [];
  for (let event = 0; event < events; event += 1) {
    const startedMs = performance.now();
    const all = audience.delivered + audience.clients.length;
    published += 1;
    await publish(published);
    await audience.arrived(all);
    tookMs.push(performance.now() - startedMs);
  }
  return tookMs;
}

async function interleaved(
  contenders: readonly Contender[],
  { rounds, events }: { rounds: number; events: number },
): Promise<{ cpuUs: number[]; lastMs: number[] }[]> {
  const samples = contenders.map(() => ({ cpuUs: [] as number[], lastMs: [] as number[] }));
  for (let round = -1; round < rounds; round += 1)
    for (const turn of contenders.keys()) {
      const at = (turn + round + 1) % contenders.length;
      const contender = contenders[at];
      if (contender === undefined) continue;
      const before = await contender.usage();
      const tookMs = await deliver(contender, events);
      const after = await contender.usage();
      if (round < 0) continue;
      samples[at]?.cpuUs.push((after.cpuUs - before.cpuUs) / events / contender.audience.clients.length);
      samples[at]?.lastMs.push(median(tookMs));
    }
  return samples;
}

/** The figures as a table, with ratios to the bare tRPC queue and to the shared buffer of the same size. */
export function fanoutTable(figures: readonly Figures[]): string[] {
  const cpuOf = (name: string, size: number): number =>
    figures.find((one) => one.name === name && one.subscribers === size)?.cpuUs ?? Number.NaN;
  const ratio = (value: number): string => (Number.isNaN(value) ? '' : value.toFixed(2));
  return [
    row(
      'subscribers',
      'what',
      'CPU µs a delivery',
      'of the queue',
      'of the shared buffer',
      'last of all after ms',
      'RSS KB each',
      'heap KB each',
    ),
    row('---', '---', '---', '---', '---', '---', '---', '---'),
    ...figures.map(({ name, subscribers, cpuUs, lastMs, rssKb, heapKb }) =>
      row(
        String(subscribers),
        titles[name] ?? name,
        cpuUs,
        ratio(cpuUs / cpuOf('queue', subscribers)),
        ratio(cpuUs / cpuOf('ws-shared', subscribers)),
        lastMs,
        rssKb,
        heapKb,
      ),
    ),
  ];
}

const option = (name: string): string | undefined => process.argv[process.argv.indexOf(`--${name}`) + 1 || Infinity];

// `npx tsx tests/bench/fanout.ts --sizes 100,1000 --names service,queue`; a process may hold 20 000 files here.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (engineUnderTest === 'embedded') throw new Error('Set TEST_DATABASE_URL: events are written from outside.');
  const figures = await benchFanout({
    names: option('names')?.split(',') ?? fullFanout.names,
    sizes: option('sizes')?.split(',').map(Number) ?? fullFanout.sizes,
    rounds: Number(option('rounds') ?? fullFanout.rounds),
    perRound: Number(option('deliveries') ?? fullFanout.perRound),
  });
  console.log(fanoutTable(figures).join('\n'));
}
