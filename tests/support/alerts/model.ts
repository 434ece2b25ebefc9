/** Series of one promtool case: what each shows in scrapes a minute apart (`0+5x30`: from 0, 5 more each minute). */
export type Series = Record<string, string>;

/** An alert as data: the rule file, its promtool tests and the live check are all made of it. */
export interface Alert {
  name: string;
  severity: 'critical' | 'warning' | 'info';
  /** How long it must hold. */
  for: string;
  /** What is looked at. */
  measure: string;
  is: '>' | '<';
  limit: number;
  /** Looked at only while there is this much to look at: a share of three calls says nothing. */
  guard?: { measure: string; above: number };
  summary: string;
  /** What it means, and what to do. */
  description: string;
  /** Must fire within half an hour. */
  fires: Series;
  /** Must never fire; the second half of a threshold's proof. */
  quiet: Series[];
}

/** The whole condition. */
export const expressionOf = ({ measure, is, limit, guard }: Alert): string =>
  `(${measure}) ${is} ${limit}${guard === undefined ? '' : ` and (${guard.measure}) > ${guard.above}`}`;
