import type { Database, Tx } from '../../../platform/db/database.js';
import { leaseSeconds, type NewResponse } from './writes.js';

/** A prompt whose process fell silent. */
export interface InterruptedPrompt {
  id: string;
  projectId: string;
  isPushed: boolean;
}

/** How prompts past their lease end: the ids of their responses, one for each that may end, and what those say. */
export interface Interruption {
  responseIds: readonly string[];
  error: NonNullable<NewResponse['error']>;
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

  /**
   * Marks prompts past their lease as failed, as many as there are ids, each with a response that says why; processes that
   * sweep at once take different ones. Nothing else is known of a call whose process is gone.
   */
  expire(tx: Tx, { responseIds, error }: Interruption): Promise<InterruptedPrompt[]> {
    return tx.$queryRaw<InterruptedPrompt[]>`
      WITH expired AS (
        UPDATE prompt SET status = 'failed', lease_owner = NULL, lease_expires_at = NULL, updated_at = now()
        WHERE id IN (
          SELECT id FROM prompt WHERE status = 'pending' AND lease_expires_at < now()
          ORDER BY lease_expires_at LIMIT ${responseIds.length} FOR UPDATE SKIP LOCKED)
        RETURNING id, project_id, model, is_pushed),
      numbered AS (SELECT *, row_number() OVER () AS nth FROM expired),
      answered AS (
        INSERT INTO response (id, project_id, prompt_id, text, model, provider, latency_ms, error)
        SELECT r.id, n.project_id, n.id, '', COALESCE(n.model, 'unknown'), 'unknown', 0, ${JSON.stringify(error)}::jsonb
        FROM numbered n JOIN unnest(${[...responseIds]}::uuid[]) WITH ORDINALITY AS r(id, nth) USING (nth))
      SELECT id::text AS "id", project_id::text AS "projectId", is_pushed AS "isPushed" FROM expired`;
  }
}
