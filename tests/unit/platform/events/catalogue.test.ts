import { expect, test } from 'vitest';
import { isAfter } from '../../../../src/platform/events/catalogue.js';

const at = (xid: bigint, id: bigint) => ({ xid, id });

test('positions are ordered by transaction, then by row, as numbers', () => {
  expect(isAfter(at(100n, 1n), at(99n, 500n))).toBe(true);
  expect(isAfter(at(9n, 100n), at(9n, 99n))).toBe(true);
  expect(isAfter(at(9n, 9n), at(10n, 1n))).toBe(false);
  expect(isAfter(at(9n, 9n), at(9n, 9n))).toBe(false);
});
