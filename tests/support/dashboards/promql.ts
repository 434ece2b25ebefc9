/** Grafana's name for the shortest window that surely holds enough scrapes. */
const window = '$__rate_interval';

const grouped = (by: string): string => (by === '' ? '' : ` by (${by})`);

/** Events a second, added up; with labels to keep apart (`by`). The metric may carry matchers. */
export const rate = (metric: string, by = ''): string => `sum${grouped(by)} (rate(${metric}[${window}]))`;

/** Events within a time (`1h`), added up. */
export const increase = (metric: string, time: string, by = ''): string =>
  `sum${grouped(by)} (increase(${metric}[${time}]))`;

/** A gauge, added up over the processes. */
export const total = (metric: string, by = ''): string => `sum${grouped(by)} (${metric})`;

/**
 * A quantile of a histogram, whose name may carry matchers: `name{a="b"}`.
 *
 * Shape: nothing where nothing was observed; without the second half that would be NaN.
 */
export function quantile(share: number, histogram: string, by = ''): string {
  const buckets = rate(part(histogram, 'bucket'), by === '' ? 'le' : `le, ${by}`);
  const on = by === '' ? '' : ` on (${by})`;
  return `histogram_quantile(${share}, ${buckets}) and${on} ${rate(part(histogram, 'count'), by)} > 0`;
}

/** Median, p95 and p99 of a histogram, as legend and expression. */
export function quantiles(histogram: string, by = ''): Record<string, string> {
  const suffix = by === '' ? '' : `, {{${by}}}`;
  return {
    [`median${suffix}`]: quantile(0.5, histogram, by),
    [`p95${suffix}`]: quantile(0.95, histogram, by),
    [`p99${suffix}`]: quantile(0.99, histogram, by),
  };
}

/** The mean of what a histogram saw. */
export const mean = (histogram: string, by = ''): string =>
  `${rate(part(histogram, 'sum'), by)} / (${rate(part(histogram, 'count'), by)} > 0)`;

/** One of the counters that a histogram is made of: `name{a="b"}` to `name_count{a="b"}`. */
export const part = (histogram: string, which: 'bucket' | 'sum' | 'count'): string =>
  histogram.replace(/^\w+/, (name) => `${name}_${which}`);

/** A share between 0 and 1. 0 / 0 is no graph at all: a quiet time counts as none of it. */
export const shareOf = (some: string, all: string): string => `(${some}) / ((${all}) > 0) or vector(0)`;
