import { loadConfig } from '../../src/config.js';
import { systemIds } from '../../src/kernel/ids.js';
import type { Database } from '../../src/platform/db/database.js';
import { createAuth } from '../../src/platform/auth/auth.js';
import { loadAuthKeys } from '../../src/platform/auth/secret.js';
import { CursorCodec } from '../../src/platform/cursor.js';
import { Throttle, type ThrottleBucket } from '../../src/platform/throttle.js';
import { createAccounts } from '../../src/features/accounts/service.js';
import * as removal from '../../src/features/prompts/service/removal.js';
import { OperatorService } from '../../src/features/accounts/service/operators.js';
import { TurnedClock } from './clock.js';

/** A password that passes every rule. */
export const goodPassword = 'correct horse battery staple';

/** The room of accounts over a database, with a clock to turn; further environment variables may be given. */
export async function openAccounts(db: Database, env: Record<string, string> = {}) {
  const clock = new TurnedClock();
  const ids = systemIds(clock.nowMs.bind(clock));
  const config = loadConfig({
    JWT_SECRET: 'a secret of the tests, long enough',
    SIGNUPS_PER_HOUR: '100000',
    ...env,
  });
  const keys = await loadAuthKeys(config.auth, ids);
  const throttled: ThrottleBucket[] = [];
  const throttle = new Throttle({
    db,
    clock,
    limits: config.limits,
    loginFailuresPer15Min: config.auth.loginFailuresPer15Min,
    signupsPerHour: config.auth.signupsPerHour,
    onThrottled: (bucket) => throttled.push(bucket),
  });
  const auth = createAuth({ keys, clock, ids, config: config.auth });
  const cursors = new CursorCodec(keys.cursors);
  const room = await createAccounts({ db, clock, ids, auth, cursors, throttle, removal, config: config.auth });
  const operators = new OperatorService({ db, clock, ids, passwords: auth.passwords });
  const close = async (): Promise<void> => {
    throttle.close();
    await room.authenticator.close();
  };
  let count = 0;
  /** Signs up somebody new. */
  const person = async (prefix = 'person', address = '192.0.2.1') => {
    count += 1;
    const username = `${prefix}-${count}-${ids.secret(4)}`;
    return { username, ...(await room.signIn.signup({ username, password: goodPassword }, address)) };
  };
  return { ...room, auth, operators, clock, ids, throttle, throttled, person, close };
}

/** The room as tests use it. */
export type TestAccounts = Awaited<ReturnType<typeof openAccounts>>;
