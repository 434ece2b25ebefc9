import pLimit, { type LimitFunction } from 'p-limit';
import { Fault } from '../kernel/fault.js';
import type { Ended } from '../rpc/context.js';
import { faultOf } from '../rpc/faults.js';
import { limits } from './limits.js';

/** Queries of one user that a process works at: less than half of a pool, so that others find a connection. */
const atOnce = 4;

/** Queries of one user that wait for those: as many calls as one socket may send at once. */
const mostWaiting = limits.socketBurstCalls;

/**
 * The queries of each user, a few at a time and in the order they came: whoever asks forty large ones at once waits for
 * himself, not everybody for him.
 *
 * Faults: `rateLimited` for a user with too many in line; `overloaded` for those in line when the database is away, as
 * they would fare no better.
 */
export class QueryTurns {
  readonly #limits = new Map<string, LimitFunction>();

  /** Runs a query when it is its turn; answers what that answers. */
  async take<Result extends Ended>(userId: string, query: () => Promise<Result>): Promise<Result> {
    const limit = this.#limits.get(userId) ?? pLimit({ concurrency: atOnce, rejectOnClear: true });
    this.#limits.set(userId, limit);
    if (limit.pendingCount >= mostWaiting) throw tooMany();
    let hasBegun = false;
    try {
      const result = await limit(() => {
        hasBegun = true;
        return query();
      });
      if (isDatabaseAway(result)) limit.clearQueue();
      return result;
    } catch (cause) {
      throw hasBegun ? cause : away();
    } finally {
      if (limit.activeCount + limit.pendingCount === 0) this.#limits.delete(userId);
    }
  }
}

/** Other overloads say their reason, and are nobody else's. */
function isDatabaseAway(result: Ended): boolean {
  const fault = result.ok ? null : faultOf(result.error);
  return fault?.kind === 'overloaded' && fault.details['reason'] === undefined && fault.details['state'] === undefined;
}

const tooMany = (): Fault =>
  new Fault('rateLimited', `More than ${mostWaiting} queries of yours wait already.`, { retryAfterMs: 1_000 });

const away = (): Fault =>
  new Fault('overloaded', 'The database is away or busy; try again shortly.', { retryAfterMs: 1_000 });
