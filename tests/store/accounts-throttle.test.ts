import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../src/platform/db/database.js';
import { goodPassword, openAccounts, type TestAccounts } from '../support/accounts.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

const home = '192.0.2.1';
const limits = { PROMPTS_PER_SECOND: '1', PROMPTS_PER_MINUTE: '10', PROMPTS_BURST: '0' };

describe('the throttle', () => {
  let database: TestDatabase;
  let db: Database;
  let room: TestAccounts;
  beforeAll(async () => {
    database = await createTestDatabase();
    db = database.db;
    room = await openAccounts(db, limits);
  });
  afterAll(async () => {
    await room.close();
    await database[Symbol.asyncDispose]();
  });
  beforeEach(() => db.read('DELETE FROM rate_limit', []));

  const login = (username: string, password: string, address: string) =>
    room.signIn.login({ username, password }, address).then(
      () => 'in',
      (fault: { kind: string }) => fault.kind,
    );
  const pointsOf = async (key: string): Promise<number> =>
    (await db.read<{ points: number }>('SELECT points FROM rate_limit WHERE key = $1', [key]))[0]?.points ?? 0;
  /** Makes a window lie in the past, as if its time had gone by. */
  const pass = (key: string) => db.read('UPDATE rate_limit SET expire = 1 WHERE key = $1', [key]);

  it('refuses a second call within a second and an eleventh within a minute, each user for themselves (PF-15)', async () => {
    const user = room.ids.uuid();
    await room.throttle.countPrompt('create', user);
    await expect(room.throttle.countPrompt('create', user)).rejects.toMatchObject({ kind: 'rateLimited' });
    await room.throttle.countPrompt('similar', user);
    await room.throttle.countPrompt('create', room.ids.uuid());
    for (let call = 2; call <= 10; call += 1) {
      await pass(`second:create:${user}`);
      await room.throttle.countPrompt('create', user);
    }
    await pass(`second:create:${user}`);
    const refusal = await room.throttle.countPrompt('create', user).catch((fault) => fault);
    expect(refusal).toMatchObject({ kind: 'rateLimited' });
    expect(refusal.details.retryAfterMs).toBeGreaterThan(1_000);
    expect(refusal.details.retryAfterMs).toBeLessThanOrEqual(60_000);
  });

  it('a call that one window refuses is not counted by the other (PF-15)', async () => {
    const user = room.ids.uuid();
    await room.throttle.countPrompt('create', user);
    for (let call = 0; call < 3; call += 1) await room.throttle.countPrompt('create', user).catch(() => undefined);
    expect(await pointsOf(`minute:create:${user}`)).toBe(1);
    await pass(`second:create:${user}`);
    await db.read('UPDATE rate_limit SET points = 10 WHERE key = $1', [`minute:create:${user}`]);
    await expect(room.throttle.countPrompt('create', user)).rejects.toMatchObject({ kind: 'rateLimited' });
    expect(await pointsOf(`second:create:${user}`)).toBe(0);
  });

  it('the burst lets a few more through than the second, and two processes share the count', async () => {
    const burst = { ...limits, PROMPTS_BURST: '2' };
    const [one, two] = [await openAccounts(db, burst), await openAccounts(db, burst)];
    const user = room.ids.uuid();
    const calls = [one, two, one, two, one, two].map(({ throttle }) => throttle.countPrompt('similar', user));
    const results = await Promise.allSettled(calls);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
    expect(one.throttled.length + two.throttled.length).toBe(3);
    await Promise.all([one.close(), two.close()]);
  });

  it('ten failures of one account in 15 minutes are enough, from however many addresses (T11)', async () => {
    const { username } = await room.person();
    for (let attempt = 0; attempt < 10; attempt += 1)
      expect(await login(username, 'wrong horse battery', `198.51.100.${attempt}`)).toBe('unauthenticated');
    expect(await login(username, goodPassword, '198.51.100.99')).toBe('rateLimited');
    expect(room.throttled).toContain('login');
  });

  it('ten failures from one address are enough, for however many accounts, known or not', async () => {
    const { username } = await room.person('victim', '192.0.2.77');
    for (let attempt = 0; attempt < 10; attempt += 1)
      expect(await login(`nobody-${attempt}`, 'wrong horse battery', '198.51.100.7')).toBe('unauthenticated');
    expect(await login(username, goodPassword, '198.51.100.7')).toBe('rateLimited');
    expect(await login(username, goodPassword, '192.0.2.77')).toBe('in');
  });

  it('strangers cannot lock an account out from where it signed in before (T14)', async () => {
    const { username } = await room.person();
    for (let attempt = 0; attempt < 40; attempt += 1)
      await login(username, 'wrong horse battery', `203.0.113.${attempt % 4}`);
    expect(await login(username, goodPassword, '203.0.113.200')).toBe('rateLimited');
    expect(await login(username, goodPassword, home)).toBe('in');
  });

  it('parallel guesses cannot outrun the count', async () => {
    const { username } = await room.person();
    const guesses = await Promise.all(
      Array.from({ length: 30 }, (_, index) => login(username, `wrong horse ${index}`, '198.51.100.8')),
    );
    expect(guesses.filter((kind) => kind === 'unauthenticated')).toHaveLength(10);
    expect(guesses.filter((kind) => kind === 'rateLimited')).toHaveLength(20);
    expect(await login(username, goodPassword, '198.51.100.8')).toBe('rateLimited');
  });

  it('right passwords are not counted, however many at once', async () => {
    const { username } = await room.person();
    await Promise.all(Array.from({ length: 30 }, () => login(username, goodPassword, home)));
    expect(await login(username, goodPassword, home)).toBe('in');
    const counted = await db.read<{ points: number }>(
      `SELECT points FROM rate_limit WHERE key LIKE 'failures:login:%'`,
      [],
    );
    expect(counted.map(({ points }) => points)).toEqual([0, 0]);
  });

  it('sign-ups that ask for taken names are counted, those with a bad password are not', async () => {
    const { username } = await room.person();
    const signup = (password: string) =>
      room.signIn.signup({ username, password }, '198.51.100.30').catch((fault: { kind: string }) => fault.kind);
    for (let attempt = 0; attempt < 12; attempt += 1) expect(await signup('password1234')).toBe('invalid');
    for (let attempt = 0; attempt < 10; attempt += 1) expect(await signup(goodPassword)).toBe('conflict');
    expect(await signup(goodPassword)).toBe('rateLimited');
  });

  it('new accounts of one address are so many an hour, and others keep theirs', async () => {
    const strict = await openAccounts(db, { SIGNUPS_PER_HOUR: '3' });
    const signup = (address: string) =>
      strict.person('crowd', address).then(
        () => 'in',
        (fault: { kind: string }) => fault.kind,
      );
    for (let count = 0; count < 3; count += 1) expect(await signup('198.51.100.40')).toBe('in');
    expect(await signup('198.51.100.40')).toBe('rateLimited');
    expect(await signup('198.51.100.41')).toBe('in');
    await strict.close();
  });

  it('stores neither names nor addresses', async () => {
    const { username } = await room.person();
    await login(username, 'wrong horse battery', '198.51.100.9');
    const rows = await db.read<{ key: string }>('SELECT key FROM rate_limit', []);
    expect(rows.length).toBeGreaterThan(0);
    for (const { key } of rows) expect(key).not.toMatch(/person|198\.51/);
  });
});
