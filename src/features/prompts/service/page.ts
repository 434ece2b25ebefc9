import type { PromptRow } from '../view.js';

/** Rows read at a time, and characters that fill a page: a hundred of the longest prompts with their answers are 120 MB. */
const rowsAtOnce = 25;
const pageCharacters = 2_097_152;

/** What is read next: so many rows after a prompt, or from the beginning. */
interface Slice {
  rows: number;
  after: string | null;
}

/**
 * A page of up to `limit` rows, one at least where there is any, and whether more follow.
 *
 * Shape: it ends early once it holds `pageCharacters`. Cost: one statement for each 25 rows.
 */
export async function pageOf(
  limit: number,
  read: (slice: Slice) => Promise<PromptRow[]>,
): Promise<{ rows: PromptRow[]; hasMore: boolean }> {
  const rows: PromptRow[] = [];
  let characters = 0;
  for (;;) {
    // One more than asked for tells whether there are more.
    const asked = Math.min(rowsAtOnce, limit + 1 - rows.length);
    const slice = await read({ rows: asked, after: rows.at(-1)?.id ?? null });
    for (const row of slice) {
      if (rows.length === limit || characters > pageCharacters) return { rows, hasMore: true };
      rows.push(row);
      characters += charactersOf(row);
    }
    if (slice.length < asked) return { rows, hasMore: false };
  }
}

const charactersOf = ({ text, system, response }: PromptRow): number =>
  text.length + (system?.length ?? 0) + (response?.text.length ?? 0);
