import { expect, test } from 'vitest';
import { scripted } from '../support/embedding.js';

const interactive = { lane: 'interactive', scope: 'project' } as const;
const background = { lane: 'background', scope: 'project' } as const;

test('a thread that dies is replaced and its batch is embedded all the same', async () => {
  await using script = scripted();
  const batch = script.embedder.embed(['before', 'ask:fragile', 'after'], interactive);
  await script.reached('fragile');
  script.answer('fragile', 'die');
  await script.reached('fragile', 2);
  script.answer('fragile', 'go');
  expect(await batch).toHaveLength(3);
  expect(script.observed.replaced).toBe(1);
  expect(await script.batches()).toEqual([['before', 'ask:fragile', 'after'], ['before'], ['ask:fragile'], ['after']]);
});

test('a text that kills its thread twice fails alone with unprocessable; its neighbours and other work go on', async () => {
  await using script = scripted();
  const busy = script.embedder.embed(['ask:busy'], interactive);
  await script.reached('busy');
  const calls = ['one', 'die', 'two'].map((text) => script.embedder.embed([text], interactive));
  const backfill = script.embedder.embed(['backfill'], background);
  script.answer('busy', 'go');
  const results = await Promise.allSettled(calls);
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(results[1]).toMatchObject({ reason: { kind: 'unprocessable', details: { reason: 'embedding' } } });
  expect(await backfill).toHaveLength(1);
  expect(script.observed.replaced).toBe(2);
  expect(await script.embedder.embed(['and on'], interactive)).toHaveLength(1);
  await busy;
});

test.for(['throw', 'nan', 'zero'])(
  'a model that answers %s fails that text only, and the thread lives on',
  async (text) => {
    await using script = scripted();
    const busy = script.embedder.embed(['ask:busy'], interactive);
    await script.reached('busy');
    const bad = script.embedder.embed([text], interactive);
    const good = script.embedder.embed(['fine'], interactive);
    script.answer('busy', 'go');
    await expect(bad).rejects.toMatchObject({ kind: 'unprocessable' });
    expect(await good).toHaveLength(1);
    expect(script.observed.replaced).toBe(0);
    await busy;
  },
);

test('a search that shares the thread with a killer in the backfill is embedded all the same', async () => {
  await using script = scripted();
  const killer = script.embedder.embed(['ask:killer'], background);
  await script.reached('killer');
  const search = script.embedder.embed(['ask:search'], interactive);
  await script.reached('search');
  const settled = Promise.allSettled([killer, search]);
  script.answer('killer', 'die');
  await script.reached('search', 2);
  script.answer('search', 'go');
  await script.reached('killer', 2);
  script.answer('killer', 'die');
  expect((await settled).map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
});

test('with two threads, one goes on while the other is replaced', async () => {
  await using script = scripted({ threads: 2 });
  const first = script.embedder.embed(['ask:first'], interactive);
  await script.reached('first');
  script.answer('first', 'die');
  await script.reached('first', 2);
  script.answer('first', 'go');
  expect(await first).toHaveLength(1);
});

test('a cancelled text is not tried again after a crash', async () => {
  await using script = scripted();
  const controller = new AbortController();
  const call = script.embedder.embed(['ask:gone'], { ...interactive, signal: controller.signal });
  await script.reached('gone');
  controller.abort();
  await expect(call).rejects.toMatchObject({ kind: 'cancelled' });
  script.answer('gone', 'die');
  await script.embedder.embed(['next'], interactive);
  expect(await script.batches()).toEqual([['ask:gone'], ['next']]);
});

test('when no thread can start, those who wait are refused with overloaded instead of waiting for ever', async () => {
  await using script = scripted({ spaceName: 'never starts' });
  await expect(script.embedder.embed(['text'], interactive)).rejects.toMatchObject({
    kind: 'overloaded',
    details: { reason: 'noThread' },
    cause: expect.objectContaining({ message: 'no model here' }) as Error,
  });
  await expect(script.embedder.embed(['text'], interactive)).rejects.toMatchObject({ kind: 'overloaded' });
  expect(script.embedder.state().isReady).toBe(false);
});
