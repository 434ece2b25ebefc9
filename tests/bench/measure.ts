import { monitorEventLoopDelay } from 'node:perf_hooks';

/** The value below which `share` of the sorted figures lie. */
export function quantile(figures: readonly number[], share: number): number {
  const sorted = figures.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** The middle of some figures. */
export const median = (figures: readonly number[]): number => quantile(figures, 0.5);

/** How long each of `count` runs of `work` took, one after another, in milliseconds. */
export async function times(count: number, work: (index: number) => Promise<unknown>): Promise<number[]> {
  const figures: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const startedMs = performance.now();
    await work(index);
    figures.push(performance.now() - startedMs);
  }
  return figures;
}

/** How many runs of `work` a second `callers` finish together, of `count` in all. */
export async function rate(count: number, callers: number, work: (index: number) => Promise<unknown>): Promise<number> {
  let next = 0;
  const startedMs = performance.now();
  await Promise.all(
    Array.from({ length: callers }, async () => {
      for (let index = next++; index < count; index = next++) await work(index);
    }),
  );
  return (count * 1_000) / (performance.now() - startedMs);
}

/** The event loop's delay (p99 and longest, in milliseconds) while `work` runs. */
export async function loopDelay(work: () => Promise<unknown>): Promise<{ p99Ms: number; maxMs: number }> {
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  histogram.enable();
  await work();
  histogram.disable();
  return { p99Ms: histogram.percentile(99) / 1e6, maxMs: histogram.max / 1e6 };
}

/** A row of a Markdown table. */
export const row = (...cells: (string | number)[]): string =>
  `| ${cells.map((cell) => (typeof cell === 'number' ? figure(cell) : cell)).join(' | ')} |`;

const figure = (value: number): string => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3));
