import { keyScopes, type Role } from '../../kernel/access.js';
import type {
  ApiKeyView,
  AuditEntryView,
  InvitationView,
  MemberView,
  PersonView,
  ProjectView,
  UserView,
} from './schema.js';

/** An account's row, as far as its owner sees it. */
export interface UserRow {
  id: string;
  username: string;
  email: string | null;
  isAdministrator: boolean;
  createdAt: Date;
}

/** A project's row with a member's role. */
export interface ProjectRow {
  id: string;
  name: string;
  isPersonal: boolean;
  role: Role;
  createdAt: Date;
}

/** An API key's row without its hash. */
export interface ApiKeyRow {
  id: string;
  projectId: string;
  userId: string;
  name: string;
  prefix: string;
  scopes: string[];
  expiresAt: Date | null;
  lastUsedAt: Date | null;
  createdAt: Date;
}

/** A member's row. */
export interface MemberRow {
  userId: string;
  username: string;
  role: Role;
  createdAt: Date;
}

/** An invitation's row without its hash, with what its maker is now. */
export interface InvitationRow {
  id: string;
  userId: string;
  username: string;
  makerRole: Role;
  isMakerDisabled: boolean;
  role: Role;
  prefix: string;
  maxUses: number;
  acceptedBy: string[];
  expiresAt: Date;
  createdAt: Date;
}

/** An entry of the audit ledger. */
export interface AuditRow {
  id: string;
  userId: string | null;
  action: string;
  details: AuditEntryView['details'];
  createdAt: Date;
}

/** The scopes of a key's row; a name that this program does not know gives no leave. */
export const knownScopes = (scopes: readonly string[]): ApiKeyView['scopes'] =>
  keyScopes.filter((scope) => scopes.includes(scope));

/** The view of an account. */
export const userView = ({ id, username, email, isAdministrator, createdAt }: UserRow): UserView => ({
  id,
  username,
  email,
  isAdministrator,
  createdAt: createdAt.toISOString(),
});

/** The view of a project. */
export const projectView = ({ id, name, isPersonal, role, createdAt }: ProjectRow): ProjectView => ({
  id,
  name,
  isPersonal,
  role,
  createdAt: createdAt.toISOString(),
});

/** The view of an API key. */
export const apiKeyView = (row: ApiKeyRow): ApiKeyView => ({
  id: row.id,
  projectId: row.projectId,
  userId: row.userId,
  name: row.name,
  prefix: row.prefix,
  scopes: knownScopes(row.scopes),
  expiresAt: row.expiresAt?.toISOString() ?? null,
  lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
  createdAt: row.createdAt.toISOString(),
});

/** The view of a member. */
export const memberView = ({ userId, username, role, createdAt }: MemberRow): MemberView => ({
  userId,
  username,
  role,
  joinedAt: createdAt.toISOString(),
});

/** The view of an invitation. */
export const invitationView = (row: InvitationRow, projectId: string): InvitationView => ({
  id: row.id,
  projectId,
  role: row.role,
  prefix: row.prefix,
  createdBy: { userId: row.userId, username: row.username },
  maxUses: row.maxUses,
  uses: row.acceptedBy.length,
  expiresAt: row.expiresAt.toISOString(),
  createdAt: row.createdAt.toISOString(),
});

/** Whom an entry names: who did it and to whom. */
export const namedBy = ({ userId, details }: AuditRow): { actor: string | null; subject: string | null } => ({
  actor: userId,
  subject: typeof details['userId'] === 'string' ? details['userId'] : null,
});

/** The view of an entry; names are those of today, so that the ledger itself holds none. */
export function auditEntryView(row: AuditRow, usernames: ReadonlyMap<string, string>): AuditEntryView {
  const person = (userId: string | null): PersonView | null =>
    userId === null ? null : { userId, username: usernames.get(userId) ?? null };
  const { actor, subject } = namedBy(row);
  return {
    id: row.id,
    action: row.action,
    actor: person(actor),
    subject: person(subject),
    details: row.details,
    createdAt: row.createdAt.toISOString(),
  };
}
