/** What a member may be in a project. */
export type Role = 'owner' | 'admin' | 'member' | 'viewer';

/** What a procedure asks for. */
export type Scope =
  | 'prompts:read'
  | 'prompts:write'
  | 'feed:read'
  | 'keys:manage'
  | 'members:manage'
  | 'retention:manage'
  | 'audit:read'
  | 'project:own';

/** The scopes that an API key can be given. Keys never manage keys. */
export const keyScopes = ['prompts:read', 'prompts:write', 'feed:read'] as const satisfies readonly Scope[];

/** What each role may do; the README's table and the auth matrix are made from it. */
export const roleScopes: Readonly<Record<Role, readonly Scope[]>> = {
  viewer: ['prompts:read', 'feed:read'],
  member: ['prompts:read', 'prompts:write', 'feed:read', 'keys:manage'],
  admin: [...keyScopes, 'keys:manage', 'members:manage', 'retention:manage', 'audit:read'],
  owner: [...keyScopes, 'keys:manage', 'members:manage', 'retention:manage', 'audit:read', 'project:own'],
};

/** Who calls: a person's session or an API key. */
export interface Principal {
  kind: 'session' | 'apiKey';
  userId: string;
  /** The log-in, for a session; null for a key. */
  sessionId: string | null;
  /** The key; null for a session. */
  apiKeyId: string | null;
  /** When the credential ends, in Unix milliseconds; null for a key that never does. */
  expiresAtMs: number | null;
  /** The project of calls that name none: the personal one, or the key's. */
  defaultProjectId: string;
  /** The projects the caller may know of, with the role there. A key knows only its own. */
  roles: ReadonlyMap<string, Role>;
  /** What the key was given; null when the role alone decides. */
  scopes: readonly Scope[] | null;
  /** Whether the user runs this installation; never true of a key. */
  isAdministrator: boolean;
}

/** A principal in one project, with leave for what the procedure does. */
export interface ProjectAccess {
  projectId: string;
  userId: string;
  role: Role;
  principal: Principal;
}

/** Whether a principal may do `scope` as `role`. */
export const mayDo = (principal: Principal, role: Role, scope: Scope): boolean =>
  roleScopes[role].includes(scope) && (principal.scopes === null || principal.scopes.includes(scope));

/** Turns credentials into principals and tells when they end. */
export interface Authenticator {
  /** Who bears `credential` (an access token or an API key). Faults: `unauthenticated` with `reason`. Cost: cached for 2 s. */
  authenticate(credential: string): Promise<Principal>;
  /**
   * Calls `onEnd` once, when the principal's credential expires, is revoked, or its user is disabled (within 5 s, from any
   * process). Answers what stops watching.
   */
  watch(principal: Principal, onEnd: () => void): () => void;
}
