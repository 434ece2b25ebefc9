import {
  administratorProcedure,
  projectProcedure,
  publicProcedure,
  router,
  sessionProcedure,
  userProcedure,
} from '../../rpc/procedures.js';
import {
  AcceptInvitationInput,
  AddMemberInput,
  ApiKeyListView,
  AuditPageView,
  ChangePasswordInput,
  CreateApiKeyInput,
  CreateInvitationInput,
  CreateProjectInput,
  DeleteAccountInput,
  DoneView,
  InstallationAuditInput,
  InvitationListView,
  EraseProjectInput,
  ErasedProjectView,
  ListApiKeysInput,
  ListAuditInput,
  LoginInput,
  MaybeProjectInput,
  MemberInput,
  MemberListView,
  MemberView,
  MeView,
  NewApiKeyView,
  NewInvitationView,
  ProjectInput,
  ProjectListView,
  ProjectView,
  RefreshInput,
  RefreshView,
  RevokeApiKeyInput,
  RevokeInvitationInput,
  SessionView,
  SetRoleInput,
  SignupInput,
} from './schema.js';
import type { AccountService } from './service/accounts.js';
import type { ApiKeyService } from './service/api-keys.js';
import type { AuditService } from './service/audit.js';
import type { InvitationService } from './service/invitations.js';
import type { MemberService } from './service/members.js';
import type { ErasureService } from './service/erasure.js';
import type { ProjectService } from './service/projects.js';
import type { SessionService } from './service/sessions.js';
import type { SignInService } from './service/sign-in.js';

/** The services behind the account procedures. */
export interface AccountServices {
  signIn: SignInService;
  sessions: SessionService;
  accounts: AccountService;
  apiKeys: ApiKeyService;
  projects: ProjectService;
  members: MemberService;
  invitations: InvitationService;
  audit: AuditService;
  erasure: ErasureService;
}

const done = { isDone: true } as const;

/** `auth.*`: accounts and sessions. */
export function createAuthRouter({
  signIn,
  sessions,
  accounts,
}: Pick<AccountServices, 'signIn' | 'sessions' | 'accounts'>) {
  return router({
    signup: publicProcedure
      .input(SignupInput)
      .output(SessionView)
      .mutation(({ ctx, input }) => signIn.signup(input, ctx.address)),
    login: publicProcedure
      .input(LoginInput)
      .output(SessionView)
      .mutation(({ ctx, input }) => signIn.login(input, ctx.address)),
    refresh: publicProcedure
      .input(RefreshInput)
      .output(RefreshView)
      .mutation(async ({ input }) => ({ tokens: await sessions.refresh(input.refreshToken) })),
    logout: publicProcedure
      .input(RefreshInput)
      .output(DoneView)
      .mutation(async ({ input }) => {
        await sessions.logout(input.refreshToken);
        return done;
      }),
    me: userProcedure.output(MeView).query(({ ctx }) => accounts.me(ctx.principal)),
    changePassword: sessionProcedure
      .input(ChangePasswordInput)
      .output(RefreshView)
      .mutation(async ({ ctx, input }) => ({
        tokens: await accounts.changePassword(ctx.principal, input, ctx.address),
      })),
    deleteAccount: sessionProcedure
      .input(DeleteAccountInput)
      .output(DoneView)
      .mutation(async ({ ctx, input }) => {
        await accounts.deleteAccount(ctx.principal, input, ctx.address);
        return done;
      }),
  });
}

/** `apiKeys.*`: the keys of one project. */
export function createApiKeyRouter(apiKeys: ApiKeyService) {
  return router({
    create: projectProcedure('keys:manage')
      .input(CreateApiKeyInput)
      .output(NewApiKeyView)
      .mutation(({ ctx, input }) => apiKeys.create(ctx.access, input)),
    list: projectProcedure('keys:manage')
      .input(ListApiKeysInput)
      .output(ApiKeyListView)
      .query(async ({ ctx }) => ({ items: await apiKeys.list(ctx.access) })),
    revoke: projectProcedure('keys:manage')
      .input(RevokeApiKeyInput)
      .output(DoneView)
      .mutation(async ({ ctx, input }) => {
        await apiKeys.revoke(ctx.access, input.id);
        return done;
      }),
  });
}

/** `projects.members.*`: who is in a project. */
const createMemberRouter = (members: MemberService) =>
  router({
    list: projectProcedure('members:read')
      .input(MaybeProjectInput)
      .output(MemberListView)
      .query(async ({ ctx }) => ({ items: await members.list(ctx.access) })),
    add: projectProcedure('members:manage')
      .input(AddMemberInput)
      .output(MemberView)
      .mutation(({ ctx, input }) => members.add(ctx.access, input)),
    remove: projectProcedure('members:manage')
      .input(MemberInput)
      .output(DoneView)
      .mutation(async ({ ctx, input }) => {
        await members.remove(ctx.access, input.userId);
        return done;
      }),
    setRole: projectProcedure('members:manage')
      .input(SetRoleInput)
      .output(MemberView)
      .mutation(({ ctx, input }) => members.setRole(ctx.access, input)),
    leave: projectProcedure('members:read')
      .input(ProjectInput)
      .output(DoneView)
      .mutation(async ({ ctx }) => {
        await members.leave(ctx.access);
        return done;
      }),
  });

/** `projects.invitations.*`: links that let people in. */
const createInvitationRouter = (invitations: InvitationService) =>
  router({
    create: projectProcedure('members:manage')
      .input(CreateInvitationInput)
      .output(NewInvitationView)
      .mutation(({ ctx, input }) => invitations.create(ctx.access, input)),
    list: projectProcedure('members:manage')
      .input(ProjectInput)
      .output(InvitationListView)
      .query(async ({ ctx }) => ({ items: await invitations.list(ctx.access) })),
    revoke: projectProcedure('members:manage')
      .input(RevokeInvitationInput)
      .output(DoneView)
      .mutation(async ({ ctx, input }) => {
        await invitations.revoke(ctx.access, input.id);
        return done;
      }),
    accept: sessionProcedure
      .input(AcceptInvitationInput)
      .output(ProjectView)
      .mutation(({ ctx, input }) => invitations.accept(ctx.principal, input.token, ctx.address)),
  });

/** `projects.*`: what people work in, alone or together. */
export function createProjectRouter({
  projects,
  members,
  invitations,
}: Pick<AccountServices, 'projects' | 'members' | 'invitations'>) {
  return router({
    list: userProcedure.output(ProjectListView).query(async ({ ctx }) => ({
      items: await projects.list(ctx.principal),
      isAdministrator: ctx.principal.isAdministrator,
    })),
    create: sessionProcedure
      .input(CreateProjectInput)
      .output(ProjectView)
      .mutation(({ ctx, input }) => projects.create(ctx.principal, input.name)),
    transfer: projectProcedure('project:own')
      .input(MemberInput)
      .output(MemberView)
      .mutation(({ ctx, input }) => members.transfer(ctx.access, input.userId)),
    members: createMemberRouter(members),
    invitations: createInvitationRouter(invitations),
  });
}

/** `audit.*`: who changed members, keys, spaces and retention. */
export function createAuditRouter(audit: AuditService) {
  return router({
    list: projectProcedure('audit:read')
      .input(ListAuditInput.prefault({}))
      .output(AuditPageView)
      .query(({ ctx, input }) => audit.list(ctx.access, input)),
    installation: administratorProcedure
      .input(InstallationAuditInput.prefault({}))
      .output(AuditPageView)
      .query(({ input }) => audit.installation(input)),
  });
}

/** `projects.erase`: the end of a project. */
export function createErasureRouter(erasure: ErasureService) {
  return router({
    erase: projectProcedure('project:own')
      .input(EraseProjectInput)
      .output(ErasedProjectView)
      .mutation(({ ctx, input }) =>
        erasure.eraseProject(ctx.access.projectId, { userId: ctx.access.userId, confirm: input.confirm }),
      ),
  });
}
