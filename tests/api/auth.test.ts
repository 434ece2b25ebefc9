import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../src/platform/db/database.js';
import type { MeView, ProjectView, RefreshView, SessionView } from '../../src/features/accounts/schema.js';
import type { ErrorShape } from '../../src/rpc/faults.js';
import { goodPassword } from '../support/accounts.js';
import { type AuthServer, openAuthServer } from '../support/auth-server.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

describe('auth over the wire', () => {
  let database: TestDatabase;
  let db: Database;
  let server: AuthServer;
  beforeAll(async () => {
    database = await createTestDatabase();
    db = database.db;
    server = await openAuthServer(db);
  });
  afterAll(async () => {
    expect(server.bugs).toEqual([]);
    await server.close();
    await database[Symbol.asyncDispose]();
  });
  beforeEach(() => db.read('DELETE FROM rate_limit', []));

  let count = 0;
  const newName = (): string => {
    count += 1;
    return `wire-${count}`;
  };
  const signup = async (username = newName()) => {
    const { status, data } = await server.post<SessionView>('auth.signup', { username, password: goodPassword });
    expect(status).toBe(200);
    return { username, ...data };
  };

  it('sign-up and log-in answer user, project and tokens, with times in ISO 8601 (PF-1, PF-5)', async () => {
    const { username, user, project, tokens } = await signup();
    expect(user).toEqual({
      id: expect.any(String),
      username,
      email: null,
      isAdministrator: expect.any(Boolean),
      createdAt: expect.stringMatching(/^\d{4}-.*Z$/),
    });
    expect(project).toMatchObject({ name: username, role: 'owner', isPersonal: true });
    const lifeMs = (end: string) => Date.parse(end) - Date.parse(user.createdAt);
    expect(Math.abs(lifeMs(tokens.accessTokenExpiresAt) - 3_600_000)).toBeLessThan(5_000);
    expect(Math.abs(lifeMs(tokens.refreshTokenExpiresAt) - 7 * 86_400_000)).toBeLessThan(5_000);
    const login = await server.post('auth.login', { username, password: goodPassword });
    expect(login.data).toMatchObject({ user, project });
    expect((await server.get('auth.me', tokens.accessToken)).data).toEqual({ user, project });
  });

  it('what does not fit is refused by the field at fault, and nothing is written (PF-2, PF-4)', async () => {
    const password = goodPassword;
    const [before] = await db.read('SELECT count(*) FROM app_user', []);
    for (const [path, input] of [
      ['password', { username: 'valid-name' }],
      ['password', { username: 'valid-name', password: 'short' }],
      ['password', { username: 'valid-name', password: 'password1234' }],
      ['password', { username: 'long-valid-name', password: 'Long-Valid-Name' }],
      ['password', { username: 'valid-name', password: 'p'.repeat(257) }],
      ['password', { username: 'valid-name', password: 'p'.repeat(200_000) }],
      ['password', { username: 'valid-name', password: 123_456_789_012 }],
      ['username', { password }],
      ['username', { username: 'ab', password }],
      ['username', { username: 'n'.repeat(65), password }],
      ['username', { username: 'with space', password }],
      ['username', { username: 'näme', password }],
      ['username', { username: 'nul\u0000name', password }],
      ['email', { username: 'valid-name', password, email: 'not an address' }],
      ['email', { username: 'valid-name', password, email: null }],
      ['email', { username: 'valid-name', password, email: `${'e'.repeat(250)}@example.org` }],
      ['isAdmin', { username: 'valid-name', password, isAdmin: true }],
    ] as const) {
      const { status, error } = await server.post('auth.signup', input);
      expect(status, path).toBe(400);
      expect(error.data.code).toBe('BAD_REQUEST');
      expect(error.data.details.issues?.map((issue) => issue.path)).toContain(path);
    }
    expect(await db.read('SELECT count(*) FROM app_user', [])).toEqual([before]);
    expect(await db.read('SELECT 1 FROM rate_limit WHERE points > 0', [])).toEqual([]);
  });

  it('a taken name is a conflict that names the field (PF-3)', async () => {
    const { username } = await signup();
    const { status, error } = await server.post('auth.signup', {
      username: username.toUpperCase(),
      password: goodPassword,
    });
    expect(status).toBe(409);
    expect(error.data).toMatchObject({
      code: 'CONFLICT',
      details: { issues: [{ path: 'username', message: 'is taken' }] },
    });
  });

  it('an unknown name and a wrong password answer the same bytes, and in the median the same time (T13)', async () => {
    const { username } = await signup();
    const anonymous = (error: ErrorShape) => JSON.stringify({ ...error, data: { ...error.data, requestId: '' } });
    const times: Record<string, number[]> = { known: [], unknown: [] };
    const bodies = new Set<string>();
    for (let round = 0; round < 15; round += 1)
      for (const [kind, name] of [
        ['known', username],
        ['unknown', `nobody-${round}`],
      ] as const) {
        await db.read('DELETE FROM rate_limit', []);
        const start = performance.now();
        const { status, error } = await server.post('auth.login', { username: name, password: 'wrong horse battery' });
        times[kind]?.push(performance.now() - start);
        expect(status).toBe(401);
        bodies.add(anonymous(error));
      }
    expect(bodies.size).toBe(1);
    const median = (kind: string) => times[kind]?.toSorted((a, b) => a - b)[7] ?? 0;
    expect(Math.abs(median('known') - median('unknown'))).toBeLessThan(Math.max(5, median('known') / 2));
  });

  it('a refresh token is no access token nor the reverse, over HTTP and WebSocket (T05)', async () => {
    const { tokens } = await signup();
    expect((await server.get('auth.me', tokens.refreshToken)).status).toBe(401);
    expect((await server.post('auth.refresh', { refreshToken: tokens.accessToken })).status).toBe(401);
    expect((await server.post('auth.logout', { refreshToken: tokens.accessToken })).status).toBe(401);
    expect(await server.socket(tokens.refreshToken).closed).toBe(4401);
    const open = server.socket(tokens.accessToken);
    expect((await open.answered).user.id).toBeDefined();
    open.ws.terminate();
  });

  it('refresh answers new tokens once; logout ends the log-in and its sockets', async () => {
    const { tokens } = await signup();
    const fresh = (await server.post<RefreshView>('auth.refresh', { refreshToken: tokens.refreshToken })).data.tokens;
    const replay = await server.post('auth.refresh', { refreshToken: tokens.refreshToken });
    expect(replay.error.data).toMatchObject({ code: 'UNAUTHORIZED', details: { reason: 'used' } });
    const open = server.socket(fresh.accessToken);
    await open.answered;
    expect((await server.post('auth.logout', { refreshToken: fresh.refreshToken })).data).toEqual({ isDone: true });
    expect(await open.closed).toBe(4401);
    expect((await server.post('auth.refresh', { refreshToken: fresh.refreshToken })).status).toBe(401);
    expect((await server.get('auth.me', fresh.accessToken)).status).toBe(401);
  });

  it('a password change closes live sockets and answers tokens that work (T10)', async () => {
    const { tokens, username } = await signup();
    const open = server.socket(tokens.accessToken);
    await open.answered;
    const input = { currentPassword: goodPassword, newPassword: 'another horse battery' };
    const fresh = (await server.post<RefreshView>('auth.changePassword', input, tokens.accessToken)).data.tokens;
    expect(await open.closed).toBe(4401);
    expect((await server.get<MeView>('auth.me', fresh.accessToken)).data.user.username).toBe(username);
    expect((await server.get('auth.me', tokens.accessToken)).status).toBe(401);
    expect((await server.post('auth.changePassword', input, fresh.accessToken)).error.data.details.reason).toBe(
      'wrongPassword',
    );
  });

  it('deleting the account needs the password, and then the name is free again', async () => {
    const { tokens, username } = await signup();
    expect(
      (await server.post('auth.deleteAccount', { password: 'wrong horse battery' }, tokens.accessToken)).status,
    ).toBe(401);
    expect((await server.post('auth.deleteAccount', { password: goodPassword }, tokens.accessToken)).status).toBe(200);
    expect((await server.post('auth.login', { username, password: goodPassword })).status).toBe(401);
    await signup(username);
  });

  it('after ten failures the eleventh is refused with Retry-After, batched or not (T11, T57)', async () => {
    const { username } = await signup();
    const calls = Array.from({ length: 10 }, () => 'auth.login').join();
    const inputs = Object.fromEntries(
      Array.from({ length: 10 }, (_, index) => [index, { username, password: `wrong horse ${index}` }]),
    );
    await server.post(`${calls}?batch=1`, inputs);
    const refused = await server.post('auth.login', { username, password: goodPassword });
    expect(refused.status).toBe(429);
    expect(refused.error.data).toMatchObject({
      code: 'TOO_MANY_REQUESTS',
      details: { retryAfterMs: expect.any(Number) },
    });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(600);
  });

  it('a projects list has the personal project first, and a new project is usable at once', async () => {
    const { tokens, project } = await signup();
    const made = (await server.post<ProjectView>('projects.create', { name: ' Second ' }, tokens.accessToken)).data;
    expect(made).toMatchObject({ name: 'Second', role: 'owner', isPersonal: false });
    const { items } = (await server.get<{ items: ProjectView[] }>('projects.list', tokens.accessToken)).data;
    expect(items).toEqual([project, made]);
    expect((await server.get('scoped.write', tokens.accessToken, { projectId: made.id })).data).toBe(made.id);
    for (const name of ['', '  ', 'a\nb', 'n'.repeat(101)])
      expect((await server.post('projects.create', { name }, tokens.accessToken)).status).toBe(400);
  });
});
