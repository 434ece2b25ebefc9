import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../src/platform/db/database.js';
import type { ApiKeyView, NewApiKeyView, ProjectView } from '../../src/features/accounts/schema.js';
import { type AuthServer, openAuthServer } from '../support/auth-server.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

describe('API keys over the wire', () => {
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

  /** Somebody new with a key of the given scopes. */
  const withKey = async (scopes: string[]) => {
    const person = await server.person();
    const { accessToken } = person.tokens;
    const { status, data } = await server.post<NewApiKeyView>('apiKeys.create', { name: 'ci', scopes }, accessToken);
    expect(status).toBe(200);
    return { ...person, accessToken, made: data };
  };

  it('a key does what its scopes say and no more (T19)', async () => {
    const { made, project } = await withKey(['prompts:read']);
    expect(made.key).toMatch(/^pw_[A-Za-z0-9_-]{43}$/);
    expect((await server.get('scoped.read', made.key)).data).toBe(project.id);
    const refused = await server.get('scoped.write', made.key);
    expect(refused.status).toBe(403);
    expect(refused.error.data).toMatchObject({ code: 'FORBIDDEN', details: { scope: 'prompts:write' } });
  });

  it("a key is bound to its project: another's, its owner's other ones, and none answer alike (T19)", async () => {
    const { made, accessToken } = await withKey(['prompts:read', 'prompts:write']);
    const own = (await server.post<ProjectView>('projects.create', { name: 'Second' }, accessToken)).data;
    const stranger = await server.person();
    const answers = await Promise.all(
      [own.id, stranger.project.id, server.ids.uuid()].map((projectId) =>
        server.get('scoped.read', made.key, { projectId }),
      ),
    );
    for (const { status, error } of answers) {
      expect(status).toBe(404);
      expect(error.message).toBe(answers[0]?.error.message);
    }
    expect((await server.get<{ items: ProjectView[] }>('projects.list', made.key)).data.items).toHaveLength(1);
  });

  it('a key neither manages keys nor acts as the person (T05)', async () => {
    const { made } = await withKey(['prompts:read', 'prompts:write', 'feed:read']);
    expect((await server.get('auth.me', made.key)).status).toBe(200);
    for (const [path, input] of [
      ['apiKeys.create', { name: 'more', scopes: ['prompts:read'] }],
      ['apiKeys.revoke', { id: made.id }],
      ['projects.create', { name: 'x' }],
      ['auth.changePassword', { currentPassword: 'x', newPassword: 'y' }],
      ['auth.deleteAccount', { password: 'x' }],
    ] as const)
      expect((await server.post(path, input, made.key)).status, path).toBe(403);
    expect((await server.get('apiKeys.list', made.key)).status).toBe(403);
  });

  it('a revoked key is refused at once, also on its open socket (T10, T19)', async () => {
    const { made, accessToken } = await withKey(['prompts:read']);
    const open = server.socket(made.key);
    expect((await open.answered).project.id).toBe(made.projectId);
    expect((await server.get<{ items: ApiKeyView[] }>('apiKeys.list', accessToken)).data.items).toMatchObject([
      { id: made.id, name: 'ci' },
    ]);
    expect((await server.post('apiKeys.revoke', { id: made.id }, accessToken)).data).toEqual({ isDone: true });
    expect(await open.closed).toBe(4401);
    expect((await server.get('scoped.read', made.key)).status).toBe(401);
    expect((await server.get<{ items: ApiKeyView[] }>('apiKeys.list', accessToken, {})).data.items).toEqual([]);
  });

  it('what does not fit is refused by its field', async () => {
    const { accessToken } = await withKey(['prompts:read']);
    const good = { name: 'ci', scopes: ['prompts:read'] };
    for (const [path, input] of [
      ['name', { ...good, name: ' ' }],
      ['scopes', { ...good, scopes: [] }],
      ['scopes.0', { ...good, scopes: ['keys:manage'] }],
      ['scopes', { ...good, scopes: ['prompts:read', 'prompts:read'] }],
      ['expiresAt', { ...good, expiresAt: 'tomorrow' }],
      ['expiresAt', { ...good, expiresAt: '2020-01-01T00:00:00Z' }],
      ['projectId', { ...good, projectId: 'mine' }],
      ['role', { ...good, role: 'owner' }],
    ] as const) {
      const { status, error } = await server.post('apiKeys.create', input, accessToken);
      expect(status, path).toBe(400);
      expect(error.data.details.issues?.[0]?.path).toBe(path);
    }
  });

  it('injections in the Authorization header are 401 and never a server error (T18)', async () => {
    for (const credential of [
      "' OR '1'='1",
      "'%20UNION%20SELECT%201--",
      '%00',
      'pw_',
      `pw_${'%'.repeat(43)}`,
      `pw_${'z'.repeat(43)}`,
      'a.b.c',
    ])
      expect((await server.get('auth.me', credential)).status, credential).toBe(401);
  });
});
