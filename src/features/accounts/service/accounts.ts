import type { Principal } from '../../../kernel/access.js';
import type { Clock } from '../../../kernel/clock.js';
import { Fault, notFound } from '../../../kernel/fault.js';
import type { Passwords } from '../../../platform/auth/passwords.js';
import type { TokenPair, Tokens } from '../../../platform/auth/tokens.js';
import type { Database } from '../../../platform/db/database.js';
import type { ChangePasswordInput, DeleteAccountInput, MeView } from '../schema.js';
import { AccountStore } from '../store/accounts.js';
import { AccountLookups } from '../store/lookups.js';
import { SessionStore } from '../store/sessions.js';
import { projectView, userView } from '../view.js';
import type { ErasureService } from './erasure.js';
import type { SessionService } from './sessions.js';
import type { SignInService } from './sign-in.js';

/** What the care of accounts needs. */
export interface AccountDeps {
  db: Database;
  clock: Clock;
  tokens: Tokens;
  passwords: Passwords;
  signIn: SignInService;
  sessions: SessionService;
  erasure: Pick<ErasureService, 'eraseUser'>;
}

/** What people do with their own accounts. */
export class AccountService {
  readonly #deps: AccountDeps;
  readonly #lookups: AccountLookups;

  constructor(deps: AccountDeps) {
    this.#deps = deps;
    this.#lookups = new AccountLookups(deps.db);
  }

  /** Who asks, and the project of calls that name none: the personal one, or the API key's. */
  async me(principal: Principal): Promise<MeView> {
    const [user, projects] = await Promise.all([
      this.#lookups.byId(principal.userId, ''),
      this.#lookups.projects(principal.userId),
    ]);
    const project = projects.find(({ id }) => id === principal.defaultProjectId);
    if (user === null || project === undefined) throw notFound('user');
    return { user: userView(user), project: projectView(project) };
  }

  /**
   * Replaces the caller's password.
   *
   * Shape: every log-in and live socket of the account ends, the caller's own too; the answer is a new log-in's tokens.
   * Faults: `invalid` naming `newPassword`, `unauthenticated` with reason `wrongPassword`, `rateLimited`, `conflict`.
   */
  async changePassword(principal: Principal, input: ChangePasswordInput, address: string): Promise<TokenPair> {
    const { db, passwords, sessions, signIn, tokens } = this.#deps;
    const { username } = (await this.me(principal)).user;
    await passwords.refuseWeak(input.newPassword, { field: 'newPassword', username });
    const account = await signIn.confirmPassword(principal.userId, input.currentPassword, address);
    const passwordHash = await passwords.hash(input.newPassword);
    const grant = await db.transaction(async (tx) => {
      const version = await new AccountStore(tx).setPassword(account.id, passwordHash, account.sessionVersion);
      if (version === null) throw new Fault('conflict', 'The password was changed meanwhile.');
      await new SessionStore(tx).revokeAll(account.id, this.#now());
      return sessions.open(tx, { userId: account.id, version });
    });
    return tokens.issue(grant);
  }

  /**
   * Erases the caller's account with the personal project and all that is in it, and the caller's prompts elsewhere unless
   * `erasePrompts` is false; see `ErasureService.eraseUser`.
   *
   * Faults: `unauthenticated` with reason `wrongPassword`, `rateLimited`, `precondition` while a shared project has no
   * other owner.
   */
  async deleteAccount(principal: Principal, input: DeleteAccountInput, address: string): Promise<void> {
    const account = await this.#deps.signIn.confirmPassword(principal.userId, input.password, address);
    await this.#deps.erasure.eraseUser(account.id, { by: account.id, erasePrompts: input.erasePrompts });
  }

  #now(): Date {
    return new Date(this.#deps.clock.nowMs());
  }
}
