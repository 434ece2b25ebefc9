import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { processHome } from '../support/process.js';
import { clientFor } from '../support/service.js';
import { Audience, type Target } from './fanout-clients.js';
import type { Question, Usage } from './fanout-server.js';

/** One of those compared: a server in a process of its own with its audience in this one. */
export interface Contender extends AsyncDisposable {
  name: string;
  audience: Audience;
  /** Sends one event on its way to every subscriber, longer than the usual 900 bytes if asked. */
  publish(index: number, moreBytes?: number): Promise<void>;
  usage(): Promise<Usage>;
  /** Memory after a full garbage collection. */
  settled(): Promise<Usage>;
}

/** The names of the contenders, in the order of the tables. */
export const contenderNames = ['service', 'queue', 'stock', 'ws', 'ws-shared'] as const;
/** What each is, for the tables. */
export const titles: Record<string, string> = {
  service: 'Promptwell, feed.follow',
  queue: 'bare tRPC, queue iterator',
  stock: 'bare tRPC, `for await (on(emitter))`',
  ws: 'raw `ws`, a frame each',
  'ws-shared': 'raw `ws`, one shared buffer',
};

const serverPath = fileURLToPath(new URL('fanout-server.ts', import.meta.url));
const subscribe = (path: string): string =>
  JSON.stringify({ id: 1, method: 'subscription', params: { path, input: {} } });

/** Starts a contender by its name; nobody listens yet. `extraEnv` goes to our service. */
export async function startContender(name: string, extraEnv: Record<string, string> = {}): Promise<Contender> {
  if (name === 'service') return startService(extraEnv);
  const child = await started(name, {});
  const isTrpc = name === 'queue' || name === 'stock';
  const target = { url: child.url, hello: isTrpc ? [subscribe('follow')] : [], greetings: isTrpc ? 1 : 0 };
  return contender(name, child, {
    target,
    publish(index, moreBytes) {
      // As long as the service's resume tokens are.
      const id = `${index}`.padEnd(53, '0');
      child.process.send({
        ask: 'publish',
        id,
        data: { kind: 'prompt.completed', prompt: promptLike(index, moreBytes) },
      });
      return Promise.resolve();
    },
    dispose: () => Promise.resolve(),
  });
}

async function startService(extraEnv: Record<string, string>): Promise<Contender> {
  const home = await processHome();
  const many = { SOCKETS_PER_USER: '100000', SOCKETS_PER_ADDRESS: '100000', LOG_LEVEL: 'error' };
  const child = await started('service', { ...home.env, ...many, ...extraEnv });
  const client = clientFor(child.url);
  const session = await client.auth.signup.mutate({ username: 'bench', password: 'correct horse battery' });
  const writer = new pg.Client({ connectionString: home.env['DATABASE_URL'] });
  await writer.connect();
  const credential = JSON.stringify({ method: 'connectionParams', data: { token: session.tokens.accessToken } });
  const target = {
    url: `${child.url.replace('http', 'ws')}/trpc?connectionParams=1`,
    hello: [credential, subscribe('feed.follow')],
    greetings: 2,
  };
  return contender('service', child, {
    target,
    // What `appendEvents` writes, from outside the measured process.
    async publish(index, moreBytes) {
      const view = promptLike(index, moreBytes);
      await writer.query({
        name: 'publish',
        text: `WITH added AS (INSERT INTO event (project_id, kind, prompt_id, view)
               VALUES ($1, 'prompt.completed', $2, $3) RETURNING id) SELECT pg_notify('promptwell_event', '') FROM added`,
        values: [session.project.id, view.id, JSON.stringify(view)],
      });
    },
    dispose: async () => {
      await writer.end();
      await home[Symbol.asyncDispose]();
    },
  });
}

/** A completed prompt as views show it, about 900 bytes. */
const promptLike = (index: number, moreBytes = 0) => ({
  id: `01970000-0000-7000-8000-${String(index).padStart(12, '0')}`,
  projectId: '01970000-0000-7000-8000-00000000000a',
  userId: '01970000-0000-7000-8000-00000000000b',
  text: `Question ${index}: which of our depots could take the return load from Gdansk on Thursday night?`,
  system: null,
  status: 'completed',
  response: {
    id: `01970000-0000-7000-9000-${String(index).padStart(12, '0')}`,
    text: 'Depot 4 has two free ramps from 22:00 on; depot 7 only after midnight. Both hold the needed papers.',
    model: 'offline',
    provider: 'offline',
    finishReason: 'stop',
    usage: { inputTokens: 21, outputTokens: 24, totalTokens: 45, cachedInputTokens: 0, isEstimated: false },
    costUsd: 0.00012,
    latencyMs: 412,
    timeToFirstTokenMs: 88,
    error: null,
    createdAt: '2026-11-21T12:00:00.000Z',
  },
  responses: 1,
  embedding: { space: 'lexical-1', model: 'lexical-1', dimensions: 384, truncated: false },
  conversationId: null,
  environment: 'production',
  tags: ['depots', 'nights'],
  metadata: { more: '.'.repeat(moreBytes) },
  createdAt: '2026-11-21T12:00:00.000Z',
  updatedAt: '2026-11-21T12:00:00.500Z',
});

interface Child {
  url: string;
  process: { send(question: Question): void };
  ask(question: Question): Promise<Usage>;
  end(): Promise<void>;
}

async function started(name: string, env: Record<string, string>): Promise<Child> {
  const path = process.env['PATH'] ?? '';
  const profiling = process.env['FANOUT_PROFILE'] === name ? ['--cpu-prof', '--cpu-prof-dir=/tmp/fanout-profile'] : [];
  const child: ChildProcess = fork(serverPath, [name], {
    env: { PATH: path, ...env },
    execArgv: ['--import', 'tsx', '--expose-gc', ...profiling],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const [{ url }] = await once(child, 'message');
  return {
    url,
    process: { send: (question) => void child.send(question) },
    async ask(question) {
      const answer = once(child, 'message');
      child.send(question);
      const [usage] = await answer;
      return usage;
    },
    async end() {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
    },
  };
}

function contender(
  name: string,
  child: Child,
  own: { target: Target; publish: Contender['publish']; dispose(): Promise<void> },
): Contender {
  const audience = new Audience(own.target);
  return {
    name,
    audience,
    publish: own.publish,
    usage: () => child.ask({ ask: 'usage' }),
    async settled() {
      await child.ask({ ask: 'collect' });
      return child.ask({ ask: 'collect' });
    },
    async [Symbol.asyncDispose]() {
      audience.close();
      await child.end();
      await own.dispose();
    },
  };
}
