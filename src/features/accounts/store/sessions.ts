import type { Tx } from '../../../platform/db/database.js';
import { type Revocation, revocationChannel, revocationPayload } from '../revocation.js';

/** A log-in whose refresh token was just used up. */
export interface RotatedSession {
  sessionId: string;
  userId: string;
  expiresAt: Date;
}

/** Log-ins and their refresh tokens, inside one transaction. Times are given, so that tokens and rows share one clock. */
export class SessionStore {
  readonly #tx: Tx;

  constructor(tx: Tx) {
    this.#tx = tx;
  }

  /** Adds a log-in, and drops the user's that are past their end. */
  async insert(session: { id: string; userId: string; createdAt: Date; expiresAt: Date }): Promise<void> {
    await this.#tx.session.deleteMany({ where: { userId: session.userId, expiresAt: { lt: session.createdAt } } });
    await this.#tx.session.create({ data: session });
  }

  /** Adds a refresh token to a log-in, and drops its expired ones: their replay is refused as expired anyway. */
  async insertRefreshToken(token: { id: string; sessionId: string; expiresAt: Date }, now: Date): Promise<void> {
    await this.#tx.refreshToken.deleteMany({ where: { sessionId: token.sessionId, expiresAt: { lt: now } } });
    await this.#tx.refreshToken.create({ data: token });
  }

  /**
   * Uses up a refresh token; null when it was used before or its log-in is over.
   *
   * The row lock decides a race: the second writer sees `rotated_at` set and matches nothing.
   */
  async rotate(token: { id: string; userId: string; version: number }, now: Date): Promise<RotatedSession | null> {
    const at = now.toISOString();
    const rows = await this.#tx.$queryRaw<RotatedSession[]>`
      UPDATE refresh_token r SET rotated_at = ${at}::timestamptz
      FROM session s JOIN app_user u ON u.id = s.user_id
      WHERE r.id = ${token.id}::uuid AND r.rotated_at IS NULL AND r.expires_at > ${at}::timestamptz
        AND s.id = r.session_id AND s.user_id = ${token.userId}::uuid
        AND s.revoked_at IS NULL AND s.expires_at > ${at}::timestamptz
        AND u.session_version = ${token.version}::int AND u.disabled_at IS NULL
      RETURNING s.id AS "sessionId", s.user_id AS "userId", s.expires_at AS "expiresAt"`;
    return rows[0] ?? null;
  }

  /** When a refresh token was used up; null when it was not, or is not known. */
  async rotatedAt(refreshTokenId: string): Promise<Date | null> {
    const row = await this.#tx.refreshToken.findUnique({ where: { id: refreshTokenId }, select: { rotatedAt: true } });
    return row?.rotatedAt ?? null;
  }

  /** Ends one log-in. */
  async revoke(sessionId: string, at: Date): Promise<void> {
    await this.#tx.session.updateMany({ where: { id: sessionId, revokedAt: null }, data: { revokedAt: at } });
    await this.announce({ of: 'session', id: sessionId });
  }

  /** Ends every log-in of a user. */
  async revokeAll(userId: string, at: Date): Promise<void> {
    await this.#tx.session.updateMany({ where: { userId, revokedAt: null }, data: { revokedAt: at } });
    await this.announce({ of: 'user', id: userId });
  }

  /** Tells every process, when this transaction commits, that credentials have ended. */
  async announce(revocation: Revocation): Promise<void> {
    await this.#tx.$executeRaw`SELECT pg_notify(${revocationChannel}, ${revocationPayload(revocation)})`;
  }
}
