import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { engineUnderTest } from '../support/database.js';
import { standInPath } from '../support/embedding.js';
import { processHome } from '../support/process.js';
import { clientFor, goodPassword } from '../support/service.js';
import { rate, row } from './measure.js';
import { promptText } from './texts.js';

const callers = 8;
const samplesWanted = 20;

/** How long the bench runs. */
export interface MemoryLength {
  /** Calls before the sampling begins. */
  requests: number;
  /** How long the memory is watched while a trickle of calls goes on. */
  watchMs: number;
}

/** The memory of a service process with its model, after many calls, and how it goes on from there. */
export async function benchMemory({ requests, watchMs }: MemoryLength): Promise<string[]> {
  await using home = await processHome();
  const service = await start(home.env);
  try {
    const startMb = await rssMb(service);
    const work = await calls(service);
    await rate(requests, callers, work);
    const afterMb = await rssMb(service);
    const samples: [seconds: number, mb: number][] = [];
    let index = requests;
    for (let sample = 0; sample < samplesWanted; sample += 1) {
      const until = performance.now() + watchMs / samplesWanted;
      while (performance.now() < until) {
        await work(index++);
        await delay(100);
      }
      samples.push([((sample + 1) * watchMs) / samplesWanted / 1_000, await rssMb(service)]);
    }
    const last = samples.at(-1)?.[1] ?? afterMb;
    return [
      row(
        'engine',
        'embedder',
        'RSS MB ready',
        `after ${requests} calls`,
        `${watchMs / 60_000} min later`,
        'MB a minute',
      ),
      row('---', '---', '---', '---', '---', '---'),
      row(
        engineUnderTest,
        `${service.space}${standInPath === null ? '' : ' (random weights of its shape)'}`,
        startMb,
        afterMb,
        last,
        slope(samples) * 60,
      ),
      '',
      `Samples, MB: ${samples.map(([, mb]) => mb.toFixed(0)).join(' ')}.`,
    ];
  } finally {
    service.child.disconnect();
    await once(service.child, 'exit');
  }
}

/** Of three calls one stores a prompt, one searches and one lists. */
async function calls({ url }: Service): Promise<(index: number) => Promise<unknown>> {
  const { tokens } = await clientFor(url).auth.signup.mutate({ username: 'bench', password: goodPassword });
  const { prompts } = clientFor(url, { token: tokens.accessToken });
  return (index) => {
    if (index % 3 === 0) return prompts.create.mutate({ text: promptText(index), generate: false });
    if (index % 3 === 1) return prompts.similar.query({ query: promptText(index * 7), mode: 'meaning' });
    return prompts.list.query({ limit: 20 });
  };
}

async function rssMb({ child }: Service): Promise<number> {
  child.send('rss');
  const [{ rss }] = (await once(child, 'message')) as [{ rss: number }];
  return rss / 1_048_576;
}

interface Service {
  child: ChildProcess;
  url: string;
  space: string;
}

/** The real weights are not in the repository; the stand-in has their shape and size. */
async function start(home: Record<string, string>): Promise<Service> {
  const model = standInPath === null ? {} : { STAND_IN: standInPath };
  const limits = { PROMPTS_PER_SECOND: '100000', PROMPTS_PER_MINUTE: '1000000', PROMPTWELL_OFFLINE: '1' };
  const env = { PATH: process.env['PATH'] ?? '', LOG_LEVEL: 'silent', ...home, ...limits, ...model };
  const child = fork(fileURLToPath(new URL('./memory-server.mjs', import.meta.url)), [], { env, execArgv: [] });
  const [ready] = (await once(child, 'message')) as [Omit<Service, 'child'>];
  return { child, ...ready };
}

/** The least-squares slope of some points. */
function slope(points: readonly [number, number][]): number {
  const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [mean(points.map(([at]) => at)), mean(points.map(([, value]) => value))];
  const up = points.reduce((sum, [at, value]) => sum + (at - x) * (value - y), 0);
  return up / points.reduce((sum, [at]) => sum + (at - x) ** 2, 0);
}
