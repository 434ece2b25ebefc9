/** pgvector's upper bound of `hnsw.ef_search`. */
const deepest = 1_000;

/** The least overlap of two searches that is worth comparing again at full precision. */
const leastCandidates = 20;

/**
 * How deep to search an index of `vectors` for the nearest `limit`, and how deep when that proves too shallow.
 *
 * Shape: ten times the cube root of the size, so that recall@10 stays above .99 as a project grows: 171 at 5 000 vectors,
 * 216 at 10 000, 369 at 50 000, 465 at 100 000, 1 000 at a million; four times the hits at least. Behind a filter more
 * candidates are taken, because they come out of order: two a hit found .968 at a tenth of 100 000.
 * Source: recall by size and `ef_search` in tests/bench/RESULTS.md, "Large projects".
 */
export function searchDepths(
  vectors: number,
  { limit, isFiltered }: { limit: number; isFiltered: boolean },
): { efSearch: number; candidates: number }[] {
  const efSearch = Math.min(deepest, Math.max(Math.ceil(10 * Math.cbrt(vectors)), 4 * limit));
  return [
    { efSearch, candidates: isFiltered ? Math.max(50, 5 * limit) : Math.max(leastCandidates, 2 * limit) },
    { efSearch: deepest, candidates: deepest },
  ];
}

/** Vectors are single precision: distances this close may be those of equal ones. */
const tieSlack = 1e-6;

/** Whether two distances may be those of equal vectors. */
export const isTie = (nearer: number, farther: number): boolean => farther - nearer <= tieSlack;

/**
 * How many vectors must pass a filter for the index to be asked: below it, comparing those few one by one takes about as
 * long (at a tenth of 100 000: 1.45 times as long), and is exact.
 */
export const leastForIndex = (vectors: number): number => Math.max(2_000, Math.ceil(vectors / 8));
