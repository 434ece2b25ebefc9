import type { Database } from '../../../platform/db/database.js';
import type { ProjectRow, UserRow } from '../view.js';

/** What checking a password needs to know. */
export interface CredentialsRow extends UserRow {
  passwordHash: string;
  sessionVersion: number;
  isDisabled: boolean;
  /** Whether the account has signed in from the asking address before. */
  isKnownAddress: boolean;
}

/** Reads about accounts, outside transactions. */
export class AccountLookups {
  readonly #db: Pick<Database, 'read'>;

  constructor(db: Pick<Database, 'read'>) {
    this.#db = db;
  }

  /** Whether anyone has an account. */
  async hasUsers(): Promise<boolean> {
    const rows = await this.#db.read<{ hasUsers: boolean }>('SELECT EXISTS (SELECT FROM app_user) AS "hasUsers"', []);
    return rows[0]?.hasUsers ?? false;
  }

  /** The account of a name as compared. One statement whether it exists or not. */
  byUsernameKey(usernameKey: string, addressHash: string): Promise<CredentialsRow | null> {
    return this.#credentials('u.username_key = $1', usernameKey, addressHash);
  }

  /** The account of an id. */
  byId(userId: string, addressHash: string): Promise<CredentialsRow | null> {
    return this.#credentials('u.id = $1', userId, addressHash);
  }

  /** The user's projects with their role, the personal one first, then by age. */
  projects(userId: string): Promise<ProjectRow[]> {
    return this.#db.read<ProjectRow>(
      `SELECT p.id, p.name, p.is_personal AS "isPersonal", m.role, p.created_at AS "createdAt"
       FROM membership m JOIN project p ON p.id = m.project_id
       WHERE m.user_id = $1
       ORDER BY p.is_personal AND m.role = 'owner' DESC, p.id`,
      [userId],
    );
  }

  async #credentials(
    condition: 'u.username_key = $1' | 'u.id = $1',
    value: string,
    addressHash: string,
  ): Promise<CredentialsRow | null> {
    const rows = await this.#db.read<CredentialsRow>(
      `SELECT u.id, u.username, u.email, u.created_at AS "createdAt", u.password_hash AS "passwordHash",
         u.is_administrator AS "isAdministrator",
         u.session_version AS "sessionVersion", u.disabled_at IS NOT NULL AS "isDisabled",
         EXISTS (SELECT FROM known_address k WHERE k.user_id = u.id AND k.address_hash = $2) AS "isKnownAddress"
       FROM app_user u WHERE ${condition}`,
      [value, addressHash],
    );
    return rows[0] ?? null;
  }
}
