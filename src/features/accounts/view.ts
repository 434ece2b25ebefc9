import { keyScopes, type Role } from '../../kernel/access.js';
import type { ApiKeyView, ProjectView, UserView } from './schema.js';

/** An account's row, as far as its owner sees it. */
export interface UserRow {
  id: string;
  username: string;
  email: string | null;
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

/** The scopes of a key's row; a name that this program does not know gives no leave. */
export const knownScopes = (scopes: readonly string[]): ApiKeyView['scopes'] =>
  keyScopes.filter((scope) => scopes.includes(scope));

/** The view of an account. */
export const userView = ({ id, username, email, createdAt }: UserRow): UserView => ({
  id,
  username,
  email,
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
