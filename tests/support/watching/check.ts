import { alerts } from '../alerts/files.js';
import { expressionOf } from '../alerts/model.js';
import { boards } from '../dashboards/boards.js';
import { exporter } from '../dashboards/exporter.js';
import { queriesOf } from '../dashboards/model.js';
import { catalogue, type MetricDefinition } from '../../../src/platform/metrics/catalogue.js';
import { until } from '../wait.js';
import { asGrafanaAsks, databasesOf, type GrafanaView } from './prometheus.js';
import { scrapeSeconds, type Topology } from './topology.js';

/** Something that must have data: where it stands, and the PromQL. */
interface Question {
  where: string;
  expr: string;
}

/** What the check found out. */
export interface Findings {
  expressions: number;
  panels: number;
  alerts: number;
  exporterMetrics: number;
  problems: string[];
}

/** Each expression is tried again until then: a window must fill, and a rare event come round. */
const patienceMs = 240_000;

/**
 * Counters that this topology cannot make move, with the reason. Their panels and alerts must still have data (0).
 */
const unmoved: Readonly<Record<string, string>> = {
  [catalogue.embeddingThreadsReplaced.name]: 'nothing from outside kills a thread; tests/thread/crash.test.ts does',
  [catalogue.databaseThreadsReplaced.name]: 'takes a full disk under the embedded engine; tests/fault/f07 fills one',
  [catalogue.subscriptionsOverflowed.name]: 'takes a reader that stalls for 64 events; tests/api/feed.test.ts has one',
};

/** What is wrong with an answer; null when every series has a number. */
function problemOf(lines: { points: [number, number][] }[]): string | null {
  if (lines.length === 0) return 'no data';
  const bad = lines.flatMap(({ points }) => points).filter(([, value]) => !Number.isFinite(value));
  return bad.length === 0 ? null : `${bad.length} of ${lines.length} series are ${bad[0]?.[1]}`;
}

/** How Grafana sees this Prometheus with the service's database chosen, which must be one of those that it offers. */
export async function viewOf({ prometheus, databaseName }: Topology): Promise<GrafanaView> {
  const offered = await databasesOf(prometheus);
  if (!offered.includes(databaseName)) throw new Error(`Grafana offers ${offered.join(', ')} but not ${databaseName}`);
  return { scrapeSeconds, stepSeconds: scrapeSeconds, databases: [databaseName] };
}

function panelQuestions(view: GrafanaView): Question[] {
  return boards.flatMap((board) =>
    queriesOf(board).map(({ panel, legend, expr }) => ({
      where: `${board.title} / ${panel.title} / ${legend}`,
      expr: asGrafanaAsks(expr, view),
    })),
  );
}

/** An alert that is silent answers nothing: so what it measures is asked, and what guards it. */
const alertQuestions = (): Question[] =>
  alerts.flatMap(({ name, measure, guard }) => [
    { where: `alert ${name}`, expr: measure },
    ...(guard === undefined ? [] : [{ where: `guard of alert ${name}`, expr: guard.measure }]),
  ]);

/** Every counter of ours has counted something, so that a panel of zeros is no proof. */
const movedQuestions = (): Question[] =>
  Object.values<MetricDefinition>(catalogue)
    .filter(({ kind, name }) => kind !== 'gauge' && !(name in unmoved))
    .map(({ kind, name }) => ({
      where: `${name} counts`,
      expr: `sum(${name}${kind === 'histogram' ? '_count' : ''}) > 0`,
    }));

/** What is wrong with the answer at this moment. */
const problemNow = async ({ prometheus }: Topology, { expr }: Question): Promise<string | null> =>
  prometheus.instant(expr).then(problemOf, String);

/** The questions that had no good answer at any moment until the patience was over, with the last bad one. */
async function unanswered(topology: Topology, questions: readonly Question[]): Promise<string[]> {
  const open = new Map<Question, string>(questions.map((question) => [question, 'not asked']));
  const round = async (): Promise<true | undefined> => {
    for (const question of open.keys()) {
      const problem = await problemNow(topology, question);
      if (problem === null) open.delete(question);
      else open.set(question, problem);
    }
    return open.size === 0 ? true : undefined;
  };
  await until('every expression to have data', round, patienceMs).catch(() => undefined);
  return [...open].map(([{ where, expr }, problem]) => `${where}: ${problem}\n      ${expr}`);
}

/** Asks everything that dashboards and alerts ask, while the load is on. */
export async function check(topology: Topology): Promise<Findings> {
  const panels = panelQuestions(await viewOf(topology));
  const problems = await unanswered(topology, [...panels, ...alertQuestions(), ...movedQuestions()]);
  problems.push(...(await rulesAndConditions(topology)), ...(await missingOfExporter(topology)));
  return {
    expressions: panels.length,
    panels: boards.flatMap(({ rows }) => Object.values(rows).flat()).length,
    alerts: alerts.length,
    exporterMetrics: Object.keys(exporter).length,
    problems,
  };
}

/** Prometheus runs every rule without an error, and each condition is one that it can evaluate now. */
async function rulesAndConditions({ prometheus }: Topology): Promise<string[]> {
  const rules = await prometheus.rules();
  const missing = alerts.filter(({ name }) => !rules.some((rule) => rule.name === name));
  const sick = rules.filter(({ health }) => health !== 'ok');
  for (const alert of alerts) await prometheus.instant(expressionOf(alert));
  return [
    ...missing.map(({ name }) => `alert ${name}: Prometheus has no such rule`),
    ...sick.map(({ name, health, lastError }) => `alert ${name}: ${health}, ${lastError}`),
  ];
}

/** Every figure of the exporter's table stands in a scrape of the real one. */
async function missingOfExporter({ scrapeExporter }: Topology): Promise<string[]> {
  const page = await scrapeExporter();
  return Object.values(exporter)
    .filter(({ name }) => !new RegExp(`^${name}(\\{| )`, 'm').test(page))
    .map(({ name }) => `the exporter shows no ${name}`);
}

/** What an alert says once it holds: the service that is killed is reported with its address in the text. */
export async function alarmOf({ prometheus }: Topology, name: string): Promise<Record<string, string>> {
  return until(
    `the alert ${name}`,
    async () => (await prometheus.rules()).find((rule) => rule.name === name)?.alerts[0]?.annotations,
    60_000,
  );
}
