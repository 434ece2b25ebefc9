import type { Role } from '../../../kernel/access.js';
import type { Database } from '../../../platform/db/database.js';
import { type MemberId, memberKey } from '../access-watchers.js';

/** One membership of the bearer of a live session. */
export interface SessionMembershipRow {
  projectId: string;
  role: Role;
  isPersonal: boolean;
  isAdministrator: boolean;
}

/** A live API key with its bearer's role. */
export interface LiveApiKeyRow {
  id: string;
  userId: string;
  projectId: string;
  scopes: string[];
  expiresAt: Date | null;
  lastUsedAt: Date | null;
  role: Role;
}

/** What is asked about credentials at almost every call: one statement each, by primary or unique key. */
export class CredentialStore {
  readonly #db: Pick<Database, 'read'>;

  constructor(db: Pick<Database, 'read'>) {
    this.#db = db;
  }

  /** The projects of a session's user, the personal one first; none when the session is over. */
  memberships(session: { id: string; userId: string; version: number }, now: Date): Promise<SessionMembershipRow[]> {
    return this.#db.read<SessionMembershipRow>(
      `SELECT m.project_id AS "projectId", m.role, p.is_personal AS "isPersonal",
         u.is_administrator AS "isAdministrator"
       FROM session s
         JOIN app_user u ON u.id = s.user_id
         JOIN membership m ON m.user_id = u.id
         JOIN project p ON p.id = m.project_id
       WHERE s.id = $1 AND s.user_id = $2 AND u.session_version = $3 AND u.disabled_at IS NULL
         AND s.revoked_at IS NULL AND s.expires_at > $4
       ORDER BY p.is_personal AND m.role = 'owner' DESC, p.id`,
      [session.id, session.userId, session.version, now],
    );
  }

  /** The key of a hash, while it lives. */
  async apiKey(keyHash: string, now: Date): Promise<LiveApiKeyRow | null> {
    const rows = await this.#db.read<LiveApiKeyRow>(
      `SELECT k.id, k.user_id AS "userId", k.project_id AS "projectId", k.scopes, k.expires_at AS "expiresAt",
         k.last_used_at AS "lastUsedAt", m.role
       FROM api_key k
         JOIN app_user u ON u.id = k.user_id
         JOIN membership m ON m.project_id = k.project_id AND m.user_id = k.user_id
       WHERE k.key_hash = $1 AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $2)
         AND u.disabled_at IS NULL`,
      [keyHash, now],
    );
    return rows[0] ?? null;
  }

  /** Records a use, unless another process did since `unlessSince`. */
  async touchApiKey(id: string, now: Date, unlessSince: Date): Promise<void> {
    await this.#db.read(
      'UPDATE api_key SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $3)',
      [id, now, unlessSince],
    );
  }

  /** The roles of members, by `memberKey`; who is none is left out. */
  async roles(members: MemberId[]): Promise<Map<string, Role>> {
    const rows = await this.#db.read<MemberId & { role: Role }>(
      `SELECT m.project_id AS "projectId", m.user_id AS "userId", m.role
       FROM (SELECT DISTINCT * FROM unnest($1::uuid[], $2::uuid[])) AS asked (project_id, user_id)
         JOIN membership m USING (project_id, user_id)`,
      [members.map(({ projectId }) => projectId), members.map(({ userId }) => userId)],
    );
    return new Map(rows.map((row) => [memberKey(row), row.role]));
  }

  /** Those of the sessions and keys that still live. */
  async living(ids: { sessionIds: string[]; apiKeyIds: string[] }, now: Date): Promise<Set<string>> {
    const rows = await this.#db.read<{ id: string }>(
      `SELECT s.id FROM session s JOIN app_user u ON u.id = s.user_id
       WHERE s.id = ANY($1::uuid[]) AND s.revoked_at IS NULL AND s.expires_at > $3 AND u.disabled_at IS NULL
       UNION ALL
       SELECT k.id FROM api_key k JOIN app_user u ON u.id = k.user_id
       WHERE k.id = ANY($2::uuid[]) AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $3)
         AND u.disabled_at IS NULL`,
      [ids.sessionIds, ids.apiKeyIds, now],
    );
    return new Set(rows.map(({ id }) => id));
  }
}
