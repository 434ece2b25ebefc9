import { expect, test } from 'vitest';
import { cutWindows, planRuns, windowLimit, windowTokens } from '../../../../src/platform/embedding/windows.js';

const ids = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

test.for([0, 1, 254, 255, 508, 1_000, 100_000])(
  '%i tokens are all in windows of nearly equal length, in order',
  (count) => {
    const { windows, isTruncated } = cutWindows(ids(count));
    const lengths = windows.map(({ length }) => length);
    expect(windows.flat()).toEqual(ids(count));
    expect(isTruncated).toBe(false);
    expect(windows).toHaveLength(Math.max(1, Math.ceil(count / windowTokens)));
    expect(Math.max(...lengths)).toBeLessThanOrEqual(windowTokens);
    expect(Math.max(...lengths) - Math.min(...lengths)).toBeLessThanOrEqual(1);
  },
);

test('what no window has room for is left out, and told', () => {
  const { windows, isTruncated } = cutWindows(ids(windowLimit * windowTokens + 1));
  expect(windows).toHaveLength(windowLimit);
  expect(windows.flat()).toHaveLength(windowLimit * windowTokens);
  expect(isTruncated).toBe(true);
});

test('runs hold every window once, shortest first, within 256 padded tokens', () => {
  const windows = [256, 3, 40, 41, 7, 256, 128, 2, 128].map((length, textIndex) => ({ textIndex, ids: ids(length) }));
  const runs = planRuns(windows);
  expect(runs.flat()).toEqual(windows.toSorted((one, other) => one.ids.length - other.ids.length));
  for (const run of runs) {
    expect(run.length * Math.max(...run.map((window) => window.ids.length))).toBeLessThanOrEqual(256);
  }
  expect(runs.map((run) => run.map(({ ids: { length } }) => length))).toEqual([
    [2, 3, 7],
    [40, 41],
    [128, 128],
    [256],
    [256],
  ]);
});
