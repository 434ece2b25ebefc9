import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { SessionTokens } from '../../src/client.js';
import { TurnedClock } from '../support/clock.js';
import { follow, untilHeard } from '../support/feed.js';
import { refusalOf } from '../support/prompts.js';
import { cuttableProxy } from '../support/proxy.js';
import { startService, type TestPerson, type TestService } from '../support/service.js';
import { until } from '../support/wait.js';

const clock = new TurnedClock();
let service: TestService;
let ada: TestPerson;
let sent: { method: string; path: string }[];
const { fetch } = globalThis;

beforeAll(async () => {
  service = await startService({ clock });
});
afterAll(() => service[Symbol.asyncDispose]());
beforeEach(async () => {
  ada = await service.signUp();
  sent = [];
  globalThis.fetch = (input, init) => {
    sent.push({ method: init?.method ?? 'GET', path: new URL(String(input)).pathname.replace('/trpc/', '') });
    return fetch(input, init);
  };
});
afterEach(() => {
  globalThis.fetch = fetch;
});

/** The tokens of somebody new, of which the access token has `leftMs` to live. */
async function tokensWith(leftMs: number): Promise<SessionTokens> {
  const awayMs = 60 * 60_000 - leftMs;
  clock.turnMs(-awayMs);
  try {
    return (await service.signUp()).session.tokens;
  } finally {
    clock.turnMs(awayMs);
  }
}

test('queries made at once travel as one POST, ten at most in each', async () => {
  const made = await ada.client.prompts.create.mutate({ text: 'x', generate: false });
  sent = [];
  await Promise.all(Array.from({ length: 25 }, () => ada.client.prompts.get.query({ id: made.id })));
  expect(sent.map(({ method, path }) => [method, path.split(',').length])).toEqual([
    ['POST', 10],
    ['POST', 10],
    ['POST', 5],
  ]);
});

test('creations are never batched: none waits for the model of another', async () => {
  await Promise.all(['a', 'b', 'c'].map((text) => ada.client.prompts.create.mutate({ text })));
  expect(sent).toEqual(Array.from({ length: 3 }, () => ({ method: 'POST', path: 'prompts.create' })));
});

test('a query too long for a URL is answered', async () => {
  const query = 'слово '.repeat(1_600);
  expect((await ada.client.prompts.similar.query({ query })).hits).toEqual([]);
});

test('a token about to expire is refreshed once, before the calls that need it, and its owner is told', async () => {
  const tokens = await tokensWith(10_000);
  const kept: SessionTokens[] = [];
  const client = service.client({ tokens, onTokens: (fresh) => kept.push(fresh) });
  await Promise.all([
    client.prompts.list.query({}),
    client.auth.me.query(),
    client.prompts.create.mutate({ text: 'a', generate: false }),
    client.prompts.create.mutate({ text: 'b', generate: false }),
  ]);
  expect(sent.filter(({ path }) => path === 'auth.refresh')).toHaveLength(1);
  expect(kept).toHaveLength(1);
  expect(kept[0]?.accessToken).not.toBe(tokens.accessToken);
  await client.auth.me.query();
  expect(sent.filter(({ path }) => path === 'auth.refresh')).toHaveLength(1);
});

test('a token that has long expired is refreshed too, for subscriptions as well', async () => {
  const tokens = await tokensWith(-60_000);
  const client = service.client({ tokens });
  const reader = await follow(client);
  await client.prompts.create.mutate({ text: 'heard', generate: false });
  await untilHeard(reader, 2);
  expect(reader.errors).toEqual([]);
  reader.unsubscribe();
});

test('a subscription outlives its token: the socket that ends with it is opened anew with a fresh one', async () => {
  const brief = await tokensWith(3_000);
  const now = Date.now();
  const tokens = { ...brief, accessTokenExpiresAt: new Date(now + 31_000).toISOString() };
  const client = service.client({ tokens });
  const reader = await follow(client);
  expect(sent.some(({ path }) => path === 'auth.refresh')).toBe(false);
  await until('the second ready', () => (reader.items.length > 1 ? true : undefined), 15_000);
  expect(reader.items.map(({ kind }) => kind)).toEqual(['ready', 'ready']);
  await client.prompts.create.mutate({ text: 'after', generate: false });
  await untilHeard(reader, 2);
  expect(reader.errors).toEqual([]);
  reader.unsubscribe();
});

test('a refresh token that is over fails the call with its code, and the next call tries again', async () => {
  const tokens = { ...(await tokensWith(-60_000)), refreshToken: 'nonsense' };
  const client = service.client({ tokens });
  sent = [];
  for (let call = 0; call < 2; call += 1) {
    const error = await client.auth.me.query().catch((cause: unknown) => cause);
    expect(refusalOf(error).code).toBe('UNAUTHORIZED');
  }
  expect(sent.map(({ path }) => path)).toEqual(['auth.refresh', 'auth.refresh']);
});

test('getToken is asked for each request and each connection', async () => {
  let asked = 0;
  await using proxy = await cuttableProxy(service.url);
  const client = service.client({
    url: proxy.url,
    getToken: () => {
      asked += 1;
      return Promise.resolve(ada.token);
    },
  });
  await client.auth.me.query();
  const reader = await follow(client);
  expect(asked).toBe(2);
  proxy.cut();
  await until('the second ready', () => (reader.items.length > 1 ? true : undefined));
  expect(asked).toBe(3);
  reader.unsubscribe();
});
