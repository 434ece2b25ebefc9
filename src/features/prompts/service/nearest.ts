import type { ServingSpace } from '../../../platform/embedding/spaces.js';
import { PromptReads, type SimilarRow } from '../store/reads.js';
import type { Search } from '../store/search.js';
import { type PromptDeps, tenantOf } from './deps.js';

/** The nearest vectors to one, with how they were found. */
export interface Nearest {
  rows: SimilarRow[];
  lane: 'exact' | 'hnsw';
  /** How many vectors passed the filter. */
  candidates: number;
}

/** The prompts of a project whose vectors in `space` are nearest to the search's, nearest first. Lanes in DECISIONS 7. */
export async function findNearest(
  deps: Pick<PromptDeps, 'db'>,
  { space, projectId }: { space: ServingSpace; projectId: string },
  search: Search,
): Promise<Nearest> {
  const reads = new PromptReads(deps.db, tenantOf(space, projectId));
  const rows = await reads.similar(search);
  return { rows, lane: 'exact', candidates: rows[0]?.candidates ?? (await reads.countVectors(search)) };
}
