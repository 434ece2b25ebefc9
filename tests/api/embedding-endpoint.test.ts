import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../src/kernel/clock.js';
import type { Embedder } from '../../src/platform/embedding/embedder.js';
import { createEndpoint } from '../../src/platform/embedding/endpoint.js';
import { type FakeEmbeddings, fakeEmbeddings, refusesWith, wordVector } from '../support/fake-embeddings.js';
import { until } from '../support/wait.js';

const key = 'sk-tests-only-embedding';
const interactive = { lane: 'interactive', scope: 'project' } as const;
const quiet = { onBatch: () => undefined, onCache: () => undefined, onThreadReplaced: () => undefined };
let endpoint: FakeEmbeddings;
let embedder: Embedder;

const embedderOf = (dimensions: number, queueLimit = 500): Embedder =>
  createEndpoint({
    endpoint: { baseUrl: endpoint.baseUrl, apiKey: key, model: 'words', dimensions },
    queueLimit,
    clock: systemClock,
    observer: quiet,
  });

beforeEach(async () => {
  endpoint = await fakeEmbeddings();
  embedder = embedderOf(256);
});
afterEach(async () => {
  await embedder.close();
  await endpoint[Symbol.asyncDispose]();
});

const unit = (text: string, dimensions = 256): number[] => {
  const vector = wordVector(text, dimensions);
  const length = Math.hypot(...vector);
  return vector.map((component) => component / length);
};

const failure = async (work: Promise<unknown>): Promise<{ kind: string; message: string; details: object }> =>
  work.then(
    () => Promise.reject(new Error('was not refused')),
    (cause: { kind: string; message: string; details: object; cause?: unknown; stack?: string }) => {
      const all = JSON.stringify({ ...cause, message: cause.message, cause: cause.cause, stack: cause.stack });
      expect(all, 'no key, no URL, no text in a fault').not.toMatch(/sk-tests|127\.0\.0\.1:\d+\/v1|secret words/);
      return cause;
    },
  );

test('texts come back as unit vectors, in order, in few requests that bear the key and the length wanted', async () => {
  const texts = Array.from({ length: 100 }, (_, index) => `text number ${index} of a hundred`);
  const embedded = await embedder.embed(texts, { ...interactive, lane: 'background' });
  for (const [index, { vector }] of embedded.entries()) {
    expect(vector).toHaveLength(256);
    const wanted = unit(texts[index] ?? '');
    expect(vector.reduce((sum, value, place) => sum + value * (wanted[place] ?? 0), 0)).toBeCloseTo(1, 5);
  }
  expect(endpoint.requests).toHaveLength(2);
  expect(endpoint.requests[0]).toMatchObject({ path: '/v1/embeddings', key: `Bearer ${key}`, dimensions: 256 });
});

test('base64 in any order is read as well, and what is known is not asked again within a project', async () => {
  endpoint.isOdd = true;
  const [one, other] = await embedder.embed(['red apples', 'green pears'], interactive);
  expect(one?.vector[0]).toBeCloseTo(unit('red apples')[0] ?? 0, 5);
  const wanted = unit('green pears');
  expect(other?.vector.reduce((sum, value, place) => sum + value * (wanted[place] ?? 0), 0)).toBeCloseTo(1, 5);
  await embedder.embed(['red apples'], interactive);
  expect(endpoint.requests).toHaveLength(1);
  await embedder.embed(['red apples'], { ...interactive, scope: 'another project' });
  expect(endpoint.requests).toHaveLength(2);
});

test('429 is waited out as long as the endpoint says, 5xx is tried again', async () => {
  endpoint.script(refusesWith(429, { 'retry-after': '1' }), refusesWith(503));
  const startedMs = performance.now();
  await embedder.embed(['patience'], { ...interactive, lane: 'background' });
  expect(performance.now() - startedMs).toBeGreaterThan(1_000);
  expect(endpoint.requests).toHaveLength(3);
});

test('where somebody waits it is asked once more and no oftener', async () => {
  endpoint.script(...Array.from({ length: 2 }, () => refusesWith(503)));
  expect(await failure(embedder.embed(['impatience'], interactive))).toMatchObject({ kind: 'overloaded' });
  expect(endpoint.requests).toHaveLength(2);
});

test('a refused key is told at once, in fixed words without the key', async () => {
  endpoint.script(refusesWith(401));
  expect(await failure(embedder.embed(['secret words'], interactive))).toMatchObject({
    kind: 'upstream',
    details: { reason: 'auth' },
  });
  expect(endpoint.requests).toHaveLength(1);
});

test('an endpoint that stays away is overloaded, with when to try again', async () => {
  endpoint.script(...Array.from({ length: 2 }, () => refusesWith(500, { 'retry-after': '0' })));
  const fault = await failure(embedder.embed(['secret words'], interactive));
  expect(fault).toMatchObject({ kind: 'overloaded', details: { reason: 'server_error' } });
});

test('vectors of another length are no vectors of this space', async () => {
  await embedder.close();
  embedder = embedderOf(512);
  endpoint.script(
    (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ data: [{ index: 0, embedding: [1, 2, 3] }] }));
      return true;
    },
    (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/html' });
      response.end('<h1>Sign in to the hotel network</h1>');
      return true;
    },
  );
  const fault = await failure(embedder.embed(['secret words'], interactive));
  expect(fault).toMatchObject({ kind: 'upstream', details: { reason: 'malformed' } });
  expect(fault.message).toContain('3 dimensions');
  expect(await failure(embedder.embed(['secret words'], interactive))).toMatchObject({ kind: 'upstream' });
});

test('an endpoint that knows no `dimensions` is asked without', async () => {
  await embedder.close();
  embedder = embedderOf(300);
  endpoint.script(refusesWith(400));
  expect(await embedder.embed(['plain'], interactive)).toHaveLength(1);
  await embedder.embed(['plainer'], interactive);
  expect(endpoint.requests.map(({ dimensions }) => dimensions)).toEqual([300, undefined, undefined]);
});

test('a text that is too long is halved until it is taken; one that is refused costs its neighbours nothing', async () => {
  const tooLong = (request: { texts: string[] }): boolean =>
    request.texts.some((text) => text.length > 4_000 || text.includes('refused'));
  const treat = refusesWith(400);
  endpoint.script(
    ...Array.from(
      { length: 40 },
      () =>
        (...exchange: Parameters<typeof treat>) =>
          tooLong(exchange[0]) && treat(...exchange),
    ),
  );
  const long = 'many words '.repeat(900);
  const outcomes = await Promise.allSettled(
    [long, 'refused', 'fine'].map((text) => embedder.embed([text], { ...interactive, lane: 'background' })),
  );
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  const [first, second] = outcomes;
  expect(first?.status === 'fulfilled' && first.value[0]?.isTruncated).toBe(true);
  expect(second?.status === 'rejected' && second.reason).toMatchObject({ kind: 'unprocessable' });
});

test('a search is asked at once while a fill has its share of requests under way, and a full lane refuses', async () => {
  await embedder.close();
  embedder = embedderOf(256, 300);
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  endpoint.pace = () => held;
  const texts = Array.from({ length: 300 }, (_, index) => `a text to be filled ${index}`);
  const fill = embedder.embed(texts, { ...interactive, lane: 'background' });
  const search = embedder.embed(['a search'], interactive);
  const refused = embedder.embed(
    texts.map((text) => `${text} more`),
    { ...interactive, lane: 'background' },
  );
  expect(await failure(refused)).toMatchObject({ kind: 'overloaded', details: { reason: 'queueFull' } });
  await until('four requests', () => (endpoint.requests.length === 4 ? true : undefined));
  expect(endpoint.requests.map(({ texts: asked }) => asked.length).toSorted((a, b) => a - b)).toEqual([1, 64, 64, 64]);
  release();
  await Promise.all([search, fill]);
});
