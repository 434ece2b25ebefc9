import { expect, test } from 'vitest';
import { isTie, leastForIndex, searchDepths } from '../../../../src/features/prompts/search-depth.js';

test.each([
  [5_000, 10, 171],
  [10_000, 10, 216],
  [50_000, 10, 369],
  [100_000, 10, 465],
  [1_000_000, 10, 1_000],
  [50_000_000, 10, 1_000],
  [100, 50, 200],
])('a search of %i vectors for %i hits keeps %i in sight', (vectors, limit, efSearch) => {
  const [first, second] = searchDepths(vectors, { limit, isFiltered: false });
  expect(first?.efSearch).toBe(efSearch);
  expect(first?.candidates).toBeGreaterThanOrEqual(Math.max(20, 2 * limit));
  // One look at the graph gives no more candidates than it keeps in sight.
  expect(first?.candidates).toBeLessThanOrEqual(efSearch);
  expect(second).toEqual({ efSearch: 1_000, candidates: 1_000 });
});

test('an index is asked only where at least one vector in eight passes the filter, and gives more candidates then', () => {
  expect([10_000, 100_000, 1_000_000].map(leastForIndex)).toEqual([2_000, 12_500, 125_000]);
  expect(searchDepths(100_000, { limit: 10, isFiltered: true })[0]).toEqual({ efSearch: 465, candidates: 50 });
});

test('equal distances are ties whatever the last bits say', () => {
  expect(isTie(0.25, 0.2500001)).toBe(true);
  expect(isTie(0.25, 0.26)).toBe(false);
});
