import { z } from 'zod';
import { databaseVariable } from '../dashboards/model.js';

/** One line: its labels, and its points as [seconds, value]. */
export interface Line {
  labels: Record<string, string>;
  points: [number, number][];
}

/** An alert rule as Prometheus runs it. */
export interface RunningRule {
  name: string;
  health: string;
  lastError: string | null;
  alerts: { state: string; annotations: Record<string, string> }[];
}

const Point = z.tuple([z.number(), z.string()]);
const Answer = z.object({
  status: z.string(),
  error: z.string().optional(),
  data: z.unknown(),
});
const Instant = z.object({ result: z.array(z.object({ metric: z.record(z.string(), z.string()), value: Point })) });
const Range = z.object({
  result: z.array(z.object({ metric: z.record(z.string(), z.string()), values: z.array(Point) })),
});
const Rules = z.object({
  groups: z.array(
    z.object({
      rules: z.array(
        z.object({
          name: z.string(),
          health: z.string(),
          lastError: z.string().optional(),
          alerts: z.array(z.object({ state: z.string(), annotations: z.record(z.string(), z.string()) })).default([]),
        }),
      ),
    }),
  ),
});
const Targets = z.object({
  activeTargets: z.array(z.object({ health: z.string(), scrapeUrl: z.string(), lastError: z.string() })),
});

/** What Prometheus answers; its own errors are thrown with its words. */
export class PrometheusClient {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  /** The value of each series at this moment, or at `time` (seconds). */
  async instant(expr: string, time?: number): Promise<Line[]> {
    const at = time === undefined ? {} : { time: String(time) };
    const { result } = Instant.parse(await this.#get('query', { query: expr, ...at }));
    return result.map(({ metric, value: [seconds, value] }) => ({
      labels: metric,
      points: [[seconds, Number(value)]],
    }));
  }

  /** The values of each series from `start` to `end` (seconds). */
  async range(expr: string, span: { start: number; end: number; step: number }): Promise<Line[]> {
    const { start, end, step } = span;
    const asked = { query: expr, start: String(start), end: String(end), step: String(step) };
    const { result } = Range.parse(await this.#get('query_range', asked));
    return result.map(({ metric, values }) => ({
      labels: metric,
      points: values.map(([seconds, value]) => [seconds, Number(value)]),
    }));
  }

  async rules(): Promise<RunningRule[]> {
    const { groups } = Rules.parse(await this.#get('rules', {}));
    return groups.flatMap(({ rules }) => rules.map((rule) => ({ ...rule, lastError: rule.lastError ?? null })));
  }

  async targets(): Promise<z.infer<typeof Targets>['activeTargets']> {
    return Targets.parse(await this.#get('targets', {})).activeTargets;
  }

  async #get(path: string, parameters: Record<string, string>): Promise<unknown> {
    const response = await fetch(`${this.#url}/api/v1/${path}`, {
      method: path.startsWith('query') ? 'POST' : 'GET',
      ...(path.startsWith('query') ? { body: new URLSearchParams(parameters) } : {}),
    });
    const { status, error, data } = Answer.parse(await response.json());
    if (status !== 'success') throw new Error(error ?? `Prometheus answered ${response.status}`);
    return data;
  }
}

/**
 * An expression as Grafana sends it.
 *
 * Shape: `$__rate_interval` is the longer of the step and one scrape, and four scrapes; `$database` with "All" chosen is
 * every value of the variable as alternatives. Source: Grafana's documentation of both variables.
 */
export function asGrafanaAsks(expr: string, { scrapeSeconds, stepSeconds, databases }: GrafanaView): string {
  const window = Math.max(stepSeconds + scrapeSeconds, 4 * scrapeSeconds);
  const asked = expr
    .replaceAll('$__rate_interval', `${window}s`)
    .replaceAll(
      '$database',
      `(${databases.map((name) => name.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\\$&`)).join('|')})`,
    );
  if (asked.includes('$')) throw new Error(`Grafana would not replace all of: ${expr}`);
  return asked;
}

/** What the variables depend on. */
export interface GrafanaView {
  scrapeSeconds: number;
  stepSeconds: number;
  databases: string[];
}

/** The values that Grafana finds for `$database`. */
export async function databasesOf(prometheus: PrometheusClient): Promise<string[]> {
  const { metric, label, not } = databaseVariable;
  const lines = await prometheus.instant(`group by (${label}) (${metric})`);
  return lines.map(({ labels }) => labels[label] ?? '').filter((name) => name !== '' && !name.startsWith(not));
}
