import type { Config } from '../../config.js';
import type { Clock } from '../../kernel/clock.js';
import type { Ids } from '../../kernel/ids.js';
import type { Auth } from '../../platform/auth/auth.js';
import type { CursorCodec } from '../../platform/cursor.js';
import type { Database } from '../../platform/db/database.js';
import type { Throttle } from '../../platform/throttle.js';
import { type OpenAuthenticator, openAuthenticator } from './service/authenticator.js';
import { AccountService } from './service/accounts.js';
import { ApiKeyService } from './service/api-keys.js';
import { AuditService } from './service/audit.js';
import { InvitationService } from './service/invitations.js';
import { MemberService } from './service/members.js';
import { ErasureService, type RemovePrompts } from './service/erasure.js';
import { ProjectService } from './service/projects.js';
import { SessionService } from './service/sessions.js';
import { SignInService } from './service/sign-in.js';

/** What the room of accounts is given. */
export interface AccountsDeps {
  db: Database;
  clock: Clock;
  ids: Ids;
  auth: Auth;
  cursors: CursorCodec;
  throttle: Pick<Throttle, 'attempt' | 'countSignup'>;
  /** Removes prompts one by one, or silently with their project. */
  removal: { removePrompts: RemovePrompts; removePromptsSilently: RemovePrompts };
  config: Pick<Config['auth'], 'sessionMaxMs' | 'isSignupOpen'>;
}

/** The room of accounts: its services, and the authenticator that the door asks. */
export interface Accounts {
  authenticator: OpenAuthenticator;
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

/** Builds the room. Cost: one LISTEN; the authenticator is to be closed before the database. */
export async function createAccounts(deps: AccountsDeps): Promise<Accounts> {
  const { db, clock, ids, auth, cursors, throttle, removal, config } = deps;
  const { tokens, passwords, callers } = auth;
  const sessions = new SessionService({ db, clock, ids, tokens, config });
  const signIn = new SignInService({ db, clock, ids, tokens, passwords, callers, throttle, sessions, config });
  const authenticator = await openAuthenticator({ db, clock, auth });
  const onMembershipsChanged = (): void => authenticator.forget();
  const erasure = new ErasureService({ db, ids, ...removal, onMembershipsChanged });
  return {
    authenticator,
    signIn,
    sessions,
    accounts: new AccountService({ db, clock, tokens, passwords, signIn, sessions, erasure }),
    apiKeys: new ApiKeyService({ db, clock, ids, keys: auth.apiKeys }),
    projects: new ProjectService({ db, clock, ids, onMembershipsChanged }),
    members: new MemberService({ db, clock, ids, onMembershipsChanged }),
    invitations: new InvitationService({
      db,
      clock,
      ids,
      tokens: auth.invitations,
      callers,
      throttle,
      onMembershipsChanged,
    }),
    audit: new AuditService({ db, cursors }),
    erasure,
  };
}
