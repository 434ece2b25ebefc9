/** Token ids the model is shown at once, with [CLS] and [SEP] around them, and the place of its text in the batch. */
export interface TokenWindow {
  textIndex: number;
  ids: readonly number[];
}

/**
 * Tokens of text in one window.
 *
 * Source: all-MiniLM-L6-v2 was trained on sequences of 256 tokens, two of which are [CLS] and [SEP].
 */
export const windowTokens = 254;

/**
 * Windows of one text; what lies beyond is not embedded.
 *
 * Source: 100 000 characters, the longest prompt, are at most 100 000 tokens where a token takes at least one character
 * (all scripts but those that Unicode decomposes, such as Hangul), hence 394 windows. Measured: English prose of that
 * length takes 85 windows and 1.4 s of one core, CJK 394 and 6.5 s; searches run in between.
 */
export const windowLimit = 394;

/**
 * The fewest windows that hold the tokens, equal in length to one token, so that each weighs the same in the mean.
 *
 * Shape: at least one window (of no tokens, for a text without any), at most `windowLimit`.
 */
export function cutWindows(ids: readonly number[]): { windows: number[][]; isTruncated: boolean } {
  const kept = ids.slice(0, windowLimit * windowTokens);
  const count = Math.max(1, Math.ceil(kept.length / windowTokens));
  const edge = (index: number): number => Math.round((index * kept.length) / count);
  const windows = Array.from({ length: count }, (_, index) => kept.slice(edge(index), edge(index + 1)));
  return { windows, isTruncated: kept.length < ids.length };
}

/**
 * Padded tokens of one run of the model: its uninterrupted time, about 12 ms on one core.
 *
 * Source: measured at 45 microseconds a token for 32 x 8, 50 for 16 x 8, 145 for 1 x 8: larger runs gain no more.
 */
const runTokens = 256;

/**
 * What starting a run costs, in tokens of work: padding beyond that is dearer than one run more.
 *
 * Source: as above; measured on a batch of a 5- and a 110-token text: 7.8 ms in two runs, 11.7 ms padded into one.
 */
const runCostTokens = 16;

/** The windows in runs of similar length, shortest first: little padding, and at most 256 padded tokens a run. */
export function planRuns(windows: readonly TokenWindow[]): TokenWindow[][] {
  const sorted = windows.toSorted((one, other) => one.ids.length - other.ids.length);
  const runs: TokenWindow[][] = [];
  for (const window of sorted) {
    const run = runs.at(-1);
    if (run !== undefined && fits(run, window.ids.length)) run.push(window);
    else runs.push([window]);
  }
  return runs;
}

function fits(run: readonly TokenWindow[], length: number): boolean {
  const longest = run.at(-1)?.ids.length ?? 0;
  return (run.length + 1) * length <= runTokens && run.length * (length - longest) <= runCostTokens;
}
