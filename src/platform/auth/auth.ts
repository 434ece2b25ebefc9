import type { Config } from '../../config.js';
import type { Clock } from '../../kernel/clock.js';
import type { Ids } from '../../kernel/ids.js';
import { ApiKeys } from './api-keys.js';
import { Callers } from './callers.js';
import { InvitationTokens } from './invitation-tokens.js';
import { Passwords } from './passwords.js';
import type { AuthKeys } from './secret.js';
import { Tokens } from './tokens.js';

/** Everything that proves or names who calls. */
export interface Auth {
  tokens: Tokens;
  passwords: Passwords;
  apiKeys: ApiKeys;
  invitations: InvitationTokens;
  callers: Callers;
}

/** What the proofs are made with. */
export interface AuthDeps {
  keys: Pick<AuthKeys, 'tokens' | 'hashes'>;
  clock: Clock;
  ids: Ids;
  config: Pick<Config['auth'], 'accessTokenMs' | 'refreshTokenMs' | 'passwordMinLength'>;
}

/** The proofs of one process. */
export const createAuth = ({ keys, clock, ids, config }: AuthDeps): Auth => ({
  tokens: new Tokens({ key: keys.tokens, clock, ids, config }),
  passwords: new Passwords({ minLength: config.passwordMinLength }),
  apiKeys: new ApiKeys(ids),
  invitations: new InvitationTokens(ids),
  callers: new Callers(keys.hashes),
});
