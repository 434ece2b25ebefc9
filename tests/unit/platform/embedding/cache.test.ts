import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { isForgotten, textKey, VectorCache } from '../../../../src/platform/embedding/cache.js';
import { WaitingRoom } from '../../../../src/platform/embedding/waiting-room.js';

const hash = (text: string): string => createHash('sha256').update(text).digest('hex');
const embedded = { vector: new Float32Array([1]), isTruncated: false };

test('a cache forgets one text by the hash that the database has of it, a scope, or everything, and nothing else', () => {
  const cache = new VectorCache();
  const keys = [textKey('a', 'one'), textKey('a', 'two'), textKey('b', 'one'), textKey('ab', 'one')];
  const fill = (): void => {
    for (const key of keys) cache.set(key, embedded);
  };
  const left = (): boolean[] => keys.map((key) => cache.get(key) !== undefined);
  fill();
  cache.forget({ scope: 'a', textHash: hash('one') });
  expect(left()).toEqual([false, true, true, true]);
  fill();
  cache.forget({ scope: 'a' });
  expect(left()).toEqual([false, false, true, true]);
  cache.forget(undefined);
  expect(left()).toEqual([false, false, false, false]);
});

test('a text that is being embedded while it is forgotten is marked, and its neighbours are not', () => {
  const room = new WaitingRoom(10);
  const keys = [textKey('a', 'one'), textKey('b', 'one')];
  const jobs = room.admit(new Map(keys.map((key) => [key, 'one'])), 'interactive') ?? [];
  room.take(0);
  room.forget((key) => isForgotten(key, { scope: 'a' }));
  expect(jobs.map(({ isKept }) => isKept)).toEqual([false, true]);
});
