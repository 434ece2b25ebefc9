import type { Config } from '../../../config.js';
import type { Clock } from '../../../kernel/clock.js';
import { Fault } from '../../../kernel/fault.js';
import type { Ids } from '../../../kernel/ids.js';
import type { TokenGrant, TokenPair, Tokens } from '../../../platform/auth/tokens.js';
import type { Database, Tx } from '../../../platform/db/database.js';
import { SessionStore } from '../store/sessions.js';

/** What log-ins need. */
export interface SessionDeps {
  db: Database;
  clock: Clock;
  ids: Ids;
  tokens: Tokens;
  config: Pick<Config['auth'], 'sessionMaxMs'>;
}

/** A replay this soon is a client's own retry or race, not a thief. Source: issue 2 section 3. */
const replayGraceMs = 10_000;

/** Log-ins: opened, refreshed, ended. */
export class SessionService {
  readonly #deps: SessionDeps;

  constructor(deps: SessionDeps) {
    this.#deps = deps;
  }

  /** Opens a log-in inside the caller's transaction; the tokens are made from the grant after its commit. */
  async open(tx: Tx, user: { userId: string; version: number }): Promise<TokenGrant> {
    const { clock, ids, config } = this.#deps;
    const now = new Date(clock.nowMs());
    const expiresAt = new Date(now.getTime() + config.sessionMaxMs);
    const session = { id: ids.uuid(), userId: user.userId, createdAt: now, expiresAt };
    await new SessionStore(tx).insert(session);
    return this.#grant(tx, { sessionId: session.id, userId: user.userId, expiresAt }, user.version);
  }

  /**
   * A new pair of tokens for a refresh token, which is used up by it.
   *
   * Shape: of many at once with one token, one succeeds. A replay within 10 s of the use is refused; a later one is
   * taken for theft and ends the log-in with all its tokens. Faults: `unauthenticated` with `reason`.
   */
  async refresh(refreshToken: string): Promise<TokenPair> {
    const { db, clock, tokens } = this.#deps;
    const { tokenId, userId, sessionId, version } = await tokens.verifyRefresh(refreshToken);
    const outcome = await db.transaction(async (tx) => {
      const store = new SessionStore(tx);
      const now = new Date(clock.nowMs());
      const session = await store.rotate({ id: tokenId, userId, version }, now);
      if (session !== null) return this.#grant(tx, session, version);
      const rotatedAt = await store.rotatedAt(tokenId);
      const isTheft = rotatedAt !== null && now.getTime() - rotatedAt.getTime() > replayGraceMs;
      if (isTheft) await store.revoke(sessionId, now);
      return rotatedAt === null || isTheft ? ended() : usedUp();
    });
    if (outcome instanceof Fault) throw outcome;
    return tokens.issue(outcome);
  }

  /** Ends the log-in that a refresh token belongs to, used up or not. Faults: `unauthenticated` if it is no valid one. */
  async logout(refreshToken: string): Promise<void> {
    const { db, clock, tokens } = this.#deps;
    const { sessionId } = await tokens.verifyRefresh(refreshToken);
    await db.transaction((tx) => new SessionStore(tx).revoke(sessionId, new Date(clock.nowMs())));
  }

  async #grant(
    tx: Tx,
    session: { sessionId: string; userId: string; expiresAt: Date },
    version: number,
  ): Promise<TokenGrant> {
    const { clock, ids, tokens } = this.#deps;
    const { sessionId, userId } = session;
    const sessionEndsAtMs = session.expiresAt.getTime();
    const refreshTokenId = ids.uuid();
    const expiresAt = new Date(tokens.refreshEndsAtMs(sessionEndsAtMs));
    await new SessionStore(tx).insertRefreshToken(
      { id: refreshTokenId, sessionId, expiresAt },
      new Date(clock.nowMs()),
    );
    return { userId, sessionId, version, refreshTokenId, sessionEndsAtMs };
  }
}

const ended = (): Fault =>
  new Fault('unauthenticated', 'This session has ended: sign in again.', { reason: 'revoked' });

/** The log-in lives on with the token that took this one's place. */
const usedUp = (): Fault =>
  new Fault('unauthenticated', 'This refresh token was used a moment ago: go on with its successor.', {
    reason: 'used',
  });
