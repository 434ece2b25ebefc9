import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../src/platform/db/database.js';
import { goodPassword, openAccounts, type TestAccounts } from '../support/accounts.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

const home = '192.0.2.1';
const elsewhere = '198.51.100.9';

describe('accounts', () => {
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

  it('sign-up makes an account whose stored password verifies and is not the password (PF-1)', async () => {
    const username = 'Ada.Lovelace';
    const session = await room.signIn.signup({ username, email: 'ada@example.org', password: goodPassword }, home);
    expect(session.user).toMatchObject({ username, email: 'ada@example.org' });
    expect(session.project).toMatchObject({ name: username, isPersonal: true, role: 'owner' });
    const [row] = await db.read<{ password_hash: string }>('SELECT password_hash FROM app_user WHERE id = $1', [
      session.user.id,
    ]);
    expect(row?.password_hash).toMatch(/^\$argon2id\$/);
    expect(row?.password_hash).not.toContain(goodPassword);
    expect((await room.signIn.login({ username: 'ADA.lovelace', password: goodPassword }, home)).user).toEqual(
      session.user,
    );
    await expect(room.signIn.login({ username, password: 'wrong horse battery' }, home)).rejects.toMatchObject({
      kind: 'unauthenticated',
    });
  });

  it('a name is taken without regard to case, and of eight at once one gets it (PF-3)', async () => {
    const attempts = Array.from({ length: 8 }, (_, index) =>
      room.signIn.signup({ username: index % 2 === 0 ? 'twin' : 'TWIN', password: goodPassword }, home),
    );
    const results = await Promise.allSettled(attempts);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const result of results)
      if (result.status === 'rejected')
        expect(result.reason).toMatchObject({ kind: 'conflict', details: { issues: [{ path: 'username' }] } });
    const rows = await db.read<{ count: string }>(`SELECT count(*) FROM project WHERE lower(name) = 'twin'`, []);
    expect(rows[0]?.count).toBe('1');
  });

  it('an unknown name and a wrong password are refused in the same words (PF-5, T13)', async () => {
    const { username } = await room.person();
    const refusal = (name: string) =>
      room.signIn
        .login({ username: name, password: 'wrong horse battery' }, elsewhere)
        .catch(({ kind, message, details }) => ({ kind, message, details }));
    expect(await refusal('nobody-of-that-name')).toEqual(await refusal(username));
  });

  it('a disabled account is shut out with its sessions, and let in again', async () => {
    const { username, tokens } = await room.person();
    await room.operators.setDisabled(username.toUpperCase(), true);
    await expect(room.signIn.login({ username, password: goodPassword }, home)).rejects.toMatchObject({
      details: { reason: 'disabled' },
    });
    await expect(room.sessions.refresh(tokens.refreshToken)).rejects.toMatchObject({ kind: 'unauthenticated' });
    await room.operators.setDisabled(username, false);
    await expect(room.sessions.refresh(tokens.refreshToken)).rejects.toMatchObject({ kind: 'unauthenticated' });
    await room.signIn.login({ username, password: goodPassword }, home);
    await expect(room.operators.setDisabled('nobody-of-that-name', true)).rejects.toMatchObject({ kind: 'notFound' });
  });

  it('a password change ends every session and answers tokens of a new one', async () => {
    const { username, tokens } = await room.person();
    const other = await room.signIn.login({ username, password: goodPassword }, home);
    const principal = await room.authenticator.authenticate(tokens.accessToken);
    const change = { currentPassword: goodPassword, newPassword: 'another horse battery' };
    await expect(
      room.accounts.changePassword(principal, { ...change, currentPassword: 'wrong horse' }, home),
    ).rejects.toMatchObject({
      kind: 'unauthenticated',
      details: { reason: 'wrongPassword' },
    });
    await expect(
      room.accounts.changePassword(principal, { ...change, newPassword: username }, home),
    ).rejects.toMatchObject({
      kind: 'invalid',
      details: { issues: [{ path: 'newPassword' }] },
    });
    const fresh = await room.accounts.changePassword(principal, change, home);
    for (const old of [tokens, other.tokens]) {
      await expect(room.sessions.refresh(old.refreshToken)).rejects.toMatchObject({ kind: 'unauthenticated' });
      room.authenticator.forget();
      await expect(room.authenticator.authenticate(old.accessToken)).rejects.toMatchObject({ kind: 'unauthenticated' });
    }
    expect((await room.authenticator.authenticate(fresh.accessToken)).userId).toBe(principal.userId);
    await room.sessions.refresh(fresh.refreshToken);
    await expect(room.signIn.login({ username, password: goodPassword }, home)).rejects.toMatchObject({
      kind: 'unauthenticated',
    });
    await room.signIn.login({ username, password: change.newPassword }, home);
  });

  it('of several password changes at once one wins', async () => {
    const { tokens } = await room.person();
    const principal = await room.authenticator.authenticate(tokens.accessToken);
    const changes = [1, 2, 3].map((index) =>
      room.accounts.changePassword(
        principal,
        { currentPassword: goodPassword, newPassword: `another horse ${index}` },
        home,
      ),
    );
    const results = await Promise.allSettled(changes);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('an operator resets a password, which ends the sessions', async () => {
    const { username, tokens } = await room.person();
    await expect(room.operators.resetPassword(username, 'password1234')).rejects.toMatchObject({ kind: 'invalid' });
    await room.operators.resetPassword(username, 'set by the operator');
    await expect(room.sessions.refresh(tokens.refreshToken)).rejects.toMatchObject({ kind: 'unauthenticated' });
    await room.signIn.login({ username, password: 'set by the operator' }, home);
  });

  it('deleting an account takes the personal project with everything, and nothing of others', async () => {
    const leaving = await room.person();
    const staying = await room.person();
    for (const { project, user } of [leaving, staying])
      await db.read(
        `INSERT INTO prompt (id, project_id, user_id, text, text_hash, status) VALUES ($1, $2, $3, 'a', 'b', 'completed')`,
        [room.ids.uuid(), project.id, user.id],
      );
    const principal = await room.authenticator.authenticate(leaving.tokens.accessToken);
    await expect(
      room.accounts.deleteAccount(principal, { password: 'wrong horse battery', erasePrompts: true }, home),
    ).rejects.toMatchObject({
      kind: 'unauthenticated',
    });
    await room.accounts.deleteAccount(principal, { password: goodPassword, erasePrompts: true }, home);
    const left = async (sql: string, id: string) => (await db.read(sql, [id])).length;
    expect(await left('SELECT 1 FROM app_user WHERE id = $1', leaving.user.id)).toBe(0);
    for (const table of ['prompt', 'membership']) {
      expect(await left(`SELECT 1 FROM ${table} WHERE project_id = $1`, leaving.project.id)).toBe(0);
      expect(await left(`SELECT 1 FROM ${table} WHERE project_id = $1`, staying.project.id)).toBe(1);
    }
    await expect(room.sessions.refresh(leaving.tokens.refreshToken)).rejects.toMatchObject({ kind: 'unauthenticated' });
  });

  it('the last owner of a shared project cannot leave it ownerless', async () => {
    const owner = await room.person();
    const heir = await room.person();
    const principal = await room.authenticator.authenticate(owner.tokens.accessToken);
    const project = await room.projects.create(principal, 'Shared');
    const alone = await room.projects.create(principal, 'Nobody else is here');
    const join = `INSERT INTO membership (project_id, user_id, role) VALUES ($1, $2, 'member')`;
    await db.read(join, [project.id, heir.user.id]);
    await expect(
      room.accounts.deleteAccount(principal, { password: goodPassword, erasePrompts: true }, home),
    ).rejects.toMatchObject({
      kind: 'precondition',
      message: expect.stringContaining('Shared') as string,
      details: { state: 'onlyOwner' },
    });
    await db.read(`UPDATE membership SET role = 'owner' WHERE project_id = $1 AND user_id = $2`, [
      project.id,
      heir.user.id,
    ]);
    await room.accounts.deleteAccount(principal, { password: goodPassword, erasePrompts: true }, home);
    expect(await db.read('SELECT 1 FROM project WHERE id = $1', [project.id])).toHaveLength(1);
    expect(await db.read('SELECT 1 FROM project WHERE id = $1', [alone.id])).toEqual([]);
  });

  it('a new project is known to the very next call, and lists stand with the personal one first', async () => {
    const { tokens, project: personal } = await room.person();
    const principal = await room.authenticator.authenticate(tokens.accessToken);
    const project = await room.projects.create(principal, 'Second');
    const after = await room.authenticator.authenticate(tokens.accessToken);
    expect(after.roles.get(project.id)).toBe('owner');
    expect(after.defaultProjectId).toBe(personal.id);
    expect((await room.projects.list(after)).map(({ id }) => id)).toEqual([personal.id, project.id]);
    expect(await room.accounts.me(after)).toMatchObject({ project: { id: personal.id } });
  });
});

describe('closed sign-up', () => {
  it('lets exactly one of many first accounts in', async () => {
    await using database = await createTestDatabase();
    const room = await openAccounts(database.db, { SIGNUP: 'closed' });
    const attempts = Array.from({ length: 6 }, (_, index) =>
      room.signIn.signup({ username: `first-${index}`, password: goodPassword }, home),
    );
    const results = await Promise.allSettled(attempts);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    await expect(room.person()).rejects.toMatchObject({ kind: 'forbidden' });
    await room.close();
  });
});
