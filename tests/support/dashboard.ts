import {
  type Dashboard,
  DashboardBuilder,
  DatasourceVariableBuilder,
  RowBuilder,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import { catalogue } from '../../src/platform/metrics/catalogue.js';

/** One graph: a title, Grafana's name of the unit, and what is drawn under which legend. */
interface Graph {
  title: string;
  unit: string;
  series: Record<string, string>;
}

const name = Object.fromEntries(Object.entries(catalogue).map(([key, metric]) => [key, metric.name])) as {
  [Key in keyof typeof catalogue]: (typeof catalogue)[Key]['name'];
};

const rate = (metric: string, by = ''): string => `sum${by} (rate(${metric}[$__rate_interval]))`;
const quantile = (share: number, metric: string, by = ''): string =>
  `histogram_quantile(${share}, sum by (le${by}) (rate(${metric}_bucket[$__rate_interval])))`;
/** 0 / 0 is no graph at all: a quiet time counts as none of it. */
const shareOf = (part: string, whole: string): string => `(${part}) / ((${whole}) > 0) or vector(0)`;

const rows: Record<string, Graph[]> = {
  Calls: [
    { title: 'Calls a second', unit: 'reqps', series: { '{{procedure}}': rate(name.requests, ' by (procedure)') } },
    {
      title: 'Refused or failed, by code',
      unit: 'reqps',
      series: { '{{code}}': `sum by (code) (rate(${name.requests}{code!="OK"}[$__rate_interval]))` },
    },
    {
      title: 'Time to answer',
      unit: 's',
      series: {
        median: quantile(0.5, name.requestDuration),
        p95: quantile(0.95, name.requestDuration),
        p99: quantile(0.99, name.requestDuration),
      },
    },
    { title: 'Throttled', unit: 'reqps', series: { '{{bucket}}': rate(name.throttled, ' by (bucket)') } },
  ],
  'Prompts and models': [
    {
      title: 'Prompts by outcome',
      unit: 'ops',
      series: { '{{status}}': rate(name.prompts, ' by (status)'), interrupted: rate(name.interruptedPrompts) },
    },
    {
      title: 'Model time, p95',
      unit: 's',
      series: {
        '{{provider}}': quantile(0.95, name.modelDuration, ', provider'),
        'first token, {{provider}}': quantile(0.95, name.modelTimeToFirstToken, ', provider'),
      },
    },
    { title: 'Tokens a second', unit: 'ops', series: { '{{kind}}': rate(name.modelTokens, ' by (kind)') } },
    { title: 'Money an hour', unit: 'currencyUSD', series: { spent: `sum(increase(${name.modelCost}[1h]))` } },
  ],
  'Embedding and search': [
    { title: 'Texts waiting', unit: 'short', series: { '{{lane}}': `sum by (lane) (${name.embeddingQueue})` } },
    {
      title: 'Embedding run, p95',
      unit: 's',
      series: { '{{lane}}': quantile(0.95, name.embeddingDuration, ', lane') },
    },
    {
      title: 'Texts in a run, and threads replaced',
      unit: 'short',
      series: {
        'median batch': quantile(0.5, name.embeddingBatch),
        'threads replaced in an hour': `sum(increase(${name.embeddingThreadsReplaced}[1h]))`,
      },
    },
    {
      title: 'Already embedded',
      unit: 'percentunit',
      series: {
        'cache hits': shareOf(
          `sum(rate(${name.embeddingCache}{result="hit"}[$__rate_interval]))`,
          rate(name.embeddingCache),
        ),
      },
    },
    {
      title: 'Similarity statement',
      unit: 's',
      series: {
        'p50, {{lane}}': quantile(0.5, name.similarityDuration, ', lane'),
        'p95, {{lane}}': quantile(0.95, name.similarityDuration, ', lane'),
      },
    },
    {
      title: 'Prompts without a vector, by space',
      unit: 'short',
      series: { '{{space}}': `max by (space) (${name.spaceMissing})` },
    },
    { title: 'Neural model fetched', unit: 'percentunit', series: { fetched: `min(${name.modelFetch})` } },
    { title: 'Hits in an answer, median', unit: 'short', series: { hits: quantile(0.5, name.similarityHits) } },
  ],
  Live: [
    {
      title: 'Listeners',
      unit: 'short',
      series: { subscriptions: `sum(${name.subscriptions})`, sockets: `sum(${name.sockets})` },
    },
    {
      title: 'Deliveries a second',
      unit: 'ops',
      series: { '{{kind}}': rate(name.deliveries, ' by (kind)') },
    },
    {
      title: 'Subscriptions that fell behind, in an hour',
      unit: 'short',
      series: { ended: `sum(increase(${name.subscriptionsOverflowed}[1h]))` },
    },
  ],
  Process: [
    {
      title: 'Event-loop delay',
      unit: 's',
      series: {
        'p99, {{instance}}': 'nodejs_eventloop_lag_p99_seconds',
        'mean, {{instance}}': 'nodejs_eventloop_lag_mean_seconds',
      },
    },
    {
      title: 'Memory',
      unit: 'bytes',
      series: {
        'resident, {{instance}}': 'process_resident_memory_bytes',
        'heap, {{instance}}': 'nodejs_heap_size_used_bytes',
      },
    },
    {
      title: 'CPU',
      unit: 'percentunit',
      series: { '{{instance}}': 'rate(process_cpu_seconds_total[$__rate_interval])' },
    },
    { title: 'Database connections', unit: 'short', series: { '{{state}}': `sum by (state) (${name.databasePool})` } },
    { title: 'Waiting for a password hash', unit: 'short', series: { calls: `sum(${name.passwordQueue})` } },
    {
      title: 'Backups in a day, and what runs',
      unit: 'short',
      series: {
        '{{outcome}}': `sum by (outcome) (increase(${name.backups}[1d]))`,
        '{{version}}, {{engine}}, {{space}}': `sum by (version, engine, space) (${name.buildInfo})`,
      },
    },
  ],
};

function panel({ title, unit, series }: Graph): PanelBuilder {
  const empty = new PanelBuilder()
    .title(title)
    .unit(unit)
    .min(0)
    .span(8)
    .height(7)
    .datasource({ type: 'prometheus', uid: '${datasource}' });
  return Object.entries(series).reduce(
    (built, [legend, expr], index) =>
      built.withTarget(
        new DataqueryBuilder()
          .refId(String.fromCharCode(65 + index))
          .expr(expr)
          .legendFormat(legend),
      ),
    empty,
  );
}

/** Grafana's dashboard of one Promptwell installation, drawn from the names in the metrics catalogue. */
function dashboard(): Dashboard {
  const builder = new DashboardBuilder('Promptwell')
    .uid('promptwell')
    .tags(['promptwell'])
    .refresh('30s')
    .time({ from: 'now-3h', to: 'now' })
    .timezone('browser')
    .withVariable(new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'));
  for (const [title, graphs] of Object.entries(rows)) {
    builder.withRow(new RowBuilder(title));
    for (const graph of graphs) builder.withPanel(panel(graph));
  }
  return builder.build();
}

/** Every PromQL expression of a dashboard. */
export function expressions(): string[] {
  return Object.values(rows).flatMap((graphs) => graphs.flatMap(({ series }) => Object.values(series)));
}

/** The committed form of the dashboard. */
export const dashboardText = (): string => `${JSON.stringify(dashboard(), null, 2)}\n`;
