import { z } from 'zod';
import { keyScopes } from '../../kernel/access.js';
import { auditActions } from '../../kernel/audit-actions.js';
import { instantHint, isInstant } from '../../kernel/instant.js';

/** Source: issue 2 section 3. Unique without regard to case. */
const Username = z.string().regex(/^[A-Za-z0-9_.@+-]{3,64}$/, 'must be 3 to 64 characters of A-Z a-z 0-9 _ . @ + -');

/** Any password worth checking: what is longer was never accepted as one. The least length is for new ones alone. */
const Password = z.string().refine((text) => text.length <= 512 && Array.from(text).length <= 256, {
  message: 'must have at most 256 characters',
});

const Token = z.string().min(1).max(4_096);
const Name = z
  .string()
  .trim()
  .min(1, 'must not be blank')
  .max(100)
  .regex(/^\P{Cc}*$/u, 'must be one line of text');
const Id = z.uuid();

/** Input of `auth.signup`. */
export const SignupInput = z.strictObject({
  username: Username,
  /** Source of the length: RFC 5321 section 4.5.3.1.3 (256 octets of path, two of them brackets). */
  email: z.email().max(254).exactOptional(),
  password: Password,
});
/** Input of `auth.signup`. */
export type SignupInput = z.infer<typeof SignupInput>;

/** Input of `auth.login`. A name that nobody can have is answered like any unknown one. */
export const LoginInput = z.strictObject({ username: z.string().min(1).max(64), password: Password });
/** Input of `auth.login`. */
export type LoginInput = z.infer<typeof LoginInput>;

/** Input of `auth.refresh` and `auth.logout`. */
export const RefreshInput = z.strictObject({ refreshToken: Token });

/** Input of `auth.changePassword`. */
export const ChangePasswordInput = z.strictObject({ currentPassword: Password, newPassword: Password });
/** Input of `auth.changePassword`. */
export type ChangePasswordInput = z.infer<typeof ChangePasswordInput>;

/** Input of `auth.deleteAccount`; the caller's prompts in projects of others go too, unless that is refused. */
export const DeleteAccountInput = z.strictObject({ password: Password, erasePrompts: z.boolean().default(true) });
/** Input of `auth.deleteAccount`. */
export type DeleteAccountInput = z.infer<typeof DeleteAccountInput>;

/** Input of `projects.erase`; `confirm` is the project's name. */
export const EraseProjectInput = z.strictObject({ projectId: Id, confirm: z.string().min(1).max(200) });

/** What was erased with a project. */
export const ErasedProjectView = z.strictObject({
  id: z.string(),
  isGone: z.boolean(),
  prompts: z.int(),
  responses: z.int(),
  vectors: z.int(),
  events: z.int(),
  apiKeys: z.int(),
});

/** Input of `apiKeys.create`; the key is bound to the project. */
export const CreateApiKeyInput = z.strictObject({
  projectId: Id.exactOptional(),
  name: Name,
  scopes: z
    .array(z.enum(keyScopes))
    .min(1)
    .max(keyScopes.length)
    .refine((scopes) => new Set(scopes).size === scopes.length, { message: 'must not repeat a scope' }),
  expiresAt: z.iso.datetime({ offset: true }).refine(isInstant, instantHint).exactOptional(),
});
/** Input of `apiKeys.create`. */
export type CreateApiKeyInput = z.infer<typeof CreateApiKeyInput>;

/** Input of `apiKeys.list`. */
export const ListApiKeysInput = z.strictObject({ projectId: Id.exactOptional() }).default({});

/** Input of `apiKeys.revoke`. */
export const RevokeApiKeyInput = z.strictObject({ projectId: Id.exactOptional(), id: Id });

/** Input of `projects.create`. */
export const CreateProjectInput = z.strictObject({ name: Name });

const RoleName = z.enum(['owner', 'admin', 'member', 'viewer']);

/** Input of `projects.members.list` and of what else asks only for a project. */
export const MaybeProjectInput = z.strictObject({ projectId: Id.exactOptional() }).default({});

/** Input of `projects.members.leave` and `projects.invitations.list`. */
export const ProjectInput = z.strictObject({ projectId: Id });

/** Input of `projects.members.add`. */
export const AddMemberInput = z.strictObject({ projectId: Id, username: LoginInput.shape.username, role: RoleName });
/** Input of `projects.members.add`. */
export type AddMemberInput = z.infer<typeof AddMemberInput>;

/** Input of `projects.members.remove` and `projects.transfer`. */
export const MemberInput = z.strictObject({ projectId: Id, userId: Id });

/** Input of `projects.members.setRole`. */
export const SetRoleInput = z.strictObject({ projectId: Id, userId: Id, role: RoleName });
/** Input of `projects.members.setRole`. */
export type SetRoleInput = z.infer<typeof SetRoleInput>;

/** Input of `projects.invitations.create`. Source of the bounds: issue 3 section 4; one use, for a week, unless asked for more. */
export const CreateInvitationInput = z.strictObject({
  projectId: Id,
  role: RoleName,
  expiresInDays: z.int().min(1).max(30).default(7),
  maxUses: z.int().min(1).max(100).default(1),
});
/** Input of `projects.invitations.create`. */
export type CreateInvitationInput = z.infer<typeof CreateInvitationInput>;

/** Input of `projects.invitations.revoke`. */
export const RevokeInvitationInput = z.strictObject({ projectId: Id, id: Id });

/** Input of `projects.invitations.accept`. */
export const AcceptInvitationInput = z.strictObject({ token: z.string().min(1).max(256) });

const auditPage = {
  cursor: z.string().min(1).max(1_024).exactOptional(),
  limit: z.int().min(1).max(100).default(20),
  action: z.enum(auditActions).exactOptional(),
};

/** Input of `audit.list`. */
export const ListAuditInput = z.strictObject({ projectId: Id.exactOptional(), ...auditPage });

/** Input of `audit.installation`. */
export const InstallationAuditInput = z.strictObject(auditPage);
/** What is asked for of a ledger. */
export type AuditPageInput = z.infer<typeof InstallationAuditInput>;

/** An account as its owner sees it. */
export const UserView = z.strictObject({
  id: z.string(),
  username: z.string(),
  email: z.string().nullable(),
  /** Whether the account runs the installation. */
  isAdministrator: z.boolean(),
  createdAt: z.string(),
});
/** An account as its owner sees it. */
export type UserView = z.infer<typeof UserView>;

/** A project, with the caller's role in it. */
export const ProjectView = z.strictObject({
  id: z.string(),
  name: z.string(),
  isPersonal: z.boolean(),
  role: RoleName,
  createdAt: z.string(),
});
/** A project, with the caller's role in it. */
export type ProjectView = z.infer<typeof ProjectView>;

/** Who is signed in, and the project of calls that name none. */
export const MeView = z.strictObject({ user: UserView, project: ProjectView });
/** Who is signed in, and the project of calls that name none. */
export type MeView = z.infer<typeof MeView>;

/** A pair of tokens. */
export const TokensView = z.strictObject({
  accessToken: z.string(),
  refreshToken: z.string(),
  accessTokenExpiresAt: z.string(),
  refreshTokenExpiresAt: z.string(),
});

/** What sign-up, log-in and a password change answer. */
export const SessionView = z.strictObject({ user: UserView, project: ProjectView, tokens: TokensView });
/** What sign-up, log-in and a password change answer. */
export type SessionView = z.infer<typeof SessionView>;

/** What `auth.refresh` and `auth.changePassword` answer. */
export const RefreshView = z.strictObject({ tokens: TokensView });
/** What `auth.refresh` and `auth.changePassword` answer. */
export type RefreshView = z.infer<typeof RefreshView>;

/** An API key as lists show it. */
export const ApiKeyView = z.strictObject({
  id: z.string(),
  projectId: z.string(),
  userId: z.string(),
  name: z.string(),
  prefix: z.string(),
  scopes: z.array(z.enum(keyScopes)),
  expiresAt: z.string().nullable(),
  lastUsedAt: z.string().nullable(),
  createdAt: z.string(),
});
/** An API key as lists show it. */
export type ApiKeyView = z.infer<typeof ApiKeyView>;

/** A new API key, with the key itself: shown this once. */
export const NewApiKeyView = z.strictObject({ ...ApiKeyView.shape, key: z.string() });
/** A new API key, with the key itself: shown this once. */
export type NewApiKeyView = z.infer<typeof NewApiKeyView>;

/** The answer of what has nothing to say but that it is done. */
export const DoneView = z.strictObject({ isDone: z.literal(true) });

/** All of a short list. */
export const ApiKeyListView = z.strictObject({ items: z.array(ApiKeyView) });
/** All of a short list, and whether the caller runs the installation. */
export const ProjectListView = z.strictObject({ items: z.array(ProjectView), isAdministrator: z.boolean() });

/** A member as every other member sees them: no address, nothing of what they do elsewhere. */
export const MemberView = z.strictObject({
  userId: z.string(),
  username: z.string(),
  role: RoleName,
  joinedAt: z.string(),
});
/** A member as every other member sees them. */
export type MemberView = z.infer<typeof MemberView>;

/** Everybody in a project: at most 1 000. */
export const MemberListView = z.strictObject({ items: z.array(MemberView) });

/** Somebody who did something, or to whom it was done; no name once the account is gone. */
export const PersonView = z.strictObject({ userId: z.string(), username: z.string().nullable() });
/** Somebody, by id and name. */
export type PersonView = z.infer<typeof PersonView>;

/** An open invitation as lists show it. */
export const InvitationView = z.strictObject({
  id: z.string(),
  projectId: z.string(),
  role: RoleName,
  prefix: z.string(),
  createdBy: PersonView,
  maxUses: z.int(),
  uses: z.int(),
  expiresAt: z.string(),
  createdAt: z.string(),
});
/** An open invitation as lists show it. */
export type InvitationView = z.infer<typeof InvitationView>;

/** All open invitations of a project: at most 100. */
export const InvitationListView = z.strictObject({ items: z.array(InvitationView) });

/**
 * A new invitation, with its token: shown this once. `link` is the path of the page that lets people in, on whatever
 * address this service is reached by.
 */
export const NewInvitationView = z.strictObject({ ...InvitationView.shape, token: z.string(), link: z.string() });
/** A new invitation with its token. */
export type NewInvitationView = z.infer<typeof NewInvitationView>;

/** One entry of the audit ledger. */
export const AuditEntryView = z.strictObject({
  id: z.string(),
  action: z.string(),
  /** Who did it; null for the service itself and for operators at the command line. */
  actor: PersonView.nullable(),
  /** To whom it was done, where it was done to somebody. */
  subject: PersonView.nullable(),
  details: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  createdAt: z.string(),
});
/** One entry of the audit ledger. */
export type AuditEntryView = z.infer<typeof AuditEntryView>;

/** A page of the ledger, newest first; `nextCursor` is null on the last. */
export const AuditPageView = z.strictObject({ items: z.array(AuditEntryView), nextCursor: z.string().nullable() });
/** A page of the ledger. */
export type AuditPageView = z.infer<typeof AuditPageView>;
