import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { catalogue, type MetricDefinition } from './catalogue.js';

type Catalogue = typeof catalogue;

/** The labels that an observation must give: each from its closed list where the catalogue has one. */
type LabelsOf<Definition extends MetricDefinition> = {
  [Label in keyof Definition['labels']]: Definition['labels'][Label] extends readonly (infer Value)[] ? Value : string;
};

/** A value with its labels; no labels where the metric has none. */
type Observed<Labels, Value extends unknown[]> = [keyof Labels] extends [never] ? Value : [labels: Labels, ...Value];

/** A count that only rises. */
interface CounterOf<Labels> {
  inc(...args: Observed<Labels, [by?: number]>): void;
}

/** A value that rises and falls. */
interface GaugeOf<Labels> {
  set(...args: Observed<Labels, [value: number]>): void;
  inc(...args: Observed<Labels, [by?: number]>): void;
  dec(...args: Observed<Labels, [by?: number]>): void;
  /** Forgets every series, for a gauge whose labels name what may be gone. */
  reset(): void;
}

/** A distribution. */
interface HistogramOf<Labels> {
  observe(...args: Observed<Labels, [value: number]>): void;
}

type HandleOf<Definition extends MetricDefinition> = Definition['kind'] extends 'counter'
  ? CounterOf<LabelsOf<Definition>>
  : Definition['kind'] extends 'gauge'
    ? GaugeOf<LabelsOf<Definition>>
    : HistogramOf<LabelsOf<Definition>>;

type Handles = { readonly [Name in keyof Catalogue]: HandleOf<Catalogue[Name]> };

type GaugeName = { [Name in keyof Catalogue]: Catalogue[Name]['kind'] extends 'gauge' ? Name : never }[keyof Catalogue];

/** Handles to every metric of the catalogue, and the page that Prometheus reads. */
export type Metrics = Handles & {
  /** Calls `read` before each scrape, to set a gauge whose truth lives elsewhere. The last `read` of a name counts. */
  collect<Name extends GaugeName>(name: Name, read: (gauge: HandleOf<Catalogue[Name]>) => void): void;
  /** What a scrape gets: the metrics of this process, in Prometheus' text format. */
  render(): Promise<{ body: string; contentType: string }>;
};

/**
 * The metrics of one process, in a registry of their own: the catalogue's, and prom-client's of the Node process (CPU,
 * memory, event-loop delay, garbage collection) under that library's names.
 *
 * Shape: counters and histograms whose labels are all closed start at 0, so that a rate sees the first event.
 */
export function createMetrics(): Metrics {
  const register = new Registry();
  collectDefaultMetrics({ register });
  const created = Object.entries<MetricDefinition>(catalogue).map(([name, definition]) => [
    name,
    create(definition, register),
  ]);
  // A list of entries forgets which name has which kind; the catalogue, which made them, says so.
  const handles = Object.fromEntries(created) as Handles;
  const readers = new Map<GaugeName, () => void>();
  return {
    ...handles,
    collect: (name, read) => {
      readers.set(name, () => read(handles[name]));
    },
    render: async () => {
      for (const read of readers.values()) read();
      return { body: await register.metrics(), contentType: register.contentType };
    },
  };
}

function create(definition: MetricDefinition, register: Registry): Counter | Gauge | Histogram {
  const { kind, name, help, labels } = definition;
  const options = { name, help, labelNames: Object.keys(labels), registers: [register] };
  if (kind === 'gauge') return new Gauge(options);
  if (kind === 'histogram') {
    const histogram = new Histogram({ ...options, buckets: [...(definition.buckets ?? [])] });
    for (const combination of combinations(Object.entries(labels))) histogram.zero(combination);
    return histogram;
  }
  const counter = new Counter(options);
  for (const combination of combinations(Object.entries(labels))) counter.inc(combination, 0);
  return counter;
}

/** Every combination of closed label values; none if a label is open. */
function combinations(labels: readonly [string, readonly string[] | null][]): Record<string, string>[] {
  return labels.reduce<Record<string, string>[]>(
    (made, [label, values]) => made.flatMap((rest) => (values ?? []).map((value) => ({ ...rest, [label]: value }))),
    [{}],
  );
}
