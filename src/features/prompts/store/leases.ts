import type { Database, Tx } from '../../../platform/db/database.js';
import { leaseSeconds } from './writes.js';

/** A prompt whose process fell silent. */
export interface InterruptedPrompt {
  id: string;
  projectId: string;
  model: string | null;
  isPushed: boolean;
}

/** Its payload is a prompt's id. */
const holdChannel = 'promptwell_hold';

/** Leases on pending prompts of every project, in database time: clocks of processes do not matter. */
export class LeaseStore {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /**
   * Extends a process's leases on the prompts it still works at; one it has lost sight of runs out. Answers those that
   * are its own still: the others were deleted or ended by somebody else.
   */
  async renew(owner: string, promptIds: readonly string[]): Promise<Set<string>> {
    const rows = await this.#db.read<{ id: string }>(
      `UPDATE prompt SET lease_expires_at = now() + make_interval(secs => $2)
       WHERE status = 'pending' AND lease_owner = $1::uuid AND id = ANY($3::uuid[]) RETURNING id::text AS id`,
      [owner, leaseSeconds, promptIds],
    );
    return new Set(rows.map(({ id }) => id));
  }

  /** Tells the process that asks a prompt's model, whichever it is, that somebody waits for the answer elsewhere. */
  async hold(promptId: string): Promise<void> {
    await this.#db.read('SELECT pg_notify($1, $2)', [holdChannel, promptId]);
  }

  /** Calls `onHold` with the id of each prompt that is held anywhere. Answers what stops it. */
  heed(onHold: (promptId: string) => void): Promise<() => Promise<void>> {
    return this.#db.listen(holdChannel, onHold);
  }

  /** Marks up to 100 prompts past their lease as failed; processes that sweep at once take different ones. */
  expire(tx: Tx): Promise<InterruptedPrompt[]> {
    return tx.$queryRaw<InterruptedPrompt[]>`
      UPDATE prompt SET status = 'failed', lease_owner = NULL, lease_expires_at = NULL, updated_at = now()
      WHERE id IN (
        SELECT id FROM prompt WHERE status = 'pending' AND lease_expires_at < now()
        ORDER BY lease_expires_at LIMIT 100 FOR UPDATE SKIP LOCKED)
      RETURNING id::text AS "id", project_id::text AS "projectId", model, is_pushed AS "isPushed"`;
  }
}
