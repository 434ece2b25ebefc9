import { projectProcedure, publicProcedure, router, sessionProcedure, userProcedure } from '../../rpc/procedures.js';
import {
  ApiKeyListView,
  ChangePasswordInput,
  CreateApiKeyInput,
  CreateProjectInput,
  DeleteAccountInput,
  DoneView,
  EraseProjectInput,
  ErasedProjectView,
  ListApiKeysInput,
  LoginInput,
  MeView,
  NewApiKeyView,
  ProjectListView,
  ProjectView,
  RefreshInput,
  RefreshView,
  RevokeApiKeyInput,
  SessionView,
  SignupInput,
} from './schema.js';
import type { AccountService } from './service/accounts.js';
import type { ApiKeyService } from './service/api-keys.js';
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

/** `projects.*`: what a person works in. */
export function createProjectRouter(projects: ProjectService) {
  return router({
    list: userProcedure
      .output(ProjectListView)
      .query(async ({ ctx }) => ({ items: await projects.list(ctx.principal) })),
    create: sessionProcedure
      .input(CreateProjectInput)
      .output(ProjectView)
      .mutation(({ ctx, input }) => projects.create(ctx.principal, input.name)),
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
