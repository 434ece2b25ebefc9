import { expect, test } from 'vitest';
import { scripted } from '../support/embedding.js';

const interactive = { lane: 'interactive', scope: 'project' } as const;
const background = { lane: 'background', scope: 'project' } as const;

test('closing finishes what runs and what waits interactively, gives the waiting backfill back, and frees the model', async () => {
  await using script = scripted();
  const backfill = script.embedder.embed(['ask:backfill'], background);
  await script.reached('backfill');
  const running = script.embedder.embed(['ask:running'], interactive);
  await script.reached('running');
  const waiting = script.embedder.embed(['waiting'], interactive);
  const later = script.embedder.embed(['later'], background);
  const closed = script.embedder.close();
  await expect(later).rejects.toMatchObject({ kind: 'overloaded', details: { reason: 'closing' } });
  await expect(script.embedder.embed(['too late'], interactive)).rejects.toMatchObject({ kind: 'overloaded' });
  script.answer('running', 'go');
  script.answer('backfill', 'go');
  expect(await Promise.all([running, waiting, backfill])).toHaveLength(3);
  await closed;
  await script.reached('closed');
});

test('closing twice is the same promise', async () => {
  await using script = scripted();
  expect(script.embedder.close()).toBe(script.embedder.close());
});

test('closing at once, before any thread has its model, ends', async () => {
  await using script = scripted({ threads: 2 });
  await expect(script.embedder.close()).resolves.toBeUndefined();
});

test('closing ends while no thread can start', async () => {
  await using script = scripted({ spaceName: 'never starts' });
  await expect(script.embedder.embed(['text'], interactive)).rejects.toMatchObject({ kind: 'overloaded' });
  await script.embedder.close();
});

test('closing replaces a thread that dies meanwhile and still finishes', async () => {
  await using script = scripted();
  const running = script.embedder.embed(['ask:fragile'], interactive);
  await script.reached('fragile');
  const closed = script.embedder.close();
  script.answer('fragile', 'die');
  await script.reached('fragile', 2);
  script.answer('fragile', 'go');
  expect(await running).toHaveLength(1);
  await closed;
});
