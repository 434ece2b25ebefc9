import type { AuditAction } from '../kernel/audit-actions.js';
import type { Ids } from '../kernel/ids.js';
import type { Tx } from './db/database.js';

/** An act about to be recorded. */
export interface NewAuditEntry {
  /** Null for what concerns the whole installation. */
  projectId: string | null;
  /** Who did it; null for the service itself and for operators at the command line. */
  userId: string | null;
  action: AuditAction;
  /** What it was done to, and its figures; never a prompt's text, never a secret. */
  details: { [name: string]: string | number | boolean | null };
}

/** Records an act in the transaction that does it: none is done unrecorded, none recorded undone. Cost: one statement. */
export async function appendAudit(tx: Tx, ids: Ids, entry: NewAuditEntry): Promise<void> {
  await tx.$executeRaw`
    INSERT INTO audit_entry (id, project_id, user_id, action, details)
    VALUES (${ids.uuid()}::uuid, ${entry.projectId}::uuid, ${entry.userId}::uuid, ${entry.action},
      ${JSON.stringify(entry.details)}::jsonb)`;
}
