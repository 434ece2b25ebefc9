import { fileURLToPath } from 'node:url';
import { engineUnderTest } from '../support/database.js';
import { type Contender, contenderNames, startContender, titles } from './fanout-contenders.js';
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
interface Plan {
  names: readonly string[];
  sizes: readonly number[];
  rounds: number;
  /** Deliveries of a contender in a round, about. */
  perRound: number;
}

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
    for (const size of plan.sizes) {
      for (const { audience } of contenders) await audience.grow(size);
      const memory = await Promise.all(contenders.map((contender) => contender.settled()));
      const samples = await interleaved(contenders, { ...plan, events: Math.max(4, Math.ceil(plan.perRound / size)) });
      for (const [at, { name, audience }] of contenders.entries()) {
        const [base, now] = [bases[at], memory[at]];
        if (base === undefined || now === undefined) continue;
        const added = audience.clients.length - warmUpClients;
        figures.push({
          name,
          subscribers: size,
          cpuUs: median(samples[at]?.cpuUs ?? []),
          lastMs: median(samples[at]?.lastMs ?? []),
          rssKb: (now.rssBytes - base.rssBytes) / 1_024 / added,
          heapKb: (now.heapBytes - base.heapBytes) / 1_024 / added,
        });
      }
    }
  } finally {
    for (const contender of contenders) await contender[Symbol.asyncDispose]();
  }
  return figures;
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
    names: option('names')?.split(',') ?? contenderNames,
    sizes: (option('sizes') ?? '100,1000').split(',').map(Number),
    rounds: Number(option('rounds') ?? 5),
    perRound: Number(option('deliveries') ?? 10_000),
  });
  console.log(fanoutTable(figures).join('\n'));
}
