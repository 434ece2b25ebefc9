import type { Config } from '../../../config.js';
import type { Clock } from '../../../kernel/clock.js';
import { Fault } from '../../../kernel/fault.js';
import type { Ids } from '../../../kernel/ids.js';
import type { Callers } from '../../../platform/auth/callers.js';
import type { Passwords } from '../../../platform/auth/passwords.js';
import type { TokenGrant, Tokens } from '../../../platform/auth/tokens.js';
import type { Database, Tx } from '../../../platform/db/database.js';
import type { AttemptSubject, Throttle } from '../../../platform/throttle.js';
import type { LoginInput, SessionView, SignupInput } from '../schema.js';
import { AccountStore, type NewUser } from '../store/accounts.js';
import { AccountLookups, type CredentialsRow } from '../store/lookups.js';
import { projectView, userView } from '../view.js';
import type { SessionService } from './sessions.js';

/** What signing up and in needs. */
export interface SignInDeps {
  db: Database;
  clock: Clock;
  ids: Ids;
  tokens: Tokens;
  passwords: Passwords;
  throttle: Pick<Throttle, 'attempt' | 'countSignup'>;
  sessions: SessionService;
  callers: Callers;
  config: Pick<Config['auth'], 'isSignupOpen'>;
}

/** An address not seen for this long is a stranger's again: leases of home lines turn over within weeks. */
const knownAddressMs = 90 * 86_400_000;

/** Accounts come into being, and people prove who they are. */
export class SignInService {
  readonly #deps: SignInDeps;
  readonly #lookups: AccountLookups;

  constructor(deps: SignInDeps) {
    this.#deps = deps;
    this.#lookups = new AccountLookups(deps.db);
  }

  /**
   * A new account with its personal project, signed in.
   *
   * Faults: `forbidden` while sign-up is closed (never for the first account), `invalid` naming `password`, `conflict`
   * naming `username`, `rateLimited` after too many accounts of the address, or taken names.
   */
  async signup(input: SignupInput, address: string): Promise<SessionView> {
    const { passwords, throttle } = this.#deps;
    if (!this.#deps.config.isSignupOpen && (await this.#lookups.hasUsers())) throw signupClosed();
    await passwords.refuseWeak(input.password, { field: 'password', username: input.username });
    const subject = { bucket: 'signup', ...this.#caller(input.username, address), isKnownAddress: false } as const;
    return throttle.attempt(subject, async () => {
      await throttle.countSignup(subject.address);
      return this.#createAccount(input, subject.address, await passwords.hash(input.password));
    });
  }

  /**
   * Signs a person in.
   *
   * Shape: an unknown name and a wrong password are told apart neither by words nor by the work done.
   * Faults: `unauthenticated`, `rateLimited`, `overloaded`.
   */
  async login(input: LoginInput, address: string): Promise<SessionView> {
    const usernameKey = usernameKeyOf(input.username);
    const caller = this.#caller(usernameKey, address);
    const account = await this.#lookups.byUsernameKey(usernameKey, caller.address);
    const subject = { bucket: 'login', ...caller, isKnownAddress: account?.isKnownAddress ?? false } as const;
    return this.#deps.throttle.attempt(subject, async () => {
      const isRight = await this.#deps.passwords.verify(account?.passwordHash ?? null, input.password);
      if (account === null || !isRight)
        throw new Fault('unauthenticated', 'Wrong username or password.', { reason: 'wrongCredentials' });
      if (account.isDisabled) throw new Fault('unauthenticated', 'This account is disabled.', { reason: 'disabled' });
      return this.#signIn(account, caller.address);
    });
  }

  /**
   * The account of a signed-in person who proves again to know the password.
   *
   * Faults: `unauthenticated` with reason `wrongPassword`; counted like a failed log-in from a known address.
   */
  async confirmPassword(userId: string, password: string, address: string): Promise<CredentialsRow> {
    const account = await this.#lookups.byId(userId, this.#deps.callers.address(address));
    if (account === null) throw new Fault('unauthenticated', 'This account is gone.', { reason: 'revoked' });
    const subject = { bucket: 'login', ...this.#caller(account.username, address), isKnownAddress: true } as const;
    return this.#deps.throttle.attempt(subject, async () => {
      if (await this.#deps.passwords.verify(account.passwordHash, password)) return account;
      throw new Fault('unauthenticated', 'The password is wrong.', { reason: 'wrongPassword' });
    });
  }

  async #createAccount(input: SignupInput, addressHash: string, passwordHash: string): Promise<SessionView> {
    const { db, clock, ids, tokens } = this.#deps;
    const { username } = input;
    const createdAt = new Date(clock.nowMs());
    const user = {
      id: ids.uuid(),
      username,
      usernameKey: usernameKeyOf(username),
      email: input.email ?? null,
      passwordHash,
      createdAt,
    };
    const project = { id: ids.uuid(), name: username, isPersonal: true, createdAt };
    const { isAdministrator, grant } = await db.transaction(async (tx) => {
      const store = new AccountStore(tx);
      const { isFirst } = await this.#insertUser(store, user);
      await store.insertProject(project, user.id);
      const opened = await this.#openSession(tx, { userId: user.id, version: 1 }, addressHash);
      return { isAdministrator: isFirst, grant: opened };
    });
    return {
      user: userView({ ...user, isAdministrator }),
      project: projectView({ ...project, role: 'owner' }),
      tokens: await tokens.issue(grant),
    };
  }

  /** The first account runs the installation; of two that sign up at once, one is first. */
  async #insertUser(store: AccountStore, user: Omit<NewUser, 'isAdministrator'>): Promise<{ isFirst: boolean }> {
    let isFirst = !(await store.hasUsers());
    if (isFirst) {
      await store.lockSignups();
      isFirst = !(await store.hasUsers());
    }
    if (!isFirst && !this.#deps.config.isSignupOpen) throw signupClosed();
    if (await store.insertUser({ ...user, isAdministrator: isFirst })) return { isFirst };
    const message = 'is taken';
    throw new Fault('conflict', `username: ${message}`, { issues: [{ path: 'username', message }] });
  }

  async #signIn(account: CredentialsRow, addressHash: string): Promise<SessionView> {
    const [project] = await this.#lookups.projects(account.id);
    if (project === undefined) throw new Error(`User ${account.id} has no project.`);
    const grant = await this.#deps.db.transaction((tx) =>
      this.#openSession(tx, { userId: account.id, version: account.sessionVersion }, addressHash),
    );
    return { user: userView(account), project: projectView(project), tokens: await this.#deps.tokens.issue(grant) };
  }

  async #openSession(tx: Tx, user: { userId: string; version: number }, addressHash: string): Promise<TokenGrant> {
    const at = new Date(this.#deps.clock.nowMs());
    const forgetBefore = new Date(at.getTime() - knownAddressMs);
    await new AccountStore(tx).rememberAddress({ userId: user.userId, addressHash, at, forgetBefore });
    return this.#deps.sessions.open(tx, user);
  }

  #caller(username: string, address: string): Pick<AttemptSubject, 'address' | 'account'> {
    const { callers } = this.#deps;
    return { address: callers.address(address), account: callers.account(usernameKeyOf(username)) };
  }
}

/** The username as compared: without regard to case. Names are ASCII, so lower case is the whole of it. */
export const usernameKeyOf = (username: string): string => username.toLowerCase();

const signupClosed = (): Fault => new Fault('forbidden', 'Sign-up is closed here.', { reason: 'signupClosed' });
