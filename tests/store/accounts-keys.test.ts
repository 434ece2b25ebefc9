import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../src/platform/db/database.js';
import type { ProjectAccess } from '../../src/kernel/access.js';
import { goodPassword, openAccounts, type TestAccounts } from '../support/accounts.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

describe('credentials', () => {
  let database: TestDatabase;
  let db: Database;
  let room: TestAccounts;
  beforeAll(async () => {
    database = await createTestDatabase();
    db = database.db;
    room = await openAccounts(db);
  });
  afterAll(async () => {
    await room.close();
    await database[Symbol.asyncDispose]();
  });

  /** Somebody new with leave in their personal project. */
  const member = async (): Promise<{ person: Awaited<ReturnType<TestAccounts['person']>>; access: ProjectAccess }> => {
    const person = await room.person();
    const principal = await room.authenticator.authenticate(person.tokens.accessToken);
    const { project, user } = person;
    const access = { projectId: project.id, userId: user.id, role: 'owner', scope: 'keys:manage', principal } as const;
    return { person, access };
  };

  it('a key is shown once, stored as a hash, and authenticates its project and scopes alone (T17)', async () => {
    const { person, access } = await member();
    await room.projects.create(access.principal, 'Another');
    const made = await room.apiKeys.create(access, { name: 'ci', scopes: ['prompts:read'] });
    const stored = JSON.stringify(await db.read('SELECT * FROM api_key', []));
    expect(stored).not.toContain(made.key);
    expect(stored).not.toContain(made.key.slice(11));
    const [listed] = await room.apiKeys.list(access);
    expect(listed).toMatchObject({ id: made.id, prefix: made.key.slice(0, 10), lastUsedAt: null });
    expect(JSON.stringify(listed)).not.toContain(made.key);
    expect(await room.authenticator.authenticate(made.key)).toEqual({
      kind: 'apiKey',
      userId: person.user.id,
      sessionId: null,
      apiKeyId: made.id,
      expiresAtMs: null,
      defaultProjectId: person.project.id,
      isAdministrator: false,
      roles: new Map([[person.project.id, 'owner']]),
      scopes: ['prompts:read'],
    });
  });

  it('a revoked key is refused within a second and ends those who watch it (T19)', async () => {
    const { access } = await member();
    const made = await room.apiKeys.create(access, { name: 'ci', scopes: ['feed:read'] });
    const principal = await room.authenticator.authenticate(made.key);
    const ended = new Promise<void>((resolve) => room.authenticator.watch(principal, resolve));
    await room.apiKeys.revoke(access, made.id);
    await ended;
    await expect(room.authenticator.authenticate(made.key)).rejects.toMatchObject({ kind: 'unauthenticated' });
    expect(await room.apiKeys.list(access)).toEqual([]);
    await expect(room.apiKeys.revoke(access, made.id)).rejects.toMatchObject({ kind: 'notFound' });
  });

  it('a key ends with its expiry, its owner being disabled, and its owner leaving', async () => {
    const { person, access } = await member();
    await expect(
      room.apiKeys.create(access, { name: 'x', scopes: ['feed:read'], expiresAt: '2020-01-01T00:00:00Z' }),
    ).rejects.toMatchObject({
      kind: 'invalid',
      details: { issues: [{ path: 'expiresAt' }] },
    });
    const expiresAt = new Date(room.clock.nowMs() + 60_000).toISOString();
    const brief = await room.apiKeys.create(access, { name: 'brief', scopes: ['feed:read'], expiresAt });
    const lasting = await room.apiKeys.create(access, { name: 'lasting', scopes: ['feed:read'] });
    await room.authenticator.authenticate(brief.key);
    room.clock.turnMs(60_000);
    await expect(room.authenticator.authenticate(brief.key)).rejects.toMatchObject({ kind: 'unauthenticated' });
    await room.authenticator.authenticate(lasting.key);
    await room.operators.setDisabled(person.username, true);
    room.authenticator.forget();
    await expect(room.authenticator.authenticate(lasting.key)).rejects.toMatchObject({ kind: 'unauthenticated' });
    await room.operators.setDisabled(person.username, false);
    await room.authenticator.authenticate(lasting.key);
    await room.accounts.deleteAccount(access.principal, { password: goodPassword, erasePrompts: true }, '192.0.2.1');
    room.authenticator.forget();
    await expect(room.authenticator.authenticate(lasting.key)).rejects.toMatchObject({ kind: 'unauthenticated' });
  });

  it('the last use is recorded, at most once a minute', async () => {
    const { access } = await member();
    const { key, id } = await room.apiKeys.create(access, { name: 'used', scopes: ['feed:read'] });
    const neighbour = await openAccounts(db);
    const lastUse = async (): Promise<number | undefined> =>
      (
        await db.read<{ at: Date | null }>('SELECT last_used_at AS at FROM api_key WHERE id = $1', [id])
      )[0]?.at?.getTime();
    await neighbour.authenticator.authenticate(key);
    await neighbour.close();
    const first = await lastUse();
    expect(first).toBeDefined();
    for (const [turnMs, isRecorded] of [
      [30_000, false],
      [61_000, true],
    ] as const) {
      const later = await openAccounts(db);
      later.clock.turnMs(turnMs);
      await later.authenticator.authenticate(key);
      await later.close();
      expect((await lastUse()) !== first).toBe(isRecorded);
    }
  });

  it("a plain member governs their own keys, an admin everybody's", async () => {
    const owner = await member();
    const other = await member();
    const made = await room.apiKeys.create(owner.access, { name: 'mine', scopes: ['feed:read'] });
    const projectId = owner.access.projectId;
    await db.read(`INSERT INTO membership (project_id, user_id, role) VALUES ($1, $2, 'member')`, [
      projectId,
      other.access.userId,
    ]);
    const asMember: ProjectAccess = { ...other.access, projectId, role: 'member' };
    expect(await room.apiKeys.list(asMember)).toEqual([]);
    await expect(room.apiKeys.revoke(asMember, made.id)).rejects.toMatchObject({ kind: 'notFound' });
    const asAdmin: ProjectAccess = { ...asMember, role: 'admin' };
    expect(await room.apiKeys.list(asAdmin)).toHaveLength(1);
    await expect(room.apiKeys.revoke({ ...asAdmin, projectId: other.access.projectId }, made.id)).rejects.toMatchObject(
      { kind: 'notFound' },
    );
    await room.apiKeys.revoke(asAdmin, made.id);
  });

  it('garbage is refused without any SQL, and what looks like a key costs one fixed statement (T18)', async () => {
    let statements: string[] = [];
    const counting: Database = {
      engine: db.engine,
      rowSecurity: db.rowSecurity,
      within: (projectId) => db.within(projectId),
      prisma: db.prisma,
      pool: db.pool,
      transaction: (work) => db.transaction(work),
      read(sql, values) {
        statements.push(sql);
        return db.read(sql, values);
      },
      readParsed(sql, values) {
        statements.push(sql);
        return db.readParsed(sql, values);
      },
      listen: (channel, onWake) => db.listen(channel, onWake),
      alone: (signal, work) => db.alone(signal, work),
      check: () => db.check(),
      close: () => db.close(),
    };
    const watched = await openAccounts(counting);
    const payloads = [
      '',
      ' ',
      "' OR '1'='1",
      "' UNION SELECT password_hash FROM app_user--",
      '%00',
      '\u0000',
      'pw_',
      `pw_${"'".repeat(43)}`,
      'a.b.c',
      'null',
      '[object Object]',
      `pw_${'a'.repeat(44)}`,
      `${'x'.repeat(5_000)}.y.z`,
      '../../etc/passwd',
      '{{7*7}}',
    ];
    for (const payload of Array.from({ length: 200 }, (_, index) => payloads[index % payloads.length] ?? ''))
      await expect(watched.authenticator.authenticate(payload)).rejects.toMatchObject({
        kind: 'unauthenticated',
        details: { reason: 'invalid' },
      });
    expect(statements).toEqual([]);
    for (const letter of 'abc')
      await watched.authenticator.authenticate(`pw_${letter.repeat(43)}`).catch(() => undefined);
    expect(new Set(statements).size).toBe(1);
    const { tokens } = await watched.person();
    statements = [];
    await Promise.all(Array.from({ length: 20 }, () => watched.authenticator.authenticate(tokens.accessToken)));
    expect(statements).toHaveLength(1);
    await watched.close();
  });
});
