import type { Tx } from '../../../platform/db/database.js';

/** Money set aside for one model call, on the UTC day (database time) that it began. */
export interface Reservation {
  day: string;
  usd: number;
}

/** Model money by UTC day of one user and one project. */
export class SpendStore {
  readonly #tx: Tx;
  readonly #scopes: readonly string[];

  constructor(tx: Tx, owner: { projectId: string; userId: string }) {
    this.#tx = tx;
    // Always in this order: two calls that lock the same rows cannot deadlock.
    this.#scopes = [`project:${owner.projectId}`, `user:${owner.userId}`];
  }

  /** Sets `usd` aside in both scopes; null when that would pass `capUsd` in either, and then the caller rolls back. */
  async reserve(usd: number, capUsd: number): Promise<Reservation | null> {
    let day = '';
    for (const scope of this.#scopes) {
      const rows = await this.#tx.$queryRaw<{ day: string }[]>`
        INSERT INTO spend AS s (scope, day, usd)
        SELECT ${scope}, (now() AT TIME ZONE 'UTC')::date, ${usd}::numeric WHERE ${usd}::numeric <= ${capUsd}::numeric
        ON CONFLICT (scope, day) DO UPDATE SET usd = s.usd + EXCLUDED.usd WHERE s.usd + EXCLUDED.usd <= ${capUsd}::numeric
        RETURNING s.day::text AS day`;
      if (rows[0] === undefined) return null;
      day = rows[0].day;
    }
    return { day, usd };
  }

  /** Replaces what was set aside by what the call cost. */
  async settle(reserved: Reservation, costUsd: number): Promise<void> {
    for (const scope of this.#scopes)
      await this.#tx.$executeRaw`
        UPDATE spend SET usd = GREATEST(0, usd + ${costUsd - reserved.usd}::numeric)
        WHERE scope = ${scope} AND day = ${reserved.day}::date`;
  }
}
