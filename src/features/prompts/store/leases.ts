import type { Database, Tx } from '../../../platform/db/database.js';
import { leaseSeconds } from './writes.js';

/** A prompt whose process fell silent. */
export interface InterruptedPrompt {
  id: string;
  projectId: string;
  model: string | null;
  isPushed: boolean;
}

/** Leases on pending prompts of every project, in database time: clocks of processes do not matter. */
export class LeaseStore {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Extends every lease of a process. */
  async renew(owner: string): Promise<void> {
    await this.#db.read(
      `UPDATE prompt SET lease_expires_at = now() + make_interval(secs => $2) WHERE status = 'pending' AND lease_owner = $1::uuid`,
      [owner, leaseSeconds],
    );
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
