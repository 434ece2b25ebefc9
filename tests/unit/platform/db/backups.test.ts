import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { superfluous } from '../../../../src/platform/db/backups.js';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const noonMs = Date.UTC(2_026, 10, 21, 12);
const at = (...times: number[]): { madeAtMs: number }[] =>
  times.toSorted((one, other) => other - one).map((madeAtMs) => ({ madeAtMs }));

/** What is on a shelf after backups were made at these times, one after another. */
function shelfAfter(times: readonly number[], keep: number): number[] {
  let shelf: { madeAtMs: number }[] = [];
  for (const madeAtMs of times.toSorted((one, other) => one - other)) {
    const added = at(madeAtMs, ...shelf.map((one) => one.madeAtMs));
    const gone = new Set(superfluous(added, keep));
    shelf = added.filter((backup) => !gone.has(backup));
  }
  return shelf.map((one) => one.madeAtMs);
}

describe('which backups make room', () => {
  test('none while there are no more than are kept', () => {
    expect(superfluous(at(noonMs, noonMs - 1, noonMs - 2, noonMs - 3, noonMs - 4), 5)).toEqual([]);
  });

  test('ten short runs on one day leave the first of that day and the first of the day before', () => {
    const yesterday = [noonMs - dayMs, noonMs - dayMs + hourMs];
    const today = Array.from({ length: 10 }, (_, index) => noonMs + index * 60_000);
    expect(shelfAfter([...yesterday, ...today], 5)).toEqual([
      noonMs + 9 * 60_000,
      noonMs + 8 * 60_000,
      noonMs + 7 * 60_000,
      noonMs,
      noonMs - dayMs,
    ]);
  });

  test('a copy every quarter of an hour for a week leaves the newest and those of the newest two days', () => {
    const times = Array.from({ length: 7 * 96 }, (_, index) => Date.UTC(2_026, 10, 14) + index * 15 * 60_000);
    const [newest, , , third, fourth] = shelfAfter(times, 5);
    expect(newest).toBe(times.at(-1));
    expect([third, fourth]).toEqual([Date.UTC(2_026, 10, 20), Date.UTC(2_026, 10, 19)]);
  });

  test('as many as are kept stay, and always the newest', () => {
    const times = fc.uniqueArray(fc.integer({ min: 0, max: 20 * dayMs }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(times, fc.integer({ min: 1, max: 12 }), (made, keep) => {
        const shelf = shelfAfter(made, keep);
        expect(shelf).toHaveLength(Math.min(made.length, keep));
        expect(shelf[0]).toBe(Math.max(...made));
      }),
    );
  });
});
