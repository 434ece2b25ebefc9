import type { Clock } from '../../../kernel/clock.js';
import { Fault, notFound } from '../../../kernel/fault.js';
import type { Ids } from '../../../kernel/ids.js';
import { appendAudit } from '../../../platform/audit.js';
import type { Passwords } from '../../../platform/auth/passwords.js';
import type { Database } from '../../../platform/db/database.js';
import { lastAdministrator } from '../roles.js';
import { AccountStore } from '../store/accounts.js';
import { AccountLookups, type CredentialsRow } from '../store/lookups.js';
import { SessionStore } from '../store/sessions.js';
import { usernameKeyOf } from './sign-in.js';

/** What operators' work needs. */
export interface OperatorDeps {
  db: Database;
  clock: Clock;
  ids: Ids;
  passwords: Pick<Passwords, 'refuseWeak' | 'hash'>;
}

/** What operators do with other people's accounts, by name, from the command line. */
export class OperatorService {
  readonly #deps: OperatorDeps;
  readonly #lookups: AccountLookups;

  constructor(deps: OperatorDeps) {
    this.#deps = deps;
    this.#lookups = new AccountLookups(deps.db);
  }

  /** Sets a password and ends every log-in. Faults: `notFound`, `invalid` naming `password`, `conflict`. */
  async resetPassword(username: string, password: string): Promise<void> {
    const account = await this.#named(username);
    await this.#deps.passwords.refuseWeak(password, { field: 'password', username: account.username });
    const passwordHash = await this.#deps.passwords.hash(password);
    await this.#deps.db.transaction(async (tx) => {
      const version = await new AccountStore(tx).setPassword(account.id, passwordHash, account.sessionVersion);
      if (version === null) throw new Fault('conflict', 'The password was changed meanwhile.');
      await new SessionStore(tx).revokeAll(account.id, this.#now());
    });
  }

  /**
   * Shuts an account out (its keys too), or lets it in again; log-ins end either way.
   *
   * Faults: `notFound`, `precondition` with state `lastAdministrator`.
   */
  async setDisabled(username: string, isDisabled: boolean): Promise<void> {
    const account = await this.#named(username);
    const now = this.#now();
    await this.#deps.db.transaction(async (tx) => {
      const store = new AccountStore(tx);
      await store.lockSignups();
      if (isDisabled && (await store.isLastAdministrator(account.id))) throw lastAdministrator();
      await store.setDisabledAt(account.id, isDisabled ? now : null);
      await new SessionStore(tx).revokeAll(account.id, now);
    });
  }

  /**
   * Lets an account run the installation, or no longer; nothing is done when it is so already.
   *
   * Faults: `notFound`, `precondition` with state `lastAdministrator` when nobody else who can sign in would run it.
   */
  async setAdministrator(username: string, isAdministrator: boolean): Promise<void> {
    const { id: userId, isAdministrator: wasAdministrator } = await this.#named(username);
    await this.#deps.db.transaction(async (tx) => {
      const store = new AccountStore(tx);
      await store.lockSignups();
      if (wasAdministrator === isAdministrator) return;
      await store.setAdministrator(userId, isAdministrator);
      if (!isAdministrator && !(await store.hasAdministrators())) throw lastAdministrator();
      const details = { userId, isAdministrator };
      await appendAudit(tx, this.#deps.ids, {
        projectId: null,
        userId: null,
        action: 'administrator.changed',
        details,
      });
      await new SessionStore(tx).announce({ of: 'membership', id: userId });
    });
  }

  /** The id of the account's personal project. Faults: `notFound`. */
  async personalProject(username: string): Promise<string> {
    const account = await this.#named(username);
    const [personal] = await this.#lookups.projects(account.id);
    if (personal === undefined) throw notFound('project');
    return personal.id;
  }

  /** The account of a name, as far as a command shows it. Faults: `notFound`. */
  async account(username: string): Promise<{ id: string; username: string }> {
    const { id, username: asStored } = await this.#named(username);
    return { id, username: asStored };
  }

  async #named(username: string): Promise<CredentialsRow> {
    const account = await this.#lookups.byUsernameKey(usernameKeyOf(username), '');
    if (account === null) throw notFound('user');
    return account;
  }

  #now(): Date {
    return new Date(this.#deps.clock.nowMs());
  }
}
