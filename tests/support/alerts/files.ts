import { stringify } from 'yaml';
import { databaseAlerts } from './database.js';
import { type Alert, expressionOf, type Series } from './model.js';
import { serviceAlerts } from './service.js';

const groups: Record<string, readonly Alert[]> = { promptwell: serviceAlerts, postgres: databaseAlerts };

/** Every alert. */
export const alerts: readonly Alert[] = Object.values(groups).flat();

const head = 'Made by `npm run dashboards` from tests/support/alerts; do not edit.';
const yaml = (comment: string, content: object): string => `# ${comment}\n${stringify(content, { lineWidth: 120 })}`;

/** The committed rule file, `deploy/prometheus/alerts.yml`; it stands beside `prometheus.yml` where Prometheus runs. */
export const alertsText = (): string =>
  yaml(head, {
    groups: Object.entries(groups).map(([name, listed]) => ({
      name,
      rules: listed.map((alert) => ({
        alert: alert.name,
        expr: expressionOf(alert),
        for: alert.for,
        labels: { severity: alert.severity },
        annotations: { summary: alert.summary, description: alert.description },
      })),
    })),
  });

/** How long the cases run; the longest `for` and window fit in. */
const minutes = 75;
const everyFiveMinutes = Array.from({ length: minutes / 5 }, (_, index) => `${(index + 1) * 5}m`);

const input = (series: Series) => Object.entries(series).map(([name, values]) => ({ series: name, values }));
const firing = (name: string): string => `count(ALERTS{alertname="${name}",alertstate="firing"}) or vector(0)`;
/** Once in the whole time is enough to count as fired. */
const hasFired = (expr: string): string => `max_over_time((${expr})[${minutes}m:1m])`;

const asserting = (expr: string, value: number) => [
  { expr, eval_time: `${minutes}m`, exp_samples: [{ labels: '{}', value }] },
];

/** The committed tests of the rules, `deploy/prometheus/alerts.test.yml`, for `promtool test rules`. */
export const alertTestsText = (): string =>
  yaml(`${head} Run: promtool test rules deploy/prometheus/alerts.test.yml`, {
    rule_files: ['alerts.yml'],
    evaluation_interval: '1m',
    tests: [
      {
        name: 'a new system, of which nothing was ever scraped, is silent',
        interval: '1m',
        input_series: [{ series: 'nothing', values: '0x80' }],
        promql_expr_test: everyFiveMinutes.map((time) => ({
          expr: 'count(ALERTS) or vector(0)',
          eval_time: time,
          exp_samples: [{ labels: '{}', value: 0 }],
        })),
      },
      ...alerts.flatMap((alert) => [
        {
          name: `${alert.name} fires`,
          interval: '1m',
          input_series: input(alert.fires),
          promql_expr_test: asserting(hasFired(firing(alert.name)), 1),
        },
        ...alert.quiet.map((series, index) => ({
          name: `${alert.name} stays silent (${index + 1})`,
          interval: '1m',
          input_series: input(series),
          promql_expr_test: asserting(hasFired(firing(alert.name)), 0),
        })),
      ]),
    ],
  });
