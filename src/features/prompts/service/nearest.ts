import type { ServingSpace } from '../../../platform/embedding/spaces.js';
import { isTie, leastForIndex, searchDepths } from '../search-depth.js';
import { type Nearby, PromptReads } from '../store/reads.js';
import type { Depth, Search } from '../store/search.js';
import type { PromptRow } from '../view.js';
import { type PromptDeps, tenantOf } from './deps.js';

/** The nearest vectors to one, with how they were found. */
export interface Nearest {
  rows: (PromptRow & { distance: number })[];
  lane: 'exact' | 'hnsw';
  /** As `SimilarPrompts.candidates`. */
  candidates: number;
}

/** The bound of a count that has none. */
const unbounded = 2 ** 31 - 1;

/**
 * The prompts of a project whose vectors in `space` are nearest to the search's, nearest first. Lanes in DECISIONS 7.
 *
 * Shape: exactly min(limit, matching) of them, whichever lane: an index that gives fewer candidates, is gone, or cuts a
 * tie is left for the exact lane.
 */
export async function findNearest(
  deps: Pick<PromptDeps, 'db' | 'annIndexes'>,
  { space, projectId }: { space: ServingSpace; projectId: string },
  search: Search,
): Promise<Nearest> {
  const reads = new PromptReads(deps.db, tenantOf(space, projectId));
  const vectors = deps.annIndexes.find(projectId, space.id);
  const nearby = vectors === undefined ? null : await throughIndex(reads, search, vectors);
  if (nearby !== null) return nearby;
  const rows = await reads.similar(search);
  const candidates = rows[0]?.candidates ?? (await reads.countVectors(search, unbounded));
  deps.annIndexes.onCompared(projectId, space.id, candidates);
  return { rows, lane: 'exact', candidates };
}

/** The answer of a project's own index of about so many vectors; null when the exact lane is called for. */
async function throughIndex(reads: PromptReads, search: Search, vectors: number): Promise<Nearest | null> {
  const isFiltered = Object.keys(search.filter).length > 0;
  // Counted no further than it decides anything.
  const candidates = isFiltered ? await reads.countVectors(search, leastForIndex(vectors)) : vectors;
  if (isFiltered && candidates < leastForIndex(vectors)) return null;
  for (const depth of searchDepths(vectors, { limit: search.limit, isFiltered })) {
    const nearby = await reads.nearby(search, depth);
    if (nearby.found < search.limit) return null;
    if (!mayMissNewer(nearby, { limit: search.limit, depth })) return { rows: nearby.rows, lane: 'hnsw', candidates };
  }
  return null;
}

/** Whether equal distances reach from the last hit to the last candidate, and perhaps beyond it. */
function mayMissNewer(nearby: Nearby, { limit, depth }: { limit: number; depth: Depth }): boolean {
  const last = nearby.rows[limit - 1];
  return last !== undefined && nearby.found === depth.candidates && isTie(last.distance, nearby.farthest);
}
