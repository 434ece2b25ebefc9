import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestFolder } from '../support/database.js';
import {
  answers,
  type Behaviour,
  empty,
  errorBody,
  type FakeUpstream,
  fakeUpstream,
  html,
  rateLimited,
  refuses,
  silent,
} from '../support/fake-upstream.js';
import { type Asked, asked, inTurns, storedRows, textOf, whole } from '../support/fault/asked.js';
import { record, rounds, seededRun } from '../support/fault/form.js';
import { Ledger } from '../support/fault/ledger.js';
import { socketsTo } from '../support/fault/sockets.js';
import { TurnedClock } from '../support/clock.js';
import { startService, type TestPerson, type TestService } from '../support/service.js';
import { until } from '../support/wait.js';

const deadlineMs = 8_000;
const clock = new TurnedClock();
const { seed } = seededRun('F08-F10');

const providerEnv = (baseUrl: string, env: Record<string, string> = {}): Record<string, string> => ({
  PROMPTWELL_OFFLINE: '0',
  LLM_BASE_URL: baseUrl,
  LLM_API_KEY: 'sk-canary-4711',
  LLM_MODEL: 'gpt-4o-mini',
  LLM_TIMEOUT_MS: String(deadlineMs),
  LLM_CONCURRENCY: '200',
  ...env,
});

let upstream: FakeUpstream;
let service: TestService;
let ada: TestPerson;
let folder: Awaited<ReturnType<typeof createTestFolder>>;
let ledger: Ledger;

beforeAll(async () => {
  upstream = await fakeUpstream();
  service = await startService({ clock, env: providerEnv(upstream.baseUrl) });
  ada = await service.signUp();
  folder = await createTestFolder();
  ledger = new Ledger(`${folder.path}/ledger`);
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const statusesOf = async (ids: readonly (string | undefined)[]): Promise<string[]> => {
  const rows = await service.app.db.read<{ status: string }>(
    'SELECT DISTINCT status::text AS status FROM prompt WHERE id = ANY($1::uuid[])',
    [ids],
  );
  return rows.map(({ status }) => status);
};

/** When each prompt reached the upstream, and how its row stood by then. */
interface Arrivals {
  timesMs: Map<string, number[]>;
  stood: (string | undefined)[];
}

/** Treats each request so, after its arrival is noted. */
function noting(arrivals: Arrivals, behaviour: Behaviour): Behaviour {
  return async (exchange) => {
    const text = textOf(exchange);
    arrivals.timesMs.set(text, [...(arrivals.timesMs.get(text) ?? []), performance.now()]);
    const [row] = await service.app.db.read<{ status: string }>('SELECT status::text FROM prompt WHERE text = $1', [
      text,
    ]);
    arrivals.stood.push(row?.status);
    return behaviour(exchange);
  };
}

const gapsOf = ({ timesMs }: Arrivals): number[] =>
  [...timesMs.values()].flatMap((times) => times.slice(1).map((atMs, index) => atMs - (times[index] ?? 0)));

/** Asks under 429s of one kind and checks what every row of F08 wants. */
async function under429(name: string, retryAfter: () => string | undefined, on = service) {
  const arrivals: Arrivals = { timesMs: new Map(), stood: [] };
  upstream.always(noting(arrivals, (exchange) => rateLimited(retryAfter())(exchange)));
  const person = on === service ? ada : await on.signUp();
  const outcomes = await inTurns(rounds(4, 25), 25, (index) =>
    asked(ledger, person.client, { text: `${name} ${index} ${crypto.randomUUID()}` }),
  );
  return { arrivals, outcomes, most: Math.max(...[...arrivals.timesMs.values()].map((times) => times.length)) };
}

const failedWith = (outcomes: readonly Asked[], code: string | RegExp, details: object): void => {
  const wanted = typeof code === 'string' ? code : (expect.stringMatching(code) as string);
  for (const { refusal } of outcomes) expect(refusal).toMatchObject({ code: wanted, details });
};

describe('429', () => {
  const inTwoSeconds = (): string => new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 2_000).toUTCString();
  const cases: { name: string; retryAfter: () => string | undefined; calls: number; leastGapMs: number }[] = [
    { name: 'Retry-After 1', retryAfter: () => '1', calls: 3, leastGapMs: 1_000 },
    { name: 'Retry-After 30, past the deadline', retryAfter: () => '30', calls: 1, leastGapMs: 0 },
    { name: 'a date in two seconds', retryAfter: inTwoSeconds, calls: 3, leastGapMs: 1_900 },
    { name: 'no Retry-After', retryAfter: () => undefined, calls: 3, leastGapMs: 500 },
  ];

  test.each(cases)(
    'F08 with $name: the row stands before the call, at most two retries wait as told, the end is failed with 429',
    async ({ name, retryAfter, calls, leastGapMs }) => {
      const { arrivals, outcomes } = await under429(name, retryAfter);
      expect(new Set(arrivals.stood)).toEqual(new Set(['pending']));
      expect([...arrivals.timesMs.values()].map((times) => times.length)).toEqual(outcomes.map(() => calls));
      for (const gapMs of gapsOf(arrivals)) expect(gapMs).toBeGreaterThanOrEqual(leastGapMs - 10);
      for (const { durationMs } of outcomes) expect(durationMs).toBeLessThan(deadlineMs);
      failedWith(outcomes, 'BAD_GATEWAY', { reason: 'rate_limited', status: 429 });
      expect(await statusesOf(outcomes.map(({ id }) => id))).toEqual(['failed']);
      expect(ledger.verdict(await storedRows(service.app.db))).toMatchObject(whole);
      record(`F08 ${name}`, seed, { prompts: outcomes.length, calls: calls * outcomes.length, lost: 0 });
    },
  );

  test('F08 control: with more retries configured, the bound of two is found broken', async () => {
    await using eager = await startService({ env: providerEnv(upstream.baseUrl, { LLM_MAX_RETRIES: '5' }) });
    upstream.always(rateLimited('0'));
    const before = upstream.requests.length;
    const person = await eager.signUp();
    await person.client.prompts.create.mutate({ text: 'eager' }).catch(() => undefined);
    expect(upstream.requests.length - before).toBeGreaterThan(3);
  });
});

describe('a provider that is broken', () => {
  const noWait = { 'retry-after': '0' };
  const cases: [string, Behaviour, string][] = [
    ...[500, 502, 503, 504].map((status): [string, Behaviour, string] => [
      `status ${status}`,
      refuses(status, noWait),
      'server_error',
    ]),
    ['200 with an error body', errorBody(), 'malformed'],
    ['200 with nothing', empty(), 'empty'],
    ['200 with a web page', html(), 'malformed'],
  ];

  test.each(cases)(
    'F09 %s: stored as failed, the circuit opens after five failures, one probe goes out after 10 s, an answer closes it',
    async (name, behaviour, reason) => {
      const model = `model of ${name}`;
      const ask = (text: string): Promise<Asked> => asked(ledger, ada.client, { text: `${name} ${text}`, model });
      const callsDuring = async (work: () => Promise<unknown>): Promise<number> => {
        const before = upstream.requests.length;
        await work();
        return upstream.requests.length - before;
      };
      upstream.always(behaviour);
      const first: Asked[] = [];
      const untilOpen = await callsDuring(async () => {
        for (let count = 0; count < 5; count += 1) first.push(await ask(`before ${count}`));
      });
      expect(untilOpen).toBe(5);
      failedWith(first.slice(0, 1), 'BAD_GATEWAY', { reason });
      const open = await inTurns(rounds(10, 100), 10, (index) => ask(`open ${index}`));
      expect(upstream.requests.filter(({ body }) => body['model'] === model)).toHaveLength(5);
      failedWith(open, 'BAD_GATEWAY', { reason: 'circuit_open', retryAfterMs: expect.any(Number) });
      clock.turnMs(10_000);
      expect(await callsDuring(() => inTurns(10, 10, (index) => ask(`probe ${index}`)))).toBe(1);
      clock.turnMs(10_000);
      upstream.always(answers('Well again.'));
      expect((await ask('well')).prompt?.response?.text).toBe('Well again.');
      const after = await inTurns(10, 10, (index) => ask(`after ${index}`));
      expect(after.map(({ prompt }) => prompt?.status)).toEqual(after.map(() => 'completed'));
      expect(await statusesOf([...first, ...open].map(({ id }) => id))).toEqual(['failed']);
      expect(ledger.verdict(await storedRows(service.app.db))).toMatchObject(whole);
      record(`F09 ${name}`, seed, { 'calls until open': untilOpen, 'calls while open': 0, probes: 1, lost: 0 });
    },
  );

  test('F09 control: a provider that answers between its failures keeps the circuit closed', async () => {
    const model = 'moody';
    const before = upstream.requests.length;
    for (let count = 0; count < 8; count += 1) {
      upstream.always(count % 4 === 3 ? answers('Now.') : html());
      await asked(ledger, ada.client, { text: `moody ${count}`, model });
    }
    expect(upstream.requests.length - before).toBe(8);
  });

  test('F09: one model that is down keeps no other from being asked', async () => {
    upstream.always(html());
    for (let count = 0; count < 5; count += 1)
      await asked(ledger, ada.client, { text: `down ${count}`, model: 'down' });
    upstream.always(answers('Fine.'));
    expect((await asked(ledger, ada.client, { text: 'other', model: 'up' })).prompt?.status).toBe('completed');
    expect((await asked(ledger, ada.client, { text: 'same', model: 'down' })).refusal?.details['reason']).toBe(
      'circuit_open',
    );
  });
});

/** A model server as a process, stopped with SIGSTOP: the kernel takes connections, nobody reads them. */
async function stoppedUpstream() {
  const path = fileURLToPath(new URL('../support/fault/stopped-upstream.mjs', import.meta.url));
  const child = spawn(process.execPath, [path], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  child.kill('SIGSTOP');
  return {
    baseUrl: `http://127.0.0.1:${Number(line.toString())}/v1`,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
  };
}

describe('a provider that is not there', () => {
  const callDeadlineMs = 1_500;
  /** The machine's own resolver may take seconds to say that it knows nobody. */
  const lookUpDeadlineMs = 10_000;
  const calls = rounds(30, 100);

  interface Gone extends AsyncDisposable {
    baseUrl: string;
  }
  const nothing = async (): Promise<void> => undefined;
  const gone: [string, () => Promise<Gone>, { code: string | RegExp; details: object; withinMs?: number }][] = [
    [
      'takes the call and never answers',
      async () => {
        const mute = await fakeUpstream();
        mute.always(silent());
        return mute;
      },
      { code: 'GATEWAY_TIMEOUT', details: { deadlineMs: callDeadlineMs } },
    ],
    ['is stopped with SIGSTOP', stoppedUpstream, { code: 'GATEWAY_TIMEOUT', details: { deadlineMs: callDeadlineMs } }],
    [
      'has a name that nobody knows',
      async () => ({ baseUrl: 'http://nobody.invalid/v1', [Symbol.asyncDispose]: nothing }),
      // Look-ups go four at a time through the machine's resolver: the last of a hundred may meet the deadline.
      { code: /^(BAD_GATEWAY|GATEWAY_TIMEOUT)$/, details: {}, withinMs: lookUpDeadlineMs },
    ],
    [
      'refuses connections',
      async () => {
        const closed = await fakeUpstream();
        await closed[Symbol.asyncDispose]();
        return { baseUrl: closed.baseUrl, [Symbol.asyncDispose]: nothing };
      },
      { code: 'BAD_GATEWAY', details: { reason: 'unreachable' } },
    ],
  ];

  test.each(gone)(
    'F10 a provider that %s: every call ends within its deadline, and no socket is left',
    async (name, start, { code, details, withinMs = callDeadlineMs }) => {
      await using provider = await start();
      const port = Number(new URL(provider.baseUrl).port);
      await using own = await startService({
        env: providerEnv(provider.baseUrl, { LLM_TIMEOUT_MS: String(withinMs) }),
      });
      const person = await own.signUp();
      const file = new Ledger(`${folder.path}/ledger ${name}`);
      // Each asks a model of its own: the circuit is the subject of F09.
      const outcomes = await inTurns(calls, calls, (index) =>
        asked(file, person.client, { text: `gone ${index}`, model: `m${index}` }),
      );
      failedWith(outcomes, code, details);
      const latencies = await own.app.db.read<{ most: number }>('SELECT max(latency_ms) AS most FROM response', []);
      expect(latencies[0]?.most).toBeLessThan(withinMs + 500);
      if (port > 0) await until('all sockets closed', () => (socketsTo(port) === 0 ? true : undefined), 15_000);
      expect(file.verdict(await storedRows(own.app.db))).toMatchObject({ ...whole, stored: calls });
      const pending = await own.app.db.read(`SELECT 1 FROM prompt WHERE status <> 'failed'`, []);
      expect(pending).toEqual([]);
      const figures = { calls, 'longest call ms': latencies[0]?.most ?? 0, 'sockets left': 0, lost: 0 };
      record(`F10 ${name}`, seed, figures);
    },
    60_000,
  );

  test('F10 control: sockets that a careless caller keeps are counted', async () => {
    await using stopped = await stoppedUpstream();
    const port = Number(new URL(stopped.baseUrl).port);
    const kept: Socket[] = Array.from({ length: 20 }, () => connect(port, '127.0.0.1'));
    await Promise.all(kept.map((socket) => once(socket, 'connect')));
    expect(socketsTo(port)).toBe(20);
    for (const socket of kept) socket.destroy();
    await until('all sockets closed', () => (socketsTo(port) === 0 ? true : undefined));
  });
});
