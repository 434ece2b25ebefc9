import { type AnnShape, annIndexName, annType } from '../../../platform/db/ann-index.js';
import { Prisma } from '../../../platform/db/generated/client.js';
import { toVectorLiteral } from '../../../platform/db/vector.js';
import type { PromptFilter } from '../schema.js';
import { matching, promptColumns, promptOfHit, type Statement, type Tenant, vectorJoins } from './statements.js';

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
 * The nearest prompts of a project, as `PromptRow`s with `distance` and `candidates`; none unless the space serves.
 *
 * Order: distance ascending, ties to the newer. Every vector of the project in the space is compared: OFFSET 0 is a fence
 * that keeps the planner from choosing an approximate index on its own, which measured 28 times slower and less complete
 * at 1 000 rows of 100 000. The scan runs on the index (project_id, space_id, prompt_id).
 * `nearest` is materialised too: of a project that statistics do not know yet one prompt is expected, and as the inner side
 * of that join it was sorted anew for each of 3 000 prompts (10 s).
 */
export function similarPrompts(tenant: Tenant, search: Search): Statement {
  const { projectId, spaceId, dimensions } = tenant;
  const vector = typeof search.vector === 'string' ? search.vector : toVectorLiteral(search.vector, dimensions);
  const filtered = matching(search.filter);
  const join =
    filtered === Prisma.empty
      ? Prisma.empty
      : Prisma.sql`JOIN prompt p ON p.project_id = e.project_id AND p.id = e.prompt_id`;
  return Prisma.sql`
    WITH scanned AS MATERIALIZED (
      SELECT e.prompt_id, e.vector <=> ${vector}::vector AS distance FROM embedding e ${join}
      WHERE e.project_id = ${projectId}::uuid AND e.space_id = ${spaceId} ${excluding(search.excludedId)} ${filtered}
        AND ${serves(tenant)} OFFSET 0
    ), nearest AS MATERIALIZED (
      SELECT prompt_id, distance FROM scanned WHERE distance <= ${search.maxDistance}
      ORDER BY distance, prompt_id DESC LIMIT ${search.limit}
    )
    SELECT ${promptColumns}, n.distance, (SELECT count(*)::int FROM scanned) AS "candidates"
    FROM nearest n CROSS JOIN ${promptOfHit(projectId)} ${vectorJoins(spaceId)}
    ORDER BY n.distance, p.id DESC`;
}

/** How far an approximate search goes. */
export interface Depth {
  /** Vectors that the walk through the graph keeps in sight: more cost time and find more. At most 1 000 (pgvector). */
  efSearch: number;
  /** Vectors taken from it, to be compared again at full precision. */
  candidates: number;
}

/** Most vectors visited where a filter drops many of them; past it the answer is short. Source: pgvector's default. */
const maxScanTuples = 20_000;

/**
 * The nearest prompts of a large project by its own index, as `PromptRow`s with `distance`, and on each row (one at least,
 * of nulls where nothing is near enough) how many candidates there were and how far the farthest is.
 *
 * Order: distance at full precision ascending, ties to the newer, among the candidates. One statement: `set_config` is
 * local to it, so it needs no transaction of several round trips, and is safe behind a pooler. The settings stand in
 * the CTE that gives the vector, hence are made before the index is asked for it. Without a valid index, and in a space that
 * serves no more, that CTE is empty, and nothing is scanned. `IS TRUE`: see `createAnnIndexSql`. A filter is looked up for each candidate as it
 * comes (OFFSET 0 keeps the lookup inside), and the scan goes on until enough have passed.
 */
export function nearbyPrompts(
  tenant: Tenant,
  search: Search,
  { engine, depth }: { engine: AnnShape['engine']; depth: Depth },
): Statement {
  const { projectId, spaceId, dimensions } = tenant;
  const vector = typeof search.vector === 'string' ? search.vector : toVectorLiteral(search.vector, dimensions);
  // A type's length can be no parameter; `annType` makes it of an integer.
  const type = Prisma.raw(annType({ engine, dimensions }));
  const filtered = matching(search.filter);
  const passing =
    filtered === Prisma.empty
      ? Prisma.empty
      : Prisma.sql`CROSS JOIN LATERAL (
          SELECT FROM prompt p WHERE p.project_id = ${projectId}::uuid AND p.id = o.prompt_id ${filtered} OFFSET 0) AS passing`;
  return Prisma.sql`
    WITH asked AS MATERIALIZED (
      SELECT ${vector}::vector AS vector, set_config('hnsw.ef_search', ${String(depth.efSearch)}, true),
        set_config('hnsw.iterative_scan', 'relaxed_order', true),
        set_config('hnsw.max_scan_tuples', ${String(maxScanTuples)}, true)
      WHERE EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass(${annIndexName({ projectId, spaceId })}) AND indisvalid)
        AND ${serves(tenant)}
    ), candidate AS MATERIALIZED (
      SELECT c.prompt_id, c.vector <=> a.vector AS distance FROM asked a CROSS JOIN LATERAL (
        SELECT o.prompt_id, o.vector FROM (
          SELECT e.prompt_id, e.vector FROM embedding e
          WHERE (e.project_id = ${projectId}::uuid) IS TRUE AND (e.space_id = ${spaceId}) IS TRUE ${excluding(search.excludedId)}
          ORDER BY (e.vector::${type}) <=> a.vector::${type} LIMIT ${maxScanTuples}) AS o ${passing} LIMIT ${depth.candidates}
      ) AS c
    ), nearest AS MATERIALIZED (
      SELECT prompt_id, distance FROM candidate WHERE distance <= ${search.maxDistance}
      ORDER BY distance, prompt_id DESC LIMIT ${search.limit}
    )
    SELECT ${promptColumns}, n.distance, f."found", f."farthest"
    FROM (SELECT count(*)::int AS "found", max(distance) AS "farthest" FROM candidate) AS f
    LEFT JOIN nearest n ON true
    LEFT JOIN ${promptOfHit(projectId)} ON true ${vectorJoins(spaceId)}
    ORDER BY n.distance, p.id DESC`;
}

/** Asked once a statement, before anything is scanned: EXISTS would be joined, and planned with the rest. */
const serves = ({ spaceId }: Tenant): Statement => Prisma.sql`(SELECT is_active FROM space WHERE id = ${spaceId})`;

const excluding = (id: string | null): Statement =>
  id === null ? Prisma.empty : Prisma.sql`AND e.prompt_id <> ${id}::uuid`;

/** How many vectors pass a search's filter, counted no further than `bound`. */
export const countVectors = ({ projectId, spaceId }: Tenant, search: Search, bound: number): Statement => Prisma.sql`
  SELECT count(*)::int AS "candidates" FROM (
    SELECT FROM embedding e JOIN prompt p ON p.project_id = e.project_id AND p.id = e.prompt_id
    WHERE e.project_id = ${projectId}::uuid AND e.space_id = ${spaceId} ${excluding(search.excludedId)} ${matching(search.filter)}
    LIMIT ${bound}) AS counted`;

/** A stored prompt's own vector in the space, as text. */
export const vectorOf = ({ projectId, spaceId }: Tenant, promptId: string): Statement => Prisma.sql`
  SELECT e.vector::text AS "vector" FROM embedding e
  WHERE e.project_id = ${projectId}::uuid AND e.space_id = ${spaceId} AND e.prompt_id = ${promptId}::uuid`;
