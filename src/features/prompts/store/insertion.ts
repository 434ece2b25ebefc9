import { Prisma } from '../../../platform/db/generated/client.js';
import { toVectorLiteral } from '../../../platform/db/vector.js';
import type { PromptView } from '../schema.js';
import type { ResponseRow } from '../view.js';
import { isServing, type Statement, type Tenant } from './statements.js';
import { leaseSeconds, type NewPrompt, type NewVector } from './writes.js';

/** A prompt to be stored with everything that belongs to its beginning. */
export interface Insertion {
  prompt: NewPrompt;
  status: 'pending' | 'completed' | 'failed';
  /** When it was made, ISO; null for the moment at which it is stored, in database time. */
  createdAt: string | null;
  /** Null for a prompt that gets its vector later: with its answer, or from the indexer. */
  vector: Pick<NewVector, 'vector' | 'isTruncated'> | null;
  /** Answers that it came with. */
  responses: readonly ResponseRow[];
  /** What the feed is told, in order; nothing keeps the prompt out of it. */
  kinds: readonly string[];
  /** What the events say of the prompt; the database fills its times in. */
  view: PromptView;
}

/** Prompts of one project to be stored together, and the channel that wakes the feed. */
export interface Insertions {
  insertions: readonly Insertion[];
  channel: string;
}

/** When the database stored a prompt. */
export interface Inserted {
  id: string;
  createdAt: Date;
}

/**
 * Stores prompts, their vectors, answers and events, and wakes the feed: all or nothing, in one statement, because each
 * further one costs a round trip, and each commit a write to disk that others wait for (NOTIFY lets one in at a time).
 *
 * Shape: one `Inserted` row a prompt, in no order; none for a prompt whose user's idempotency key is taken, and for one
 * with a vector when another space serves by now: nothing of those is written. The rows travel as one JSON document, read
 * once. Order: by key, so that two imports of the same keys wait for each other instead of both; events by place.
 * Lock: with vectors the statement waits for a switch of spaces before it takes its snapshot (it inserts into
 * `embedding`), so what it sees as serving is what serves at its commit.
 */
export function insertPrompts(tenant: Tenant, { insertions, channel }: Insertions): Statement {
  const rows = JSON.stringify(insertions.map((insertion, place) => rowOf(tenant, insertion, place)));
  const hasVectors = insertions.some(({ vector }) => vector !== null);
  const hasResponses = insertions.some(({ responses }) => responses.length > 0);
  return Prisma.sql`
    WITH asked AS MATERIALIZED (
      SELECT * FROM json_to_recordset(${rows}::json) AS row(place int, id uuid, user_id uuid, text text, text_hash text,
        system text, status prompt_status, model text, parameters jsonb, conversation_id text, environment text, tags text[],
        metadata jsonb, is_pushed boolean, idempotency_key text, request_hash text, lease_owner uuid,
        created_at timestamptz, vector vector, is_truncated boolean, responses json, kinds text[], view jsonb)),
    stored AS (${stored(tenant, hasVectors)}),
    placed AS (${hasVectors ? placed(tenant) : Prisma.sql`SELECT 1`}),
    answered AS (${hasResponses ? answered : Prisma.sql`SELECT 1`}),
    told AS (
      INSERT INTO event (project_id, kind, prompt_id, view)
      SELECT s.project_id, k.kind, s.id, (a.view || jsonb_build_object(
        'createdAt', to_char(s.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
        'updatedAt', to_char(s.updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')))::json
      FROM stored s JOIN asked a ON a.id = s.id, unnest(a.kinds) WITH ORDINALITY AS k(kind, nth)
      ORDER BY a.place, k.nth
      RETURNING id)
    SELECT id::text AS "id", created_at AS "createdAt",
      (SELECT pg_notify(${channel}, '')::text FROM told LIMIT 1) AS "rung"
    FROM stored`;
}

function stored(tenant: Tenant, hasVectors: boolean): Statement {
  const condition = hasVectors ? Prisma.sql`WHERE a.vector IS NULL OR ${isServing(tenant)}` : Prisma.empty;
  return Prisma.sql`
    INSERT INTO prompt (id, project_id, user_id, text, text_hash, system, status, model, parameters, conversation_id,
      environment, tags, metadata, is_pushed, idempotency_key, request_hash, lease_owner, lease_expires_at, created_at)
    SELECT a.id, ${tenant.projectId}::uuid, a.user_id, a.text, a.text_hash, a.system, a.status, a.model, a.parameters,
      a.conversation_id, a.environment, a.tags, a.metadata, a.is_pushed, a.idempotency_key, a.request_hash, a.lease_owner,
      CASE WHEN a.lease_owner IS NOT NULL THEN now() + make_interval(secs => ${leaseSeconds}) END,
      COALESCE(a.created_at, now())
    FROM asked a ${condition}
    ORDER BY a.idempotency_key, a.place
    ON CONFLICT (project_id, user_id, idempotency_key) DO NOTHING
    RETURNING id, project_id, text_hash, created_at, updated_at`;
}

const placed = ({ spaceId }: Tenant): Statement => Prisma.sql`
  INSERT INTO embedding (project_id, prompt_id, space_id, text_hash, vector, is_truncated)
  SELECT s.project_id, s.id, ${spaceId}, s.text_hash, a.vector, a.is_truncated
  FROM stored s JOIN asked a ON a.id = s.id WHERE a.vector IS NOT NULL`;

const answered = Prisma.sql`
  INSERT INTO response (id, project_id, prompt_id, text, model, provider, finish_reason, input_tokens, output_tokens,
    total_tokens, cached_input_tokens, is_estimated, cost_usd, latency_ms, time_to_first_token_ms, error, created_at)
  SELECT r.id, s.project_id, s.id, r.text, r.model, r.provider, r."finishReason", r."inputTokens", r."outputTokens",
    r."totalTokens", r."cachedInputTokens", r."isEstimated", r."costUsd", r."latencyMs", r."timeToFirstTokenMs", r.error,
    r."createdAt"
  FROM stored s JOIN asked a ON a.id = s.id, json_to_recordset(a.responses) AS r(id uuid, text text, model text,
    provider text, "finishReason" text, "inputTokens" int, "outputTokens" int, "totalTokens" int, "cachedInputTokens" int,
    "isEstimated" boolean, "costUsd" numeric, "latencyMs" int, "timeToFirstTokenMs" int, error jsonb,
    "createdAt" timestamptz)`;

/** A row of the document; its names are those of the columns. */
function rowOf({ dimensions }: Tenant, insertion: Insertion, place: number): object {
  const { prompt, vector } = insertion;
  return {
    place,
    id: prompt.id,
    user_id: prompt.userId,
    text: prompt.text,
    text_hash: prompt.textHash,
    system: prompt.system,
    status: insertion.status,
    model: prompt.model,
    parameters: prompt.parameters,
    conversation_id: prompt.conversationId,
    environment: prompt.environment,
    tags: prompt.tags,
    metadata: prompt.metadata,
    is_pushed: prompt.isPushed,
    idempotency_key: prompt.idempotencyKey,
    request_hash: prompt.requestHash,
    lease_owner: prompt.leaseOwner,
    created_at: insertion.createdAt,
    vector: vector === null ? null : toVectorLiteral(vector.vector, dimensions),
    is_truncated: vector?.isTruncated ?? null,
    responses: insertion.responses,
    kinds: insertion.kinds,
    view: insertion.kinds.length > 0 ? insertion.view : null,
  };
}
