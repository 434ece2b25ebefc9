import type { Role } from '../../../kernel/access.js';
import type { Tx } from '../../../platform/db/database.js';
import type { InvitationRow } from '../view.js';

/** A new invitation's row. */
export interface NewInvitationRow {
  id: string;
  userId: string;
  role: Role;
  prefix: string;
  tokenHash: string;
  maxUses: number;
  expiresAt: Date;
  createdAt: Date;
}

/** The project that an invitation leads to; null for a hash that is none's. Asked before its project is locked. */
export async function invitedTo(tx: Tx, tokenHash: string): Promise<string | null> {
  const row = await tx.invitation.findUnique({ where: { tokenHash }, select: { projectId: true } });
  return row?.projectId ?? null;
}

const shown = {
  id: true,
  userId: true,
  role: true,
  prefix: true,
  maxUses: true,
  acceptedBy: true,
  expiresAt: true,
  createdAt: true,
  membership: { select: { role: true, user: { select: { username: true, disabledAt: true } } } },
} as const;

interface FoundRow extends Omit<InvitationRow, 'username' | 'makerRole' | 'isMakerDisabled'> {
  membership: { role: Role; user: { username: string; disabledAt: Date | null } };
}

const flat = ({ membership: { role, user }, ...row }: FoundRow): InvitationRow => ({
  ...row,
  username: user.username,
  makerRole: role,
  isMakerDisabled: user.disabledAt !== null,
});

/** The invitations of one project, inside one transaction that holds its members still (`MemberStore.lock`). */
export class InvitationStore {
  readonly #tx: Tx;
  readonly #projectId: string;

  constructor(tx: Tx, projectId: string) {
    this.#tx = tx;
    this.#projectId = projectId;
  }

  /** Adds an invitation, and drops those that are past their end or used up. */
  async insert(row: NewInvitationRow): Promise<InvitationRow> {
    await this.#tx.$executeRaw`
      DELETE FROM invitation WHERE project_id = ${this.#projectId}::uuid
        AND (expires_at <= ${row.createdAt.toISOString()}::timestamptz OR cardinality(accepted_by) >= max_uses)`;
    return flat(await this.#tx.invitation.create({ data: { ...row, projectId: this.#projectId }, select: shown }));
  }

  /** All that are kept, newest first; ids ascend with time. */
  async list(): Promise<InvitationRow[]> {
    const where = { projectId: this.#projectId };
    return (await this.#tx.invitation.findMany({ where, select: shown, orderBy: { id: 'desc' } })).map(flat);
  }

  /** The invitation of a token's hash. */
  async byHash(tokenHash: string): Promise<InvitationRow | null> {
    const row = await this.#tx.invitation.findFirst({
      where: { tokenHash, projectId: this.#projectId },
      select: shown,
    });
    return row === null ? null : flat(row);
  }

  /** Takes a place for a user. */
  async take(id: string, userId: string): Promise<void> {
    await this.#tx.invitation.updateMany({
      where: { id, projectId: this.#projectId },
      data: { acceptedBy: { push: userId } },
    });
  }

  /** Ends an invitation; false when there is none such. */
  async delete(id: string): Promise<boolean> {
    const { count } = await this.#tx.invitation.deleteMany({ where: { id, projectId: this.#projectId } });
    return count === 1;
  }
}
