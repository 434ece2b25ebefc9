import { type Board, dashboardOf, queriesOf } from './model.js';
import { postgres } from './postgres.js';
import { promptwell } from './promptwell.js';

/** Every dashboard that is committed. */
export const boards: readonly Board[] = [promptwell, postgres];

/** The committed form of a dashboard. */
export const dashboardText = (board: Board): string => `${JSON.stringify(dashboardOf(board), null, 2)}\n`;

/** The names of metrics in PromQL: ours, the Node process's, the exporter's; a histogram's own name for its parts. */
export const namesIn = (expr: string): string[] =>
  (expr.match(/\b(?:promptwell|nodejs|process|pg)_\w+/g) ?? []).map((name) =>
    name.replace(/^(promptwell_\w+|nodejs_gc_duration_seconds)_(?:bucket|sum|count)$/, '$1'),
  );

/** Every expression of every dashboard. */
export const expressions = (): string[] => boards.flatMap((board) => queriesOf(board).map(({ expr }) => expr));
