import {
  GraphThresholdsStyleConfigBuilder,
  ReduceDataOptionsBuilder,
  StackingConfigBuilder,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
  BigValueColorMode,
  BigValueGraphMode,
  BigValueTextMode,
  GraphThresholdsStyleMode,
  LegendDisplayMode,
  LegendPlacement,
  SortOrder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
} from '@grafana/grafana-foundation-sdk/common';
import {
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  type Threshold,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as GraphBuilder } from '@grafana/grafana-foundation-sdk/timeseries';

/** One panel: what it draws under which legend, what that tells, and what to do about it. */
export interface Panel {
  title: string;
  /** Shown behind the panel's (i): what it tells, and what to do. */
  about: string;
  /** Grafana's name of the unit. */
  unit: string;
  /** Legend (`{{label}}` is replaced) to PromQL. */
  series: Record<string, string>;
  /** `stat` is one large figure; `stack` adds series up; `lines` is what nothing said means. */
  shape?: 'lines' | 'stack' | 'stat';
  /** From where on to look, and from where on to act; `act` below `look` when low is bad. */
  marks?: { look: number; act: number };
  /** Upper end of the axis, where there is a natural one. */
  max?: number;
  /** Columns of 24. */
  width?: number;
  decimals?: number;
  /** What a stat of several series shows: the value, or the series' name. */
  text?: 'name';
}

/** A dashboard as data; both Grafana's JSON and the preview are made of it. */
export interface Board {
  file: string;
  uid: string;
  title: string;
  /** Whether the panels ask for `$database`. */
  hasDatabases: boolean;
  rows: Record<string, Panel[]>;
}

/** What `$database` is chosen from: every database of the server but its templates. */
export const databaseVariable = { metric: 'pg_stat_database_numbackends', label: 'datname', not: 'template' } as const;

/** Colours that mean the same on every panel, by legend. */
export const meanings: Readonly<Record<string, string>> = {
  completed: 'green',
  '2xx': 'green',
  committed: 'green',
  cancelled: 'orange',
  '4xx': 'orange',
  'idle in transaction': 'orange',
  failed: 'red',
  '5xx': 'red',
  waiting: 'red',
  'rolled back': 'red',
  deleted: 'red',
};

const defaultWidth = { stat: 3, lines: 8, stack: 8 } as const;
const heights = { stat: 4, lines: 8, stack: 8 } as const;

/** How many columns a panel takes. */
export const widthOf = ({ width, shape = 'lines' }: Panel): number => width ?? defaultWidth[shape];

/** Grafana's height of a panel. */
export const heightOf = ({ shape = 'lines' }: Panel): number => heights[shape];

/** Colours by value: from which value on which colour, the first from the bottom. */
export function thresholds({ marks }: Panel): { from: number | null; color: string }[] {
  if (marks === undefined) return [{ from: null, color: 'green' }];
  const { look, act } = marks;
  return look <= act
    ? [
        { from: null, color: 'green' },
        { from: look, color: 'orange' },
        { from: act, color: 'red' },
      ]
    : [
        { from: null, color: 'red' },
        { from: act, color: 'orange' },
        { from: look, color: 'green' },
      ];
}

function build(panel: Panel): GraphBuilder | StatBuilder {
  return panel.shape === 'stat' ? stat(panel) : graph(panel);
}

function stat(panel: Panel): StatBuilder {
  const isNamed = panel.text === 'name';
  return dressed(new StatBuilder(), panel)
    .graphMode(isNamed ? BigValueGraphMode.None : BigValueGraphMode.Area)
    .colorMode(panel.marks === undefined ? BigValueColorMode.None : BigValueColorMode.Value)
    .textMode(isNamed ? BigValueTextMode.Name : BigValueTextMode.Value)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false).fields(''));
}

function graph(panel: Panel): GraphBuilder {
  const isStack = panel.shape === 'stack';
  const drawn = dressed(new GraphBuilder(), panel)
    .min(0)
    .lineWidth(isStack ? 1 : 2)
    .fillOpacity(isStack ? 45 : 8)
    .showPoints(VisibilityMode.Never)
    .legend(
      new VizLegendOptionsBuilder()
        .showLegend(true)
        .displayMode(LegendDisplayMode.Table)
        .placement(LegendPlacement.Bottom)
        .calcs(['lastNotNull', 'max']),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending));
  for (const [legend, fixedColor] of Object.entries(meanings))
    drawn.overrideByName(legend, [{ id: 'color', value: { mode: 'fixed', fixedColor } }]);
  if (isStack) drawn.stacking(new StackingConfigBuilder().mode(StackingMode.Normal).group('A'));
  if (panel.marks !== undefined)
    drawn.thresholdsStyle(new GraphThresholdsStyleConfigBuilder().mode(GraphThresholdsStyleMode.Dashed));
  return drawn;
}

/** What all kinds of panels have. */
function dressed<Builder extends GraphBuilder | StatBuilder>(builder: Builder, panel: Panel): Builder {
  const steps = thresholds(panel).map(({ from, color }): Threshold => ({ value: from, color }));
  builder
    .title(panel.title)
    .description(panel.about)
    .unit(panel.unit)
    .span(widthOf(panel))
    .height(heightOf(panel))
    .datasource({ type: 'prometheus', uid: '${datasource}' })
    .thresholds(new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(steps));
  if (panel.max !== undefined) builder.max(panel.max);
  if (panel.decimals !== undefined) builder.decimals(panel.decimals);
  for (const [index, [legend, expr]] of Object.entries(panel.series).entries())
    builder.withTarget(
      new DataqueryBuilder()
        .refId(String.fromCharCode(65 + index))
        .expr(expr)
        .legendFormat(legend),
    );
  return builder;
}

/** Grafana's form of a board. */
export function dashboardOf(board: Board): Dashboard {
  const builder = new DashboardBuilder(board.title)
    .uid(board.uid)
    .tags(['promptwell'])
    .refresh('30s')
    .time({ from: 'now-3h', to: 'now' })
    .timezone('browser')
    .tooltip(DashboardCursorSync.Crosshair)
    .link(
      new DashboardLinkBuilder('Promptwell')
        .type(DashboardLinkType.Dashboards)
        .tags(['promptwell'])
        .keepTime(true)
        .asDropdown(true),
    )
    .withVariable(new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'));
  if (board.hasDatabases) builder.withVariable(databases());
  for (const [title, panels] of Object.entries(board.rows)) {
    builder.withRow(new RowBuilder(title));
    for (const panel of panels) builder.withPanel(build(panel));
  }
  return builder.build();
}

function databases(): QueryVariableBuilder {
  const { metric, label, not } = databaseVariable;
  return new QueryVariableBuilder('database')
    .label('Database')
    .datasource({ type: 'prometheus', uid: '${datasource}' })
    .query(`label_values(${metric}, ${label})`)
    .definition(`label_values(${metric}, ${label})`)
    .regex(`/^(?!${not}).+/`)
    .refresh(VariableRefresh.OnDashboardLoad)
    .sort(VariableSort.AlphabeticalAsc)
    .multi(true)
    .includeAll(true)
    .current({ text: 'All', value: '$__all', selected: true });
}

/** Every expression of a board, with the panel that asks it. */
export const queriesOf = (board: Board): { panel: Panel; legend: string; expr: string }[] =>
  Object.values(board.rows).flatMap((panels) =>
    panels.flatMap((panel) => Object.entries(panel.series).map(([legend, expr]) => ({ panel, legend, expr }))),
  );
