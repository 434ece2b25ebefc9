import { quantile } from './measure.js';

/** One of the things compared in a bench: a peer, a raw limit, or ours. */
export interface Contender {
  name: string;
  /** One operation; `index` never repeats within a bench, so that no cache answers for it by accident. */
  run(index: number): unknown;
}

/** What a contender came to over all rounds. */
export interface Figures {
  name: string;
  /** Medians over the rounds of each round's quantile, in milliseconds. */
  p50Ms: number;
  p99Ms: number;
  /** CPU time of this process (user and system, threads included) and of `othersCpuUs` an operation, microseconds, the median round. */
  cpuUs: number;
  /** Operations a second, the median round. */
  perSecond: number;
}

/** How long a bench runs. */
export interface Length {
  /** At least five, unless quick. */
  rounds: number;
  /** Operations of each contender in a round. */
  perRound: number;
  /** How many callers work at once; 1 unless said. */
  callers?: number;
  /** Operations at the head of each turn that are not counted: what ran before has the caches. None unless said. */
  leadIn?: number;
  /** CPU time of others that work for this one, so far, microseconds: a database's sessions. */
  othersCpuUs?: () => Promise<number>;
}

/**
 * Runs the contenders in turns, round by round in one process, so that the noise of the machine meets all of them alike.
 *
 * The order turns by one each round; one round runs first and is not counted. Figures of one table are comparable, of
 * two tables only their ratios are.
 */
export async function interleave(contenders: readonly Contender[], length: Length): Promise<Figures[]> {
  const samples = contenders.map(() => [] as Sample[]);
  let index = 0;
  for (let round = -1; round < length.rounds; round += 1) {
    for (const turn of contenders.keys()) {
      const at = (turn + round + 1) % contenders.length;
      const contender = contenders[at];
      if (contender === undefined) continue;
      for (let count = length.leadIn ?? 0; count > 0; count -= 1) await contender.run(index++);
      const sample = await measure(contender, { ...length, from: index });
      index += length.perRound;
      if (round >= 0) samples[at]?.push(sample);
    }
  }
  return contenders.map(({ name }, at) => summary(name, samples[at] ?? []));
}

interface Sample {
  timesMs: number[];
  cpuUs: number;
  perSecond: number;
}

async function measure(contender: Contender, length: Length & { from: number }): Promise<Sample> {
  const timesMs: number[] = [];
  const end = length.from + length.perRound;
  let next = length.from;
  const others = (await length.othersCpuUs?.()) ?? 0;
  const cpu = process.cpuUsage();
  const startedMs = performance.now();
  const caller = async (): Promise<void> => {
    for (let index = next++; index < end; index = next++) {
      const beganMs = performance.now();
      await contender.run(index);
      timesMs.push(performance.now() - beganMs);
    }
  };
  await Promise.all(Array.from({ length: length.callers ?? 1 }, caller));
  const tookMs = performance.now() - startedMs;
  const used = process.cpuUsage(cpu);
  const othersUsed = ((await length.othersCpuUs?.()) ?? 0) - others;
  return {
    timesMs,
    cpuUs: (used.user + used.system + othersUsed) / length.perRound,
    perSecond: (length.perRound * 1_000) / tookMs,
  };
}

function summary(name: string, samples: readonly Sample[]): Figures {
  const middle = (of: (sample: Sample) => number): number => quantile(samples.map(of), 0.5);
  return {
    name,
    p50Ms: middle((sample) => quantile(sample.timesMs, 0.5)),
    p99Ms: middle((sample) => quantile(sample.timesMs, 0.99)),
    cpuUs: middle((sample) => sample.cpuUs),
    perSecond: middle((sample) => sample.perSecond),
  };
}
