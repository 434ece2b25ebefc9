import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../src/platform/db/database.js';
import { goodPassword, openAccounts, type TestAccounts } from '../support/accounts.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

const home = '192.0.2.1';
const dayMs = 86_400_000;

describe('sessions', () => {
  let database: TestDatabase;
  let db: Database;
  let room: TestAccounts;
  beforeAll(async () => {
    database = await createTestDatabase();
    db = database.db;
  });
  afterAll(() => database[Symbol.asyncDispose]());

  /** A room with a clock of its own for each test, since clocks turn forward only. */
  const withRoom = async (test: () => Promise<void>): Promise<void> => {
    room = await openAccounts(db);
    try {
      await test();
    } finally {
      await room.close();
    }
  };
  const refresh = (token: string) => room.sessions.refresh(token);
  const refused = { kind: 'unauthenticated' };

  it('of 50 refreshes with one token exactly one succeeds, and its tokens live (T08)', () =>
    withRoom(async () => {
      const { tokens } = await room.person();
      const race = await Promise.allSettled(Array.from({ length: 50 }, () => refresh(tokens.refreshToken)));
      const children = race.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
      expect(children).toHaveLength(1);
      for (const result of race) if (result.status === 'rejected') expect(result.reason).toMatchObject(refused);
      await refresh(children[0]?.refreshToken ?? '');
    }));

  it('a replay within ten seconds is refused and leaves the family alone; a later one ends it (T08)', () =>
    withRoom(async () => {
      const { tokens } = await room.person();
      const first = await refresh(tokens.refreshToken);
      room.clock.turnMs(9_000);
      await expect(refresh(tokens.refreshToken)).rejects.toMatchObject(refused);
      const second = await refresh(first.refreshToken);
      const principal = await room.authenticator.authenticate(second.accessToken);
      const ended = new Promise<void>((resolve) => room.authenticator.watch(principal, resolve));
      room.clock.turnMs(2_000);
      await expect(refresh(tokens.refreshToken)).rejects.toMatchObject(refused);
      await ended;
      await expect(refresh(second.refreshToken)).rejects.toMatchObject(refused);
      room.clock.turnMs(2_001);
      await expect(room.authenticator.authenticate(second.accessToken)).rejects.toMatchObject(refused);
    }));

  it('a log-in ends after 30 days, however often it was refreshed (T09)', () =>
    withRoom(async () => {
      let { tokens } = await room.person();
      for (let day = 6; day < 30; day += 6) {
        room.clock.turnMs(6 * dayMs);
        tokens = await refresh(tokens.refreshToken);
      }
      room.clock.turnMs(6 * dayMs - 60_000);
      tokens = await refresh(tokens.refreshToken);
      expect(Date.parse(tokens.accessTokenExpiresAt) - room.clock.nowMs()).toBeLessThanOrEqual(60_000);
      room.clock.turnMs(60_000);
      await expect(refresh(tokens.refreshToken)).rejects.toMatchObject(refused);
      await expect(room.authenticator.authenticate(tokens.accessToken)).rejects.toMatchObject({
        details: { reason: 'expired' },
      });
    }));

  it('a refresh token not used for seven days is over, an access token after an hour', () =>
    withRoom(async () => {
      const { tokens } = await room.person();
      await room.authenticator.authenticate(tokens.accessToken);
      room.clock.turnMs(3_600_000);
      await expect(room.authenticator.authenticate(tokens.accessToken)).rejects.toMatchObject({
        details: { reason: 'expired' },
      });
      room.clock.turnMs(7 * dayMs);
      await expect(refresh(tokens.refreshToken)).rejects.toMatchObject({ details: { reason: 'expired' } });
    }));

  it('expired tokens and log-ins are not kept', () =>
    withRoom(async () => {
      const { username, user, tokens } = await room.person();
      await refresh(tokens.refreshToken);
      room.clock.turnMs(31 * dayMs);
      await room.signIn.login({ username, password: goodPassword }, home);
      const rows = await db.read(
        'SELECT 1 FROM refresh_token r JOIN session s ON s.id = r.session_id WHERE s.user_id = $1',
        [user.id],
      );
      expect(rows).toHaveLength(1);
    }));

  it('logout ends its log-in alone, for the refresh token, the access token and those who watch (T10)', () =>
    withRoom(async () => {
      const { username, tokens } = await room.person();
      const other = await room.signIn.login({ username, password: goodPassword }, home);
      const principal = await room.authenticator.authenticate(tokens.accessToken);
      const others = await room.authenticator.authenticate(other.tokens.accessToken);
      let isOtherEnded = false;
      room.authenticator.watch(others, () => {
        isOtherEnded = true;
      });
      const ended = new Promise<void>((resolve) => room.authenticator.watch(principal, resolve));
      await room.sessions.logout(tokens.refreshToken);
      await ended;
      await expect(refresh(tokens.refreshToken)).rejects.toMatchObject(refused);
      await expect(room.authenticator.authenticate(tokens.accessToken)).rejects.toMatchObject({
        details: { reason: 'revoked' },
      });
      expect(isOtherEnded).toBe(false);
      await refresh(other.tokens.refreshToken);
    }));

  it('disabling and a password change end what watches, in another process too', () =>
    withRoom(async () => {
      const neighbour = await openAccounts(db);
      try {
        for (const end of ['disable', 'change'] as const) {
          const { username, tokens } = await room.person();
          const principal = await neighbour.authenticator.authenticate(tokens.accessToken);
          const ended = new Promise<void>((resolve) => neighbour.authenticator.watch(principal, resolve));
          if (end === 'disable') await room.operators.setDisabled(username, true);
          else
            await room.accounts.changePassword(
              principal,
              { currentPassword: goodPassword, newPassword: 'another horse battery' },
              home,
            );
          await ended;
          await expect(neighbour.authenticator.authenticate(tokens.accessToken)).rejects.toMatchObject(refused);
        }
      } finally {
        await neighbour.close();
      }
    }));

  it('who stopped watching is not told, and a watcher is told once', () =>
    withRoom(async () => {
      const { tokens } = await room.person();
      const principal = await room.authenticator.authenticate(tokens.accessToken);
      const calls: string[] = [];
      room.authenticator.watch(principal, () => calls.push('stopped'))();
      const ended = new Promise<void>((resolve) =>
        room.authenticator.watch(principal, () => {
          calls.push('told');
          resolve();
        }),
      );
      await room.sessions.logout(tokens.refreshToken);
      await ended;
      await room.sessions.logout(tokens.refreshToken);
      expect(calls).toEqual(['told']);
    }));
});
