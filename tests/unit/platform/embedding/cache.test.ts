import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { isForgotten, textKey, VectorCache } from '../../../../src/platform/embedding/cache.js';
import { WaitingRoom } from '../../../../src/platform/embedding/waiting-room.js';

const hash = (text: string): string => createHash('sha256').update(text).digest('hex');
const embedded = { vector: new Float32Array([1]), isTruncated: false };

test('a cache forgets one text by the hash that the database has of it, a scope, or everything, and nothing else', async () => {
  const cache = new VectorCache({ onCache: () => undefined });
  const texts = [
    ['a', 'one'],
    ['a', 'two'],
    ['b', 'one'],
    ['ab', 'one'],
  ] as const;
  const fill = (): void => {
    for (const [scope, text] of texts) cache.set(textKey(scope, text), embedded);
  };
  /** Asked for what it does not know, it has it made. */
  const isKnown = async ([scope, text]: (typeof texts)[number]): Promise<boolean> => {
    let isMade = false;
    await cache.through([text], scope, async (missing) => {
      isMade = true;
      return [...missing.keys()].map((key) => [key, embedded] as const);
    });
    return !isMade;
  };
  const left = (): Promise<boolean[]> => Promise.all(texts.map(isKnown));
  fill();
  cache.forget({ scope: 'a', textHash: hash('one') });
  expect(await left()).toEqual([false, true, true, true]);
  fill();
  cache.forget({ scope: 'a' });
  expect(await left()).toEqual([false, false, true, true]);
  cache.forget(undefined);
  expect(await left()).toEqual([false, false, false, false]);
});

test('each text is made once, answers keep the order of the texts, and nobody shares a buffer', async () => {
  const asked: string[][] = [];
  const told: string[] = [];
  const cache = new VectorCache({ onCache: (outcome) => void told.push(outcome) });
  const make = async (missing: ReadonlyMap<string, string>) => {
    asked.push([...missing.values()]);
    return [...missing].map(([key, text]) => {
      const made = { vector: new Float32Array([text.length]), isTruncated: false };
      cache.set(key, made);
      return [key, made] as const;
    });
  };
  const lengths = async (texts: string[]) => (await cache.through(texts, 's', make)).map(({ vector }) => vector[0]);
  expect(await lengths(['one', 'three', 'one'])).toEqual([3, 5, 3]);
  const [first] = await cache.through(['one'], 's', make);
  first?.vector.fill(0);
  expect(await lengths(['fifteen', 'one'])).toEqual([7, 3]);
  expect(asked).toEqual([['one', 'three'], ['fifteen']]);
  expect(told).toEqual(['miss', 'miss', 'miss', 'hit', 'miss', 'hit']);
});

test('a text that is being embedded while it is forgotten is marked, and its neighbours are not', () => {
  const room = new WaitingRoom(10);
  const keys = [textKey('a', 'one'), textKey('b', 'one')];
  const jobs = room.admit(new Map(keys.map((key) => [key, 'one'])), 'interactive') ?? [];
  room.take(0);
  room.forget((key) => isForgotten(key, { scope: 'a' }));
  expect(jobs.map(({ isKept }) => isKept)).toEqual([false, true]);
});
