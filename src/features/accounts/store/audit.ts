import type { AuditAction } from '../../../kernel/audit-actions.js';
import type { Database } from '../../../platform/db/database.js';
import type { AuditRow } from '../view.js';

/** Which entries are asked for. */
export interface AuditQuery {
  /** Null for those that concern the installation. */
  projectId: string | null;
  action: AuditAction | null;
  /** Only entries before this one; null for the newest. */
  before: string | null;
  limit: number;
}

/** Reads of the audit ledger, outside transactions. */
export class AuditReads {
  readonly #db: Pick<Database, 'read' | 'within'>;

  constructor(db: Pick<Database, 'read' | 'within'>) {
    this.#db = db;
  }

  /** Entries, newest first; ids ascend with time. Index: (project_id, id desc), which holds the nulls too. */
  list({ projectId, action, before, limit }: AuditQuery): Promise<AuditRow[]> {
    const db = projectId === null ? this.#db : this.#db.within(projectId);
    return db.read<AuditRow>(
      `SELECT id, user_id AS "userId", action, details, created_at AS "createdAt" FROM audit_entry
       WHERE ${projectId === null ? 'project_id IS NULL AND $1::uuid IS NULL' : 'project_id = $1::uuid'}
         AND ($2::text IS NULL OR action = $2) AND ($3::uuid IS NULL OR id < $3)
       ORDER BY id DESC LIMIT $4`,
      [projectId, action, before, limit],
    );
  }

  /** The names of accounts that still are. */
  async usernames(userIds: readonly string[]): Promise<Map<string, string>> {
    const rows = await this.#db.read<{ id: string; username: string }>(
      'SELECT id, username FROM app_user WHERE id = ANY($1::uuid[])',
      [userIds],
    );
    return new Map(rows.map(({ id, username }) => [id, username]));
  }
}
