import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Outputs } from '../../src/client.js';
import { type Member, stranger, teamOf } from '../support/people.js';
import { refusal } from '../support/prompts.js';
import { startService, type TestService } from '../support/service.js';

type Entry = Outputs['audit']['list']['items'][number];

let service: TestService;
let administrator: Member;
beforeAll(async () => {
  service = await startService();
  administrator = await stranger(service);
});
afterAll(() => service[Symbol.asyncDispose]());

const inWords = ({ action, actor, subject }: Entry): string =>
  [action, actor?.username ?? '-', subject?.username ?? '-'].join(' ');

test('every change of members, invitations and keys is told, newest first, with who did it and to whom', async () => {
  const { projectId, owner, others } = await teamOf(service, 'member', 'viewer');
  const [friend, other] = others;
  const { members, transfer, invitations } = owner.client.projects;
  await members.setRole.mutate({ projectId, userId: friend.id, role: 'admin' });
  // Twice the same is no change.
  await members.setRole.mutate({ projectId, userId: friend.id, role: 'admin' });
  const { id } = await friend.client.apiKeys.create.mutate({ projectId, name: 'ci', scopes: ['prompts:read'] });
  await friend.client.apiKeys.revoke.mutate({ projectId, id });
  await friend.client.projects.members.remove.mutate({ projectId, userId: other.id });
  const { id: second } = await owner.client.projects.create.mutate({ name: 'Second' });
  const username = friend.session.user.username;
  await members.add.mutate({ projectId: second, username, role: 'viewer' });
  const made = await invitations.create.mutate({ projectId, role: 'viewer' });
  await invitations.revoke.mutate({ projectId, id: made.id });
  await transfer.mutate({ projectId, userId: friend.id });
  await members.leave.mutate({ projectId });
  const [a, b, c] = [owner, friend, other].map(({ session }) => session.user.username);
  const { items, nextCursor } = await friend.client.audit.list.query({ projectId });
  expect(items.map(inWords)).toEqual([
    `member.left ${a} ${a}`,
    `project.transferred ${a} ${b}`,
    `invitation.revoked ${a} -`,
    `invitation.created ${a} -`,
    `member.removed ${b} ${c}`,
    `apiKey.revoked ${b} -`,
    `apiKey.created ${b} -`,
    `member.roleChanged ${a} ${b}`,
    `invitation.accepted ${c} ${c}`,
    `invitation.created ${a} -`,
    `invitation.accepted ${b} ${b}`,
    `invitation.created ${a} -`,
  ]);
  expect(nextCursor).toBeNull();
  expect(items.find(({ action }) => action === 'member.roleChanged')?.details).toEqual({
    userId: friend.id,
    from: 'member',
    to: 'admin',
  });
  expect(JSON.stringify(items)).not.toContain(made.token);
  expect((await owner.client.audit.list.query({ projectId: second })).items.map(inWords)).toEqual([
    `member.added ${a} ${b}`,
  ]);
});

test('what was refused is not told', async () => {
  const { projectId, owner } = await teamOf(service);
  await refusal(owner.client.projects.members.leave.mutate({ projectId }));
  await refusal(owner.client.projects.members.add.mutate({ projectId, username: 'nobody-at-all', role: 'viewer' }));
  expect((await owner.client.audit.list.query({ projectId })).items).toEqual([]);
});

test('pages hold every entry once; a cursor is good for its project and action alone', async () => {
  const { projectId, owner } = await teamOf(service);
  for (let count = 0; count < 5; count += 1)
    await owner.client.projects.invitations.create.mutate({ projectId, role: 'viewer' });
  const all = (await owner.client.audit.list.query({ projectId })).items.map(({ id }) => id);
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await owner.client.audit.list.query({
      projectId,
      limit: 2,
      ...(cursor === undefined ? {} : { cursor }),
    });
    seen.push(...page.items.map(({ id }) => id));
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  expect(seen).toEqual(all);
  expect(all.toSorted().toReversed()).toEqual(all);
  const { nextCursor } = await owner.client.audit.list.query({ projectId, limit: 1 });
  const mine = { limit: 1, cursor: nextCursor ?? '' };
  expect(await refusal(owner.client.audit.list.query(mine))).toMatchObject({ code: 'BAD_REQUEST' });
  const other = { ...mine, projectId, action: 'member.left' as const };
  expect(await refusal(owner.client.audit.list.query(other))).toMatchObject({ code: 'BAD_REQUEST' });
  expect((await owner.client.audit.list.query({ projectId, action: 'member.left' })).items).toEqual([]);
  expect((await owner.client.audit.list.query({ projectId, action: 'invitation.created' })).items).toHaveLength(5);
});

test('admins and owners read the ledger of their project, nobody else does, and nobody changes it', async () => {
  const { projectId, owner, others } = await teamOf(service, 'viewer', 'member', 'admin');
  const [viewer, member, admin] = others;
  for (const { client } of [viewer, member])
    expect(await refusal(client.audit.list.query({ projectId }))).toMatchObject({ code: 'FORBIDDEN' });
  for (const { client } of [await stranger(service), administrator])
    expect(await refusal(client.audit.list.query({ projectId }))).toMatchObject({ code: 'NOT_FOUND' });
  for (const { client } of [admin, owner]) expect((await client.audit.list.query({ projectId })).items).toHaveLength(6);
  await expect(service.app.db.prisma.auditEntry.deleteMany({ where: { projectId } })).rejects.toThrow();
});

test('an entry outlives the account: its name is gone, its id stays', async () => {
  const { projectId, owner, others } = await teamOf(service, 'member');
  const [gone] = others;
  await gone.client.auth.deleteAccount.mutate({ password: gone.password });
  const { items } = await owner.client.audit.list.query({ projectId, action: 'invitation.accepted' });
  expect(items).toMatchObject([{ actor: { userId: gone.id, username: null } }]);
});

test('administrators read what concerns the installation, and are told that they are administrators', async () => {
  const person = await stranger(service);
  const { db } = service.app;
  await db.read(
    `INSERT INTO audit_entry (id, action, details) VALUES (gen_random_uuid(), 'administrator.changed', $1)`,
    [JSON.stringify({ userId: person.id, isAdministrator: true })],
  );
  const { items } = await administrator.client.audit.installation.query({ action: 'administrator.changed' });
  expect(items).toMatchObject([
    { action: 'administrator.changed', actor: null, subject: { username: person.session.user.username } },
  ]);
  expect(await refusal(person.client.audit.installation.query({}))).toMatchObject({ code: 'FORBIDDEN' });
  for (const [{ client }, isAdministrator] of [
    [administrator, true],
    [person, false],
  ] as const) {
    expect((await client.auth.me.query()).user.isAdministrator).toBe(isAdministrator);
    expect((await client.projects.list.query()).isAdministrator).toBe(isAdministrator);
  }
});

test('an administrator adds anybody by name, for they govern all accounts', async () => {
  const { id: projectId } = await administrator.client.projects.create.mutate({ name: 'Everybody' });
  const person = await stranger(service);
  const { username } = person.session.user;
  await administrator.client.projects.members.add.mutate({ projectId, username, role: 'member' });
  expect((await person.client.projects.list.query()).items).toHaveLength(2);
});
