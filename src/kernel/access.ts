import { Fault, notFound } from './fault.js';

/** What a member may be in a project. */
export type Role = 'owner' | 'admin' | 'member' | 'viewer';

/** What a procedure asks for. */
export type Scope =
  | 'prompts:read'
  | 'prompts:write'
  | 'feed:read'
  | 'keys:manage'
  | 'members:read'
  | 'members:manage'
  | 'retention:manage'
  | 'audit:read'
  | 'project:own';

/** The scopes that an API key can be given. Keys never manage keys, and never tell who is there. */
export const keyScopes = ['prompts:read', 'prompts:write', 'feed:read'] as const satisfies readonly Scope[];

/** What each role may do; the README's table and the auth matrix are made from it. */
export const roleScopes: Readonly<Record<Role, readonly Scope[]>> = {
  viewer: ['prompts:read', 'feed:read', 'members:read'],
  member: [...keyScopes, 'keys:manage', 'members:read'],
  admin: [...keyScopes, 'keys:manage', 'members:read', 'members:manage', 'retention:manage', 'audit:read'],
  owner: [
    ...keyScopes,
    'keys:manage',
    'members:read',
    'members:manage',
    'retention:manage',
    'audit:read',
    'project:own',
  ],
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
  /** What the leave is for. */
  scope: Scope;
  principal: Principal;
}

/** Whether a principal may do `scope` as `role`. */
export const mayDo = (principal: Principal, role: Role, scope: Scope): boolean =>
  roleScopes[role].includes(scope) && (principal.scopes === null || principal.scopes.includes(scope));

/**
 * What keeps a principal from `scope` in a project where it has `role`, or none; null when nothing does.
 *
 * Shape: `notFound` without a role, as if there were no such project, `forbidden` naming the scope without leave.
 */
export function refusalOf(principal: Principal, role: Role | undefined, scope: Scope): Fault | null {
  if (role === undefined) return notFound('project');
  if (mayDo(principal, role, scope)) return null;
  return new Fault('forbidden', `This needs the scope ${scope} in the project.`, { scope });
}

/** Turns credentials into principals and tells when they end. */
export interface Authenticator {
  /** Who bears `credential` (an access token or an API key). Faults: `unauthenticated` with `reason`. Cost: cached for 2 s. */
  authenticate(credential: string): Promise<Principal>;
  /**
   * Calls `onEnd` once, when the principal's credential expires, is revoked, or its user is disabled (within 5 s, from any
   * process). Answers what stops watching.
   */
  watch(principal: Principal, onEnd: () => void): () => void;
  /**
   * Calls `onEnd` once, with what a new call would meet, when the member is removed from the project or the role there no
   * longer gives the leave (within 5 s, from any process). The credential may live on. Answers what stops watching.
   */
  watchAccess(access: ProjectAccess, onEnd: (refusal: Fault) => void): () => void;
}
