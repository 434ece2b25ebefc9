import { Prisma } from '../../../platform/db/generated/client.js';
import { toVectorLiteral } from '../../../platform/db/vector.js';
import type { PromptFilter } from '../schema.js';

/** A statement with its parameters bound: runs on the pool (`text`, `values`) and in a transaction alike. */
export type Statement = Prisma.Sql;

const responseJson = Prisma.sql`json_build_object(
  'id', r.id, 'text', r.text, 'model', r.model, 'provider', r.provider, 'finishReason', r.finish_reason,
  'inputTokens', r.input_tokens, 'outputTokens', r.output_tokens, 'totalTokens', r.total_tokens,
  'cachedInputTokens', r.cached_input_tokens, 'isEstimated', r.is_estimated, 'costUsd', r.cost_usd::float8,
  'latencyMs', r.latency_ms, 'timeToFirstTokenMs', r.time_to_first_token_ms, 'error', r.error, 'createdAt', r.created_at)`;

const columns = Prisma.sql`
  p.id::text AS "id", p.project_id::text AS "projectId", p.user_id::text AS "userId", p.text, p.system,
  p.status::text AS "status", p.model, p.parameters, p.is_pushed AS "isPushed", p.conversation_id AS "conversationId", p.environment, p.tags, p.metadata,
  p.created_at AS "createdAt", p.updated_at AS "updatedAt",
  (SELECT ${responseJson} FROM response r WHERE r.project_id = p.project_id AND r.prompt_id = p.id
    ORDER BY r.id DESC LIMIT 1) AS "response",
  (SELECT count(*)::int FROM response r WHERE r.project_id = p.project_id AND r.prompt_id = p.id) AS "responses",
  s.name AS "space", s.dimensions, e.is_truncated AS "isTruncated"`;

const joins = (spaceId: number): Statement => Prisma.sql`
  LEFT JOIN embedding e ON e.prompt_id = p.id AND e.space_id = ${spaceId} AND e.project_id = p.project_id
  LEFT JOIN space s ON s.id = e.space_id`;

/** Whose prompts, and in which space their vectors are looked for: part of every statement of this room. */
export interface Tenant {
  projectId: string;
  spaceId: number;
  /** Of the space's vectors. */
  dimensions: number;
}

/** Whether the tenant's space serves. In a statement that stores a vector it holds until the commit: see `insertPrompt`. */
export const isServing = ({ spaceId }: Tenant): Statement =>
  Prisma.sql`EXISTS (SELECT 1 FROM space WHERE id = ${spaceId} AND is_active)`;

/** One prompt of a project, as a `PromptRow`. */
export const getPrompt = ({ projectId, spaceId }: Tenant, id: string): Statement => Prisma.sql`
  SELECT ${columns} FROM prompt p ${joins(spaceId)} WHERE p.project_id = ${projectId}::uuid AND p.id = ${id}::uuid`;

/** Responses to one prompt older than `before`, newest first, each as JSON in column `response`; at most 1 000. */
export function listResponses({ projectId }: Tenant, promptId: string, before: string | null): Statement {
  const older = before === null ? Prisma.empty : Prisma.sql`AND r.id < ${before}::uuid`;
  return Prisma.sql`
    SELECT ${responseJson} AS "response" FROM response r
    WHERE r.project_id = ${projectId}::uuid AND r.prompt_id = ${promptId}::uuid ${older} ORDER BY r.id DESC LIMIT 1000`;
}

/**
 * A page of prompts, newest first, as `PromptRow`s.
 *
 * Order: by id descending, which is the order of creation (UUIDv7), on the unique index (project_id, id), read backwards; `before` is the
 * last id of the page before.
 */
export function listPrompts(
  { projectId, spaceId }: Tenant,
  page: { filter: PromptFilter; before: string | null; limit: number },
): Statement {
  const after = page.before === null ? Prisma.empty : Prisma.sql`AND p.id < ${page.before}::uuid`;
  return Prisma.sql`
    SELECT ${columns} FROM prompt p ${joins(spaceId)}
    WHERE p.project_id = ${projectId}::uuid ${after} ${matching(page.filter)}
    ORDER BY p.id DESC LIMIT ${page.limit}`;
}

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
    SELECT ${columns}, n.distance, (SELECT count(*)::int FROM scanned) AS "candidates"
    FROM nearest n JOIN prompt p ON p.project_id = ${projectId}::uuid AND p.id = n.prompt_id ${joins(spaceId)}
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

/** One condition on alias `p` for each field of the filter; it does not compile while one is missing. */
const conditions: { [Field in keyof Required<PromptFilter>]: (wanted: string) => Statement } = {
  status: (wanted) => Prisma.sql`p.status = ${wanted}::prompt_status`,
  model: (wanted) => Prisma.sql`p.model = ${wanted}`,
  environment: (wanted) => Prisma.sql`p.environment = ${wanted}`,
  tag: (wanted) => Prisma.sql`${wanted} = ANY(p.tags)`,
  userId: (wanted) => Prisma.sql`p.user_id = ${wanted}::uuid`,
  conversationId: (wanted) => Prisma.sql`p.conversation_id = ${wanted}`,
  createdFrom: (wanted) => Prisma.sql`p.created_at >= ${wanted}::timestamptz`,
  createdTo: (wanted) => Prisma.sql`p.created_at <= ${wanted}::timestamptz`,
  text: (wanted) => Prisma.sql`p.text ILIKE ${`%${literal(wanted)}%`}`,
};

/** The conditions of a filter, beginning with AND; `Prisma.empty` when there are none. */
function matching(filter: PromptFilter): Statement {
  const fields = Object.entries(filter) as [keyof PromptFilter, string | undefined][];
  const given = fields.flatMap(([field, wanted]) => (wanted === undefined ? [] : [conditions[field](wanted)]));
  return given.length === 0 ? Prisma.empty : Prisma.sql`AND ${Prisma.join(given, ' AND ')}`;
}

/** A text as LIKE takes it literally: `%`, `_` and the escape itself mean themselves. */
const literal = (text: string): string => text.replaceAll(/[\\%_]/g, (character) => `\\${character}`);

/** The prompt a user made under an idempotency key, with its request's hash. */
export const promptByKey = (
  { projectId }: Tenant,
  key: { userId: string; idempotencyKey: string },
): Statement => Prisma.sql`
  SELECT p.id::text AS "id", p.request_hash AS "requestHash", p.status::text AS "status" FROM prompt p
  WHERE p.project_id = ${projectId}::uuid AND p.user_id = ${key.userId}::uuid AND p.idempotency_key = ${key.idempotencyKey}`;
