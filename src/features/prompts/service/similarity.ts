import type { ProjectAccess } from '../../../kernel/access.js';
import { notFound } from '../../../kernel/fault.js';
import type { ServingSpace } from '../../../platform/embedding/spaces.js';
import type { SimilarPrompts, SimilarPromptsInput } from '../schema.js';
import { PromptReads } from '../store/reads.js';
import type { Search } from '../store/statements.js';
import { promptView } from '../view.js';
import { embedText, type PromptDeps, tenantOf } from './deps.js';
import { findNearest } from './nearest.js';

/** Vectors are single precision: the distance of equal texts is up to about 1e-7 off zero. */
const roundingSlack = 1e-6;

/**
 * The prompts of a project nearest in meaning to a query, or to one of its prompts (which is then no hit itself).
 *
 * Shape: exactly min(limit, matching) hits; `score` is cosine similarity in [-1, 1], descending, ties to the newer.
 * Cost: one embedding on the interactive lane (none for a stored prompt) and one scan of the project's vectors.
 * Faults: `notFound` for a prompt of another project; `rateLimited`; `overloaded` when the lane is full.
 * Source: score = 1 - pgvector's cosine distance; lanes in DECISIONS 7.
 */
export async function findSimilar(
  deps: PromptDeps,
  access: ProjectAccess,
  input: SimilarPromptsInput,
): Promise<SimilarPrompts> {
  await deps.throttle.countPrompt('similar', access.userId);
  const startedMs = deps.clock.monotonicMs();
  const { space, vector } = await inCurrentSpace(deps, (serving) =>
    queryVector(deps, { space: serving, access, input }),
  );
  const search: Search = {
    vector,
    excludedId: input.promptId ?? null,
    filter: input.filter,
    limit: input.limit,
    maxDistance: input.minScore === undefined ? 2 + roundingSlack : 1 - input.minScore + roundingSlack,
  };
  const { rows, lane, candidates } = await findNearest(deps, { space, projectId: access.projectId }, search);
  const hits = rows.map((row) => ({ prompt: promptView(row), score: Math.min(1, Math.max(-1, 1 - row.distance)) }));
  deps.observer.onSimilarity({ lane, durationMs: deps.clock.monotonicMs() - startedMs, hits: hits.length });
  return { hits, lane, space: space.name, candidates };
}

/**
 * A query's vector in the space that serves as of this call, so that what was acknowledged before is found although
 * another process has just switched. The question which one serves runs beside the embedding, and costs no time of its own.
 */
async function inCurrentSpace(deps: PromptDeps, embed: (space: ServingSpace) => Promise<Search['vector']>) {
  const likely = deps.spaces.active();
  const guessed = embed(likely);
  guessed.catch(() => undefined);
  const space = await deps.spaces.current();
  return { space, vector: await (space.id === likely.id ? guessed : embed(space)) };
}

interface Query {
  space: ServingSpace;
  access: ProjectAccess;
  input: SimilarPromptsInput;
}

async function queryVector(deps: PromptDeps, { space, access, input }: Query): Promise<Search['vector']> {
  if (input.promptId === undefined) return (await embedText(space, access, input.query ?? '')).vector;
  const reads = new PromptReads(deps.db, tenantOf(space, access.projectId));
  const stored = await reads.vectorOf(input.promptId);
  if (stored !== null) return stored;
  const row = await reads.get(input.promptId);
  if (row === null) throw notFound('prompt');
  return (await embedText(space, access, row.text)).vector;
}
