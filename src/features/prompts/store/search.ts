import { Prisma } from '../../../platform/db/generated/client.js';
import { toVectorLiteral } from '../../../platform/db/vector.js';
import type { PromptFilter } from '../schema.js';
import { matching, promptColumns, type Statement, type Tenant, vectorJoins } from './statements.js';

/** What is searched for and who may be a hit. */
export interface Search {
  /** A computed vector, or a stored one as pgvector wrote it. */
  vector: Float32Array | string;
  /** A prompt that is no hit: the one whose neighbours are asked for. */
  excludedId: string | null;
  filter: PromptFilter;
  limit: number;
  /** The largest cosine distance of a hit. */
  maxDistance: number;
}

/**
 * The nearest prompts of a project, as `PromptRow`s with `distance` and `candidates`.
 *
 * Order: distance ascending, ties to the newer. Every vector of the project in the space is compared: OFFSET 0 is a fence
 * that keeps the planner from choosing an approximate index on its own, which measured 28 times slower and less complete
 * at 1 000 rows of 100 000. The scan runs on the index (project_id, space_id, prompt_id).
 */
export function similarPrompts({ projectId, spaceId, dimensions }: Tenant, search: Search): Statement {
  const vector = typeof search.vector === 'string' ? search.vector : toVectorLiteral(search.vector, dimensions);
  const filtered = matching(search.filter);
  const join =
    filtered === Prisma.empty
      ? Prisma.empty
      : Prisma.sql`JOIN prompt p ON p.project_id = e.project_id AND p.id = e.prompt_id`;
  return Prisma.sql`
    WITH scanned AS MATERIALIZED (
      SELECT e.prompt_id, e.vector <=> ${vector}::vector AS distance FROM embedding e ${join}
      WHERE e.project_id = ${projectId}::uuid AND e.space_id = ${spaceId} ${excluding(search.excludedId)} ${filtered} OFFSET 0
    ), nearest AS (
      SELECT prompt_id, distance FROM scanned WHERE distance <= ${search.maxDistance}
      ORDER BY distance, prompt_id DESC LIMIT ${search.limit}
    )
    SELECT ${promptColumns}, n.distance, (SELECT count(*)::int FROM scanned) AS "candidates"
    FROM nearest n JOIN prompt p ON p.project_id = ${projectId}::uuid AND p.id = n.prompt_id ${vectorJoins(spaceId)}
    ORDER BY n.distance, p.id DESC`;
}

const excluding = (id: string | null): Statement =>
  id === null ? Prisma.empty : Prisma.sql`AND e.prompt_id <> ${id}::uuid`;

/** How many vectors pass a search's filter, for an answer without hits. */
export const countVectors = ({ projectId, spaceId }: Tenant, search: Search): Statement => Prisma.sql`
  SELECT count(*)::int AS "candidates" FROM embedding e JOIN prompt p ON p.project_id = e.project_id AND p.id = e.prompt_id
  WHERE e.project_id = ${projectId}::uuid AND e.space_id = ${spaceId} ${excluding(search.excludedId)} ${matching(search.filter)}`;

/** A stored prompt's own vector in the space, as text. */
export const vectorOf = ({ projectId, spaceId }: Tenant, promptId: string): Statement => Prisma.sql`
  SELECT e.vector::text AS "vector" FROM embedding e
  WHERE e.project_id = ${projectId}::uuid AND e.space_id = ${spaceId} AND e.prompt_id = ${promptId}::uuid`;
