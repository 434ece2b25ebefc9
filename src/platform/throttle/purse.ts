/** How often something may be done within a time that begins with the first. */
export interface Window {
  /** The first part of its rows' keys. */
  name: string;
  points: number;
  durationMs: number;
}

/** The part of a window that one process takes ahead at most; and never more than it has spent in this one or the last. */
const aheadShare = 0.1;

/** What this process holds of one window of one subject. */
export interface Purse {
  readonly window: Window;
  readonly key: string;
  left: number;
  /** Points spent in this window, and in the one before. */
  spent: number;
  spentBefore: number;
  /** When its window is over, by the monotonic clock; as late as the question was sent, hence never too late. */
  endsMs: number;
  /** The window's end as its row has it: what is given back must be of the same window. */
  expire: string;
  /** Points added to the row for the callers at hand, and how many of them were still there. */
  asked: number;
  granted: number;
}

/** How many points to take beyond what callers wait for. */
export const pointsAhead = ({ window, spent, spentBefore }: Purse): number =>
  Math.min(Math.floor(window.points * aheadShare), Math.max(spent, spentBefore));

/** Gives so many points out. */
export function spend(purse: Purse, points: number): void {
  purse.left -= points;
  purse.spent += points;
}

/** A purse that holds nothing of a subject's window. */
export const emptyPurse = (window: Window, name: string): Purse => ({
  window,
  key: `${window.name}:${name}`,
  left: 0,
  spent: 0,
  spentBefore: 0,
  endsMs: 0,
  expire: '0',
  asked: 0,
  granted: 0,
});
