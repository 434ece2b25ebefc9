import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { engineUnderTest } from '../support/database.js';
import { processHome } from '../support/process.js';
import { clientFor } from '../support/service.js';
import { median, row } from './measure.js';

interface Start {
  /** From spawning to the first 200 of `/healthz`. */
  healthMs: number;
  /** From spawning to the first answer of `prompts.similar`, where there is one. */
  similarMs: number;
  rssMb: number;
}

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

/** From spawning a process to its first answers, with a database that is there: ours beside bare Fastify, with and without Prisma. */
export async function benchColdStart(rounds: number): Promise<string[]> {
  await using home = await processHome();
  const token = { text: '' };
  const peer = path('cold-peer.mjs');
  const contenders = [
    { name: 'bare Fastify', start: () => start([peer, 'bare'], home.env) },
    ...(engineUnderTest === 'server'
      ? [{ name: 'Fastify and Prisma, one query', start: () => start([peer, 'prisma'], home.env) }]
      : []),
    { name: 'Promptwell', start: () => start([path('../../dist/main.js')], home.env, token) },
  ];
  const starts = contenders.map(() => [] as Start[]);
  for (let round = -1; round < rounds; round += 1)
    for (const [at, contender] of contenders.entries()) {
      const figures = await contender.start();
      if (round >= 0) starts[at]?.push(figures);
    }
  const middle = (at: number, of: (one: Start) => number): number => median((starts[at] ?? []).map(of));
  return [
    row('what', 'first 200 on health, ms', 'first similar, ms', 'RSS MB then'),
    row('---', '---', '---', '---'),
    ...contenders.map(({ name }, at) => {
      const similarMs = middle(at, (one) => one.similarMs);
      return row(
        name,
        middle(at, (one) => one.healthMs),
        Number.isNaN(similarMs) ? '' : similarMs,
        middle(at, (one) => one.rssMb),
      );
    }),
  ];
}

/** `token` makes it ask for similar prompts too; the first start signs up and stores some. */
async function start(program: string[], env: Record<string, string>, token?: { text: string }): Promise<Start> {
  const port = await freePort();
  const startedMs = performance.now();
  const child = spawn(process.execPath, [...program, String(port)], {
    env: { PATH: process.env['PATH'] ?? '', ...env, PORT: String(port), LOG_LEVEL: 'error' },
    stdio: 'ignore',
  });
  const exited = once(child, 'exit');
  try {
    const url = `http://127.0.0.1:${port}`;
    while (!(await answers(`${url}/healthz`))) await pause(5);
    const healthMs = performance.now() - startedMs;
    if (token !== undefined) await findSimilar(url, token);
    const similarMs = token === undefined ? Number.NaN : performance.now() - startedMs;
    const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
    return { healthMs, similarMs, rssMb: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1_024 };
  } finally {
    child.kill('SIGTERM');
    await exited;
  }
}

async function findSimilar(url: string, token: { text: string }): Promise<void> {
  if (token.text === '') token.text = await fill(url);
  await clientFor(url, { token: token.text }).prompts.similar.query({ query: 'a van on the ferry' });
}

async function fill(url: string): Promise<string> {
  const session = await clientFor(url).auth.signup.mutate({ username: 'cold', password: 'correct horse battery' });
  const client = clientFor(url, { token: session.tokens.accessToken });
  for (const text of ['Book the ferry for two vans', 'What is owed for a late delivery?'])
    await client.prompts.create.mutate({ text, generate: false });
  return session.tokens.accessToken;
}

const answers = (url: string): Promise<boolean> =>
  fetch(url).then(
    ({ ok }) => ok,
    () => false,
  );

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log((await benchColdStart(7)).join('\n'));
