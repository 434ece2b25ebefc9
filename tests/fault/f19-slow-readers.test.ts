import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { record, rounds, seededRun } from '../support/fault/form.js';
import {
  bytesHeldWithoutGuard,
  keepReading,
  type LightReader,
  type LiveReader,
  readLightly,
} from '../support/fault/light-reader.js';
import { percentile } from '../support/fault/listeners.js';
import { processHome, startProcess, type TestProcess } from '../support/process.js';
import { clientFor, goodPassword } from '../support/service.js';
import { until } from '../support/wait.js';

const mebibyte = 1_048_576;
const pausedCount = rounds(24, 50);
/** So many of the paused come back for what they missed: each is sent it all once more. */
const resumedCount = rounds(4, 50);
const liveCount = rounds(4, 50);
/** The longest prompt that is not far from the limit; so many of them that every paused reader is sent 16 or 20 MB. */
const textBytes = 90_000;
const prompts = rounds(178, 222);
/** What paused readers may cost in all: the slack of a run, and what the door may hold for each socket. */
const memoryBoundBytes = 96 * mebibyte + pausedCount * mebibyte;

/** What one round of writing came to. */
interface Round {
  /** When each prompt was acknowledged, by its id. */
  acknowledged: Map<string, number>;
  peakBytes: number;
}

/** A process that ends with its scope, however that ends. */
async function ownProcess(env: Record<string, string>): Promise<{ program: TestProcess } & AsyncDisposable> {
  const program = await startProcess(env);
  return {
    program,
    async [Symbol.asyncDispose]() {
      program.kill('SIGKILL');
      await program.ended;
    },
  };
}

async function residentBytes({ pid }: TestProcess): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1_024;
}

/** Two writers store `prompts` long texts; the memory of the service is looked at after each. */
async function writeAll(program: TestProcess, token: string, name: string): Promise<Round> {
  const acknowledged = new Map<string, number>();
  const client = clientFor(program.url, { token });
  let peakBytes = 0;
  const write = async (from: number): Promise<void> => {
    for (let number = from; number < prompts; number += 2) {
      const text = `${name} ${number} `.padEnd(textBytes, 'wide and long ');
      const { id } = await client.prompts.create.mutate({ text, generate: false });
      acknowledged.set(id, Date.now());
      peakBytes = Math.max(peakBytes, await residentBytes(program));
    }
  };
  await Promise.all([write(0), write(1)]);
  return { acknowledged, peakBytes };
}

const several = <T>(count: number, open: () => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, open));

const untilAllHeard = (reader: Pick<LightReader, 'heard'>, count: number): Promise<true> =>
  until(`${count} prompts`, () => (reader.heard.length >= count ? true : undefined), 60_000);

async function openSockets({ metricsUrl }: TestProcess): Promise<number> {
  const page = await (await fetch(`${metricsUrl}/metrics`)).text();
  return Number(/^promptwell_sockets (\d+)$/m.exec(page)?.[1]);
}

const idsOf = ({ heard }: Pick<LightReader, 'heard'>): string[] => heard.map(({ promptId }) => promptId);

/** Lets the paused go on: with which codes they were cut off, and how much they had taken by themselves. */
async function endsOf(paused: readonly LightReader[]): Promise<{ codes: Set<number>; taken: number }> {
  for (const reader of paused) reader.resume();
  const codes = new Set(await Promise.all(paused.map(({ closed }) => closed)));
  return { codes, taken: paused.reduce((sum, { heard }) => sum + heard.length, 0) };
}

/** What each has heard in all, once it came back and heard the rest. */
async function resumeEach(cutOff: readonly LightReader[], { url }: TestProcess, token: string): Promise<string[][]> {
  const resumed: string[][] = [];
  for (const reader of cutOff) {
    const again = await readLightly(url, token, reader.lastEventId);
    await untilAllHeard(again, prompts - reader.heard.length);
    resumed.push([...idsOf(reader), ...idsOf(again)]);
    again.stop();
  }
  return resumed;
}

test('readers that take nothing are cut off, cost a bounded memory, hold no other reader up, and resume with nothing lost (F19)', {
  timeout: rounds(3, 15) * 60_000,
}, async () => {
  const run = seededRun('F19');
  await using home = await processHome();
  await using own = await ownProcess({ ...home.env, SOCKETS_PER_USER: '1000', PROMPTWELL_OFFLINE: '1' });
  const { program } = own;
  const { tokens } = await clientFor(program.url).auth.signup.mutate({ username: 'ada', password: goodPassword });
  const token = tokens.accessToken;

  const live = await several(liveCount, () => keepReading(program.url, token));
  const quiet = await writeAll(program, token, 'quiet');
  for (const reader of live) await untilAllHeard(reader, prompts);
  for (const { heard } of live) heard.splice(0);

  const paused = await several(pausedCount, () => readLightly(program.url, token));
  for (const reader of paused) reader.pause();
  const loud = await writeAll(program, token, 'loud');
  const writtenMs = Date.now();
  for (const reader of live) await untilAllHeard(reader, prompts);
  await until(
    'the paused to be cut off',
    async () => ((await openSockets(program)) <= liveCount ? true : undefined),
    30_000,
  );
  const cutOffMs = Date.now() - writtenMs;
  const delays = live.flatMap(({ heard }) =>
    heard.map(({ promptId, atMs }) => Math.max(0, atMs - (loud.acknowledged.get(promptId) ?? 0))),
  );

  const { codes, taken } = await endsOf(paused);
  const resumed = await resumeEach(paused.slice(0, resumedCount), program, token);
  const truth = idsOf(live[0] as LiveReader);
  const heldBytes = await bytesHeldWithoutGuard(prompts, textBytes);
  record('F19', run.seed, {
    paused: pausedCount,
    live: liveCount,
    'MB to each': Math.round((prompts * textBytes) / 1e6),
    'cut off after the last write ms': cutOffMs,
    codes: [...codes].join(' '),
    'live delay after the acknowledgement p50 / p99 ms': [0.5, 0.99]
      .map((share) => percentile(delays, share))
      .join(' / '),
    'memory with / without the paused MiB': [loud, quiet]
      .map(({ peakBytes }) => Math.round(peakBytes / mebibyte))
      .join(' / '),
    'without a guard they would cost MiB': Math.round((heldBytes * pausedCount) / mebibyte),
    'live readers cut off': live.reduce((sum, { cuts }) => sum + cuts, 0),
    'heard before the cut, of each': Math.round(taken / pausedCount),
    'lost by those who resumed': resumed.reduce((sum, ids) => sum + truth.length - new Set(ids).size, 0),
  });

  expect(new Set(truth)).toEqual(new Set(loud.acknowledged.keys()));
  for (const reader of live) expect(idsOf(reader)).toEqual(truth);
  for (const ids of resumed) expect(ids).toEqual(truth);
  for (const code of codes) expect([4408, 1006]).toContain(code);
  // They were paused: what they had taken by themselves is a part of it only.
  expect(taken).toBeLessThan(pausedCount * prompts);
  expect(loud.peakBytes - quiet.peakBytes).toBeLessThan(memoryBoundBytes);
  // The control: without the guard the same readers would have broken the bound.
  expect(heldBytes * pausedCount).toBeGreaterThan(memoryBoundBytes);
  for (const reader of live) await reader.stop();
});
