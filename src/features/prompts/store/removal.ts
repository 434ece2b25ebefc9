import type { Tx } from '../../../platform/db/database.js';
import { Prisma } from '../../../platform/db/generated/client.js';
import type { TombstoneRow } from '../view.js';

/** Which prompts of one project are to go; every field given must hold. */
export interface PromptSelection {
  projectId: string;
  id?: string;
  /** Who created them. */
  userId?: string;
  /** Days since their creation, in database time; prompts being answered are never that old. */
  olderThanDays?: number;
}

/** A prompt that is about to go, locked. */
export interface DoomedPrompt extends TombstoneRow {
  isPushed: boolean;
  textHash: string;
}

/** A response that is gone. */
export interface RemovedResponse {
  id: string;
  promptId: string;
}

/** The removal of a project's prompts and responses, inside one transaction. */
export class RemovalStore {
  readonly #tx: Tx;

  constructor(tx: Tx) {
    this.#tx = tx;
  }

  /**
   * The next of the selected prompts, locked; at most `limit`.
   *
   * Order: oldest first for an age, on the index (project_id, created_at), past those that somebody else has locked: the
   * next round finds them. Other selections wait for a rival, so that nothing of theirs is left behind.
   */
  lockPrompts({ projectId, id, userId, olderThanDays }: PromptSelection, limit: number): Promise<DoomedPrompt[]> {
    const one = id === undefined ? Prisma.empty : Prisma.sql`AND id = ${id}::uuid`;
    const of = userId === undefined ? Prisma.empty : Prisma.sql`AND user_id = ${userId}::uuid`;
    const [old, order] =
      olderThanDays === undefined
        ? [Prisma.empty, Prisma.sql`ORDER BY id LIMIT ${limit} FOR UPDATE`]
        : [
            Prisma.sql`AND created_at < now() - make_interval(days => ${olderThanDays}::int) AND status <> 'pending'`,
            Prisma.sql`ORDER BY created_at LIMIT ${limit} FOR UPDATE SKIP LOCKED`,
          ];
    return this.#tx.$queryRaw<DoomedPrompt[]>`
      SELECT id::text AS "id", project_id::text AS "projectId", user_id::text AS "userId", status::text AS "status",
        created_at AS "createdAt", updated_at AS "updatedAt", is_pushed AS "isPushed", text_hash AS "textHash"
      FROM prompt WHERE project_id = ${projectId}::uuid ${one} ${of} ${old} ${order}`;
  }

  /** Deletes prompts with their responses and vectors. */
  async deletePrompts(projectId: string, ids: readonly string[]): Promise<void> {
    await this.#tx.$executeRaw`
      DELETE FROM prompt WHERE project_id = ${projectId}::uuid AND id = ANY(${[...ids]}::uuid[])`;
  }

  /** Deletes the oldest responses past an age, at most `limit`; those of prompts being answered, or changed, stay. */
  deleteResponses(of: { projectId: string; olderThanDays: number }, limit: number): Promise<RemovedResponse[]> {
    return this.#tx.$queryRaw<RemovedResponse[]>`
      DELETE FROM response WHERE project_id = ${of.projectId}::uuid AND id IN (
        SELECT r.id FROM response r JOIN prompt p ON p.project_id = r.project_id AND p.id = r.prompt_id
        WHERE r.project_id = ${of.projectId}::uuid AND p.status <> 'pending'
          AND r.created_at < now() - make_interval(days => ${of.olderThanDays}::int)
        ORDER BY r.created_at LIMIT ${limit} FOR UPDATE OF r, p SKIP LOCKED)
      RETURNING id::text AS "id", prompt_id::text AS "promptId"`;
  }
}
