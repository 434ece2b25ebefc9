/** Rows read at a time, and characters that fill a page: a hundred of the longest prompts with their answers are 120 MB. */
const rowsAtOnce = 25;
const pageCharacters = 2_097_152;

/** What is read next: so many rows after one, or from the beginning. */
interface Slice {
  rows: number;
  after: string | null;
}

/** What a page is made of. */
interface Source<Row> {
  read(slice: Slice): Promise<Row[]>;
  /** The characters of a row's texts. */
  charactersOf(row: Row): number;
}

/**
 * A page of up to `limit` rows, one at least where there is any, and whether more follow.
 *
 * Shape: it ends early once it holds `pageCharacters`. Cost: one statement for each 25 rows.
 */
export async function pageOf<Row extends { id: string }>(
  limit: number,
  source: Source<Row>,
): Promise<{ rows: Row[]; hasMore: boolean }> {
  const rows: Row[] = [];
  let characters = 0;
  for (;;) {
    // One more than asked for tells whether there are more.
    const asked = Math.min(rowsAtOnce, limit + 1 - rows.length);
    const slice = await source.read({ rows: asked, after: rows.at(-1)?.id ?? null });
    for (const row of slice) {
      if (rows.length === limit || characters > pageCharacters) return { rows, hasMore: true };
      rows.push(row);
      characters += source.charactersOf(row);
    }
    if (slice.length < asked) return { rows, hasMore: false };
  }
}
