import fc from 'fast-check';
import { expect, test } from 'vitest';
import { requestHash, textHash } from '../../../../src/features/prompts/fingerprint.js';

/** The same value with every object's keys in the opposite order. */
function turned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(turned);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, child]) => [key, turned(child)]),
  );
}

test('the order of keys makes no other request', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (input) => {
      expect(requestHash(turned(input) as object)).toBe(requestHash(input));
    }),
  );
});

test('different requests have different hashes', () => {
  const inputs = [
    {},
    { a: 1 },
    { a: '1' },
    { a: [1] },
    { a: [[1]] },
    { a: { 0: 1 } },
    { a: null },
    { b: 1 },
    { a: 1, b: 2 },
  ];
  const tricky = [{ a: 'x","b":"y' }, { a: 'x', b: 'y' }, { a: [1, 2] }, { a: ['1,2'] }, { a: [2, 1] }];
  const hashes = [...inputs, ...tricky].map(requestHash);
  expect(new Set(hashes).size).toBe(hashes.length);
});

test('a text has the SHA-256 of its UTF-8 bytes', () => {
  expect(textHash('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  expect(textHash('é')).not.toBe(textHash('e\u0301'));
});
