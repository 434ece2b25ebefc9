import type { Config } from '../../config.js';
import type { Clock } from '../../kernel/clock.js';
import type { Ids } from '../../kernel/ids.js';
import { Passwords } from '../../platform/auth/passwords.js';
import type { AuthKeys } from '../../platform/auth/secret.js';
import { Tokens } from '../../platform/auth/tokens.js';
import type { Database } from '../../platform/db/database.js';
import type { Throttle } from '../../platform/throttle.js';
import { type OpenAuthenticator, openAuthenticator } from './authenticator.js';
import type { AccountServices } from './router.js';
import { AccountService } from './service/accounts.js';
import { ApiKeyService } from './service/api-keys.js';
import { ProjectService } from './service/projects.js';
import { SessionService } from './service/sessions.js';
import { SignInService } from './service/sign-in.js';

/** What the room of accounts is given. */
export interface AccountsDeps {
  db: Database;
  clock: Clock;
  ids: Ids;
  keys: Pick<AuthKeys, 'tokens' | 'hashes'>;
  throttle: Pick<Throttle, 'attempt'>;
  config: Config['auth'];
}

/** The room of accounts: its services, and the authenticator that the door asks. */
export interface Accounts extends AccountServices {
  authenticator: OpenAuthenticator;
}

/** Builds the room. Cost: one LISTEN; the authenticator is to be closed before the database. */
export async function createAccounts({ db, clock, ids, keys, throttle, config }: AccountsDeps): Promise<Accounts> {
  const tokens = new Tokens({ key: keys.tokens, clock, ids, config });
  const passwords = new Passwords({ minLength: config.passwordMinLength });
  const sessions = new SessionService({ db, clock, ids, tokens, config });
  const signIn = new SignInService({ db, clock, ids, tokens, passwords, throttle, sessions, hashKey: keys.hashes, config });
  const authenticator = await openAuthenticator({ db, clock, tokens });
  return {
    authenticator,
    signIn,
    sessions,
    accounts: new AccountService({ db, clock, tokens, passwords, signIn, sessions }),
    apiKeys: new ApiKeyService({ db, clock, ids }),
    projects: new ProjectService({ db, clock, ids, onMembershipsChanged: () => authenticator.forget() }),
  };
}
