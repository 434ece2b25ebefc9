import type { Tx } from '../../../platform/db/database.js';
import type { Prisma } from '../../../platform/db/generated/client.js';
import { toVectorLiteral } from '../../../platform/db/vector.js';
import type { UpdatePromptInput } from '../schema.js';
import type { PromptRow, ResponseRow } from '../view.js';
import { getPrompt, isServing, promptsByIds, type Tenant } from './statements.js';

/** How long a process may be silent before its pending prompts count as interrupted; in database time. */
export const leaseSeconds = 30;

/** A prompt about to be stored. */
export interface NewPrompt {
  id: string;
  userId: string;
  text: string;
  textHash: string;
  system: string | null;
  model: string | null;
  parameters: object;
  conversationId: string | null;
  environment: string;
  tags: string[];
  metadata: PromptRow['metadata'];
  isPushed: boolean;
  idempotencyKey: string | null;
  requestHash: string | null;
  /** The process that will ask the model; null stores the prompt as completed, with nothing asked. */
  leaseOwner: string | null;
}

/** A response about to be stored; the database says when. */
export interface NewResponse extends Omit<ResponseRow, 'createdAt' | 'error'> {
  promptId: string;
  error: { kind: string; message: string; details: object } | null;
}

/** A vector about to be stored, for the text it was made of. */
export interface NewVector {
  promptId: string;
  textHash: string;
  vector: Float32Array;
  isTruncated: boolean;
}

/** Another space serves by now: nothing was stored, and the text is to be embedded in that one. */
export class SpaceMovedError extends Error {
  override readonly name = 'SpaceMovedError';
}

/** The writes of one project, inside one transaction. */
export class PromptWrites {
  readonly #tx: Tx;
  readonly #tenant: Tenant;

  constructor(tx: Tx, tenant: Tenant) {
    this.#tx = tx;
    this.#tenant = tenant;
  }

  /**
   * Stores a vector, unless the prompt is gone or its text has changed since. Answers whether it was stored.
   *
   * Lock: waits for a switch of spaces, and keeps the next one waiting until the commit. Faults: `SpaceMovedError`.
   */
  async putVector(vector: NewVector): Promise<boolean> {
    const [answer] = await this.#tx.$queryRaw<{ count: number; isServing: boolean }[]>`
      WITH put AS (
        INSERT INTO embedding (project_id, prompt_id, space_id, text_hash, vector, is_truncated)
        SELECT p.project_id, p.id, ${this.#tenant.spaceId}, p.text_hash, ${toVectorLiteral(vector.vector, this.#tenant.dimensions)}::vector, ${vector.isTruncated}
        FROM prompt p
        WHERE p.project_id = ${this.#tenant.projectId}::uuid AND p.id = ${vector.promptId}::uuid AND p.text_hash = ${vector.textHash}
        ON CONFLICT (prompt_id, space_id) DO UPDATE
          SET text_hash = EXCLUDED.text_hash, vector = EXCLUDED.vector, is_truncated = EXCLUDED.is_truncated
        RETURNING 1)
      SELECT (SELECT count(*)::int FROM put) AS "count", ${isServing(this.#tenant)} AS "isServing"`;
    if (answer?.isServing !== true) throw new SpaceMovedError('another space serves by now');
    return answer.count === 1;
  }

  /** Stores one response; the database says when, as it does for the prompt (Prisma's own now() is this process's). */
  async insertResponse(response: NewResponse): Promise<void> {
    const error = response.error === null ? null : JSON.stringify(response.error);
    await this.#tx.$executeRaw`
      INSERT INTO response (id, project_id, prompt_id, text, model, provider, finish_reason, input_tokens, output_tokens,
        total_tokens, cached_input_tokens, is_estimated, cost_usd, latency_ms, time_to_first_token_ms, error)
      VALUES (${response.id}::uuid, ${this.#tenant.projectId}::uuid, ${response.promptId}::uuid, ${response.text},
        ${response.model}, ${response.provider}, ${response.finishReason}, ${response.inputTokens}::int,
        ${response.outputTokens}::int, ${response.totalTokens}::int, ${response.cachedInputTokens}::int,
        ${response.isEstimated}, ${response.costUsd}::numeric, ${response.latencyMs}::int,
        ${response.timeToFirstTokenMs}::int, ${error}::jsonb)`;
  }

  /** Ends a pending prompt of this process; false when it is gone, or another has ended it. */
  async finish(end: {
    promptId: string;
    leaseOwner: string;
    status: 'completed' | 'failed' | 'cancelled';
    model: string | null;
  }): Promise<boolean> {
    const count = await this.#tx.$executeRaw`
      UPDATE prompt SET status = ${end.status}::prompt_status, model = COALESCE(${end.model}, model),
        lease_owner = NULL, lease_expires_at = NULL, updated_at = now()
      WHERE project_id = ${this.#tenant.projectId}::uuid AND id = ${end.promptId}::uuid
        AND status = 'pending' AND lease_owner = ${end.leaseOwner}::uuid`;
    return count === 1;
  }

  /** Makes a finished prompt pending again; false when it is gone or pending already. */
  async reopen(again: { promptId: string; leaseOwner: string }): Promise<boolean> {
    const count = await this.#tx.$executeRaw`
      UPDATE prompt SET status = 'pending', lease_owner = ${again.leaseOwner}::uuid, updated_at = now(),
        lease_expires_at = now() + make_interval(secs => ${leaseSeconds})
      WHERE project_id = ${this.#tenant.projectId}::uuid AND id = ${again.promptId}::uuid AND status <> 'pending'`;
    return count === 1;
  }

  /**
   * Changes the fields given; answers the hash of the text before, null when the prompt is gone. A new text loses the
   * vectors of the old one in every space.
   */
  async update(change: Omit<UpdatePromptInput, 'projectId'> & { textHash?: string }): Promise<string | null> {
    const { id, metadata, ...fields } = change;
    const where = { id, projectId: this.#tenant.projectId };
    // First, for its database time, and because it locks the row.
    const [former] = await this.#tx.$queryRaw<{ textHash: string }[]>`
      UPDATE prompt SET updated_at = now() WHERE project_id = ${where.projectId}::uuid AND id = ${id}::uuid
      RETURNING text_hash AS "textHash"`;
    if (former === undefined) return null;
    const json = metadata === undefined ? {} : { metadata: metadata as Prisma.InputJsonObject };
    await this.#tx.prompt.updateMany({ where, data: { ...fields, ...json } });
    if (change.text !== undefined)
      await this.#tx.embedding.deleteMany({ where: { projectId: where.projectId, promptId: id } });
    return former.textHash;
  }

  /** The prompt as this transaction sees it; null when it is gone. */
  async get(id: string): Promise<PromptRow | null> {
    const [row] = await this.#tx.$queryRaw<PromptRow[]>(getPrompt(this.#tenant, id));
    return row ?? null;
  }

  /** Some prompts as this transaction sees them, in no order. */
  byIds(ids: readonly string[]): Promise<PromptRow[]> {
    return this.#tx.$queryRaw<PromptRow[]>(promptsByIds(this.#tenant, ids));
  }
}
