import { Prisma } from '../../../platform/db/generated/client.js';
import type { PromptFilter } from '../schema.js';

/** A statement with its parameters bound: runs on the pool (`text`, `values`) and in a transaction alike. */
export type Statement = Prisma.Sql;

const responseJson = Prisma.sql`json_build_object(
  'id', r.id, 'text', r.text, 'model', r.model, 'provider', r.provider, 'finishReason', r.finish_reason,
  'inputTokens', r.input_tokens, 'outputTokens', r.output_tokens, 'totalTokens', r.total_tokens,
  'cachedInputTokens', r.cached_input_tokens, 'isEstimated', r.is_estimated, 'costUsd', r.cost_usd::float8,
  'latencyMs', r.latency_ms, 'timeToFirstTokenMs', r.time_to_first_token_ms, 'error', r.error, 'createdAt', r.created_at)`;

/** The columns of a `PromptRow`, from aliases `p`, `e` and `s`. */
export const promptColumns = Prisma.sql`
  p.id::text AS "id", p.project_id::text AS "projectId", p.user_id::text AS "userId", p.text, p.system,
  p.status::text AS "status", p.model, p.parameters, p.is_pushed AS "isPushed", p.conversation_id AS "conversationId", p.environment, p.tags, p.metadata,
  p.created_at AS "createdAt", p.updated_at AS "updatedAt",
  (SELECT ${responseJson} FROM response r WHERE r.project_id = p.project_id AND r.prompt_id = p.id
    ORDER BY r.id DESC LIMIT 1) AS "response",
  (SELECT count(*)::int FROM (
    SELECT FROM response r WHERE r.project_id = p.project_id AND r.prompt_id = p.id ORDER BY r.id) AS counted) AS "responses",
  s.name AS "space", s.dimensions, e.is_truncated AS "isTruncated"`;

/**
 * Aliases `e` (the prompt's vector in a space) and `s` (that space), for `promptColumns`.
 *
 * Order: OFFSET 0 keeps the look-up by prompt inside. Of a table or project that statistics do not know one row is
 * expected, and as a plain join all its rows were read for each prompt; ORDER BY in `promptColumns` does it for answers.
 */
export const vectorJoins = (spaceId: number): Statement => Prisma.sql`
  LEFT JOIN LATERAL (
    SELECT v.space_id, v.is_truncated FROM embedding v
    WHERE v.prompt_id = p.id AND v.space_id = ${spaceId} AND v.project_id = p.project_id OFFSET 0) AS e ON true
  LEFT JOIN space s ON s.id = e.space_id`;

/**
 * The prompts of alias `n`, as alias `p`, each looked up by its id; see `vectorJoins`. `IS TRUE` hides the project from
 * the planner, which took an index of projects for it as readily, and read a whole one for each.
 */
export const promptOfHit = (projectId: string): Statement => Prisma.sql`LATERAL (
    SELECT h.* FROM prompt h WHERE h.id = n.prompt_id AND (h.project_id = ${projectId}::uuid) IS TRUE OFFSET 0) AS p`;

/** Whose prompts, and in which space their vectors are looked for: part of every statement of this room. */
export interface Tenant {
  projectId: string;
  spaceId: number;
  /** Of the space's vectors. */
  dimensions: number;
}

/** Whether the tenant's space serves. In a statement that stores a vector it holds until the commit: see `insertPrompts`. */
export const isServing = ({ spaceId }: Tenant): Statement =>
  Prisma.sql`EXISTS (SELECT 1 FROM space WHERE id = ${spaceId} AND is_active)`;

/** One prompt of a project, as a `PromptRow`; `IS TRUE` as in `promptOfHit`. */
export const getPrompt = ({ projectId, spaceId }: Tenant, id: string): Statement => Prisma.sql`
  SELECT ${promptColumns} FROM prompt p ${vectorJoins(spaceId)} WHERE p.id = ${id}::uuid AND (p.project_id = ${projectId}::uuid) IS TRUE`;

/** Some prompts of a project, as `PromptRow`s in no order. */
export const promptsByIds = ({ projectId, spaceId }: Tenant, ids: readonly string[]): Statement => Prisma.sql`
  SELECT ${promptColumns} FROM prompt p ${vectorJoins(spaceId)}
  WHERE p.id = ANY(${[...ids]}::uuid[]) AND (p.project_id = ${projectId}::uuid) IS TRUE`;

/** Responses to one prompt older than `before`, newest first, each as JSON in column `response`. */
export function listResponses(
  { projectId }: Tenant,
  promptId: string,
  { before, limit }: { before: string | null; limit: number },
): Statement {
  const older = before === null ? Prisma.empty : Prisma.sql`AND r.id < ${before}::uuid`;
  return Prisma.sql`
    SELECT ${responseJson} AS "response" FROM response r
    WHERE r.project_id = ${projectId}::uuid AND r.prompt_id = ${promptId}::uuid ${older} ORDER BY r.id DESC LIMIT ${limit}`;
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
    SELECT ${promptColumns} FROM prompt p ${vectorJoins(spaceId)}
    WHERE p.project_id = ${projectId}::uuid ${after} ${matching(page.filter)}
    ORDER BY p.id DESC LIMIT ${page.limit}`;
}

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

/** The conditions of a filter on alias `p`, beginning with AND; `Prisma.empty` when there are none. */
export function matching(filter: PromptFilter): Statement {
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
