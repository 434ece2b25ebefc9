import { Prisma } from '../../../platform/db/generated/client.js';
import { toVectorLiteral } from '../../../platform/db/vector.js';
import type { PromptView } from '../schema.js';
import { isServing, type Statement, type Tenant } from './statements.js';
import { leaseSeconds, type NewPrompt, type NewVector } from './writes.js';

/** A prompt to be stored with everything that belongs to its beginning. */
export interface Insertion {
  prompt: NewPrompt;
  /** Null for a prompt that gets its vector with its answer. */
  vector: Pick<NewVector, 'vector' | 'isTruncated'> | null;
  /** What the feed is told, in order, and the channel that wakes it; no kinds keep the prompt out of it. */
  events: { kinds: readonly string[]; channel: string };
  /** What the events say of the prompt; the database fills its times in. */
  view: PromptView;
}

/** When the database stored a prompt. */
export interface Inserted {
  createdAt: Date;
}

/**
 * Stores a prompt, its vector and its events, and wakes the feed: all or nothing, in one statement, because each further
 * one costs a round trip (measured: eight statements took two to three times as long as this one).
 *
 * Shape: one `Inserted` row; none, and then nothing was written, when the user's idempotency key is taken, or when there
 * is a vector and another space serves by now. Lock: the statement waits for a switch of spaces before it takes its
 * snapshot (it inserts into `embedding`), so what it sees as serving is what serves at its commit.
 */
export function insertPrompt(tenant: Tenant, { prompt, vector, events, view }: Insertion): Statement {
  return Prisma.sql`
    WITH stored AS (${stored(tenant, prompt, vector === null ? Prisma.sql`true` : isServing(tenant))}),
    placed AS (${placed(tenant, vector)}),
    told AS (
      INSERT INTO event (project_id, kind, prompt_id, view)
      SELECT s.project_id, k.kind, s.id, (${JSON.stringify(view)}::jsonb || jsonb_build_object(
        'createdAt', to_char(s.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
        'updatedAt', to_char(s.updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')))::json
      FROM stored s, unnest(${[...events.kinds]}::text[]) WITH ORDINALITY AS k(kind, place) ORDER BY k.place
      RETURNING id)
    SELECT created_at AS "createdAt",
      (SELECT pg_notify(${events.channel}, '')::text FROM told LIMIT 1) AS "rung"
    FROM stored`;
}

function stored({ projectId }: Tenant, prompt: NewPrompt, condition: Statement): Statement {
  const isPending = prompt.leaseOwner !== null;
  const lease = isPending ? Prisma.sql`now() + make_interval(secs => ${leaseSeconds})` : Prisma.sql`NULL::timestamptz`;
  return Prisma.sql`
    INSERT INTO prompt (id, project_id, user_id, text, text_hash, system, status, model, parameters, conversation_id,
      environment, tags, metadata, is_pushed, idempotency_key, request_hash, lease_owner, lease_expires_at)
    SELECT ${prompt.id}::uuid, ${projectId}::uuid, ${prompt.userId}::uuid, ${prompt.text}, ${prompt.textHash},
      ${prompt.system}, ${isPending ? 'pending' : 'completed'}::prompt_status, ${prompt.model},
      ${JSON.stringify(prompt.parameters)}::jsonb, ${prompt.conversationId}, ${prompt.environment}, ${prompt.tags}::text[],
      ${JSON.stringify(prompt.metadata)}::jsonb, ${prompt.isPushed}, ${prompt.idempotencyKey}, ${prompt.requestHash},
      ${prompt.leaseOwner}::uuid, ${lease}
    WHERE ${condition}
    ON CONFLICT (project_id, user_id, idempotency_key) DO NOTHING
    RETURNING id, project_id, text_hash, created_at, updated_at`;
}

function placed({ spaceId, dimensions }: Tenant, vector: Insertion['vector']): Statement {
  if (vector === null) return Prisma.sql`SELECT 1`;
  return Prisma.sql`
    INSERT INTO embedding (project_id, prompt_id, space_id, text_hash, vector, is_truncated)
    SELECT project_id, id, ${spaceId}, text_hash, ${toVectorLiteral(vector.vector, dimensions)}::vector, ${vector.isTruncated}
    FROM stored`;
}
