import { expect, test } from 'vitest';
import type { EmbeddingLane } from '../../src/platform/embedding/embedder.js';
import { scripted } from '../support/embedding.js';

const ask = (lane: EmbeddingLane, signal?: AbortSignal) => ({
  lane,
  scope: 'project',
  ...(signal === undefined ? {} : { signal }),
});

test('texts that queue while a batch runs become the next batch, in their order', async () => {
  await using script = scripted();
  const first = script.embedder.embed(['ask:first'], ask('interactive'));
  await script.reached('first');
  const later = ['a', 'b', 'c'].map((text) => script.embedder.embed([text], ask('interactive')));
  expect(script.embedder.state().waiting).toEqual({ interactive: 3, background: 0 });
  script.answer('first', 'go');
  await Promise.all([first, ...later]);
  expect(await script.batches()).toEqual([['ask:first'], ['a', 'b', 'c']]);
  expect(script.observed.batches.map(({ texts }) => texts)).toEqual([1, 3]);
});

test('a batch holds at most 64 texts', async () => {
  await using script = scripted({ queueLimit: 200 });
  const texts = Array.from({ length: 150 }, (_, index) => `text ${index}`);
  expect(await script.embedder.embed(texts, ask('background'))).toHaveLength(150);
  expect((await script.batches()).map(({ length }) => length)).toEqual([64, 64, 22]);
  expect((await script.batches()).flat()).toEqual(texts);
});

test('a search overtakes a backfill, even one that has begun', async () => {
  await using script = scripted();
  const backfill = script.embedder.embed(['ask:backfill', 'more', 'and more'], ask('background'));
  await script.reached('backfill');
  await script.embedder.embed(['search'], ask('interactive'));
  expect((await script.batches()).at(-1)).toEqual(['search']);
  script.answer('backfill', 'go');
  await backfill;
});

test('a backfill that has begun stands still while a search runs', async () => {
  await using script = scripted();
  const backfill = script.embedder.embed(['ask:one', 'ask:two'], ask('background'));
  await script.reached('one');
  const search = script.embedder.embed(['ask:search'], ask('interactive'));
  await script.reached('search');
  script.answer('one', 'go');
  expect(await script.hasReached('two')).toBe(false);
  script.answer('search', 'go');
  await script.reached('two');
  script.answer('two', 'go');
  await Promise.all([backfill, search]);
});

test('a search overtakes a long interactive text', async () => {
  await using script = scripted();
  const long = `ask:${'long '.repeat(2_000)}`;
  const create = script.embedder.embed([long], ask('interactive'));
  await script.reached(long.slice('ask:'.length));
  expect(await script.embedder.embed(['search'], ask('interactive'))).toHaveLength(1);
  script.answer(long.slice('ask:'.length), 'go');
  await create;
});

test('of what waits, the interactive lane is embedded first', async () => {
  await using script = scripted();
  const blockers = [
    script.embedder.embed(['ask:search'], ask('interactive')),
    script.embedder.embed(['ask:backfill'], ask('background')),
  ];
  await script.reached('search');
  const background = script.embedder.embed(['later'], ask('background'));
  const interactive = script.embedder.embed(['sooner'], ask('interactive'));
  script.answer('search', 'go');
  await interactive;
  await script.reached('backfill');
  script.answer('backfill', 'go');
  await Promise.all([...blockers, background]);
  expect((await script.batches()).slice(-2)).toEqual([['sooner'], ['later']]);
});

test('a full lane refuses with overloaded and a time to come back, takes nothing of the call, and leaves the other lane open', async () => {
  await using script = scripted({ queueLimit: 2 });
  const running = script.embedder.embed(['ask:go on'], ask('background'));
  await script.reached('go on');
  const waiting = script.embedder.embed(['one'], ask('background'));
  await expect(script.embedder.embed(['two', 'three'], ask('background'))).rejects.toMatchObject({
    kind: 'overloaded',
    details: { retryAfterMs: expect.any(Number) as number },
  });
  expect(script.embedder.state().waiting.background).toBe(1);
  await script.embedder.embed(['search'], ask('interactive'));
  script.answer('go on', 'go');
  await Promise.all([running, waiting]);
});

test('an aborted call is cancelled at once and its waiting texts are never embedded', async () => {
  await using script = scripted();
  const running = script.embedder.embed(['ask:busy'], ask('interactive'));
  await script.reached('busy');
  const controller = new AbortController();
  const waiting = script.embedder.embed(['unwanted'], ask('interactive', controller.signal));
  controller.abort();
  await expect(waiting).rejects.toMatchObject({ kind: 'cancelled' });
  expect(script.embedder.state().waiting.interactive).toBe(0);
  script.answer('busy', 'go');
  await running;
  await script.embedder.embed(['wanted'], ask('interactive'));
  expect((await script.batches()).flat()).not.toContain('unwanted');
});

test('aborting a call whose text runs drops the result and leaves the thread alive', async () => {
  await using script = scripted();
  const controller = new AbortController();
  const running = script.embedder.embed(['ask:run'], ask('interactive', controller.signal));
  await script.reached('run');
  controller.abort();
  await expect(running).rejects.toMatchObject({ kind: 'cancelled' });
  script.answer('run', 'go');
  await script.embedder.embed(['next'], ask('interactive'));
  expect(script.observed.replaced).toBe(0);
});

test('a call that is already aborted is cancelled before anything else', async () => {
  await using script = scripted();
  await expect(script.embedder.embed(['text'], ask('interactive', AbortSignal.abort()))).rejects.toMatchObject({
    kind: 'cancelled',
  });
});

test('a text asked for twice at once in a project is embedded once; one who leaves does not take it from the other', async () => {
  await using script = scripted();
  const controller = new AbortController();
  const busy = script.embedder.embed(['ask:busy'], ask('interactive'));
  await script.reached('busy');
  const leaver = script.embedder.embed(['same'], ask('interactive', controller.signal));
  const stayer = script.embedder.embed(['same', 'same'], ask('interactive'));
  controller.abort();
  await expect(leaver).rejects.toMatchObject({ kind: 'cancelled' });
  script.answer('busy', 'go');
  expect(await stayer).toHaveLength(2);
  await busy;
  expect((await script.batches()).flat().filter((text) => text === 'same')).toHaveLength(1);
});

test('a background text moves up when a search asks for the same', async () => {
  await using script = scripted();
  const blocker = script.embedder.embed(['ask:backfill'], ask('background'));
  await script.reached('backfill');
  const backfill = script.embedder.embed(['same'], ask('background'));
  await script.embedder.embed(['same'], ask('interactive'));
  script.answer('backfill', 'go');
  await Promise.all([blocker, backfill]);
  expect(await script.batches()).toEqual([['ask:backfill'], ['same']]);
});

test('a text embedded before comes from the cache of its project only', async () => {
  await using script = scripted();
  await script.embedder.embed(['text'], { lane: 'interactive', scope: 'mine' });
  await script.embedder.embed(['text'], { lane: 'interactive', scope: 'mine' });
  expect(await script.batches()).toHaveLength(1);
  expect(script.observed.cache).toEqual({ hit: 1, miss: 1 });
  await script.embedder.embed(['text'], { lane: 'interactive', scope: 'theirs' });
  expect(await script.batches()).toHaveLength(2);
});

test('whoever changes a vector changes nobody else’s', async () => {
  await using script = scripted();
  const [first] = await script.embedder.embed(['text'], ask('interactive'));
  first?.vector.fill(9);
  const [second] = await script.embedder.embed(['text'], ask('interactive'));
  expect(second?.vector).toEqual(Float32Array.of(1, 0, 0, 0));
  expect(second?.vector.buffer.byteLength).toBe(16);
});

test('truncation is told, also from the cache', async () => {
  await using script = scripted();
  for (let time = 0; time < 2; time += 1) {
    const embedded = await script.embedder.embed(['long', 'short'], ask('interactive'));
    expect(embedded.map(({ isTruncated }) => isTruncated)).toEqual([true, false]);
  }
});

test('no texts give no vectors', async () => {
  await using script = scripted();
  expect(await script.embedder.embed([], ask('interactive'))).toEqual([]);
});

test('an embedder is ready when a thread has its model, and not once it closes', async () => {
  const script = scripted();
  expect(script.embedder.state().isReady).toBe(false);
  await script.embedder.embed(['text'], ask('interactive'));
  expect(script.embedder.state()).toEqual({
    space: { name: 'scripted', dimensions: 4 },
    isReady: true,
    waiting: { interactive: 0, background: 0 },
  });
  await script[Symbol.asyncDispose]();
  expect(script.embedder.state().isReady).toBe(false);
});
