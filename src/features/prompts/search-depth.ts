/** pgvector's upper bound of `hnsw.ef_search`. */
const deepest = 1_000;

/** The least overlap of two searches that is worth comparing again at full precision. */
const leastCandidates = 20;

/**
 * How deep to search an index of `vectors` for the nearest `limit`, and how deep when that proves too shallow.
 *
 * Shape: ten times the cube root of the size, so that recall@10 stays above .99 as a project grows: 171 at 5 000 vectors,
 * 215 at 10 000, 368 at 50 000, 464 at 100 000, 1 000 at a million; four times the hits at least.
 * Source: recall by size and `ef_search` in tests/bench/RESULTS.md, "Large projects".
 */
export function searchDepths(vectors: number, limit: number): { efSearch: number; candidates: number }[] {
  const efSearch = Math.min(deepest, Math.max(Math.ceil(10 * Math.cbrt(vectors)), 4 * limit));
  return [
    { efSearch, candidates: Math.max(leastCandidates, 2 * limit) },
    { efSearch: deepest, candidates: deepest },
  ];
}

/** Vectors are single precision: distances this close may be those of equal ones. */
const tieSlack = 1e-6;

/** Whether two distances may be those of equal vectors. */
export const isTie = (nearer: number, farther: number): boolean => farther - nearer <= tieSlack;

/**
 * How many vectors must pass a filter for the index to be asked: below it, comparing those few one by one is faster, and
 * exact.
 */
export const leastForIndex = (vectors: number): number => Math.max(2_000, Math.ceil(vectors / 50));
