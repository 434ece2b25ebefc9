import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { engineUnderTest } from '../support/database.js';
import { follow, openEvents, untilHeard } from '../support/feed.js';
import { joining, rolesIn, stranger, teamOf } from '../support/people.js';
import { refusal } from '../support/prompts.js';
import { startSecond, startService, type TestService } from '../support/service.js';
import { until } from '../support/wait.js';
import { frame, openSocket } from '../support/wire.js';

let service: TestService;
beforeAll(async () => {
  service = await startService();
  // The first account is the administrator, who finds everybody: the others of these tests are not it.
  await service.signUp();
});
afterAll(async () => {
  const bugs = service.logged.filter(({ level }) => level === 'error');
  await service[Symbol.asyncDispose]();
  expect(bugs).toEqual([]);
});

const code = async (call: Promise<unknown>): Promise<string> => (await refusal(call)).code;
const lastOwner = { code: 'PRECONDITION_FAILED', details: { state: 'lastOwner' } };

describe('members', () => {
  test('every member sees names and roles, owners first, and nobody’s address', async () => {
    const team = await teamOf(service, 'viewer', 'admin', 'member');
    const [viewer] = team.others;
    const { items } = await viewer.client.projects.members.list.query({ projectId: team.projectId });
    expect(items.map(({ role }) => role)).toEqual(['owner', 'admin', 'member', 'viewer']);
    for (const item of items) expect(Object.keys(item).sort()).toEqual(['joinedAt', 'role', 'userId', 'username']);
    const { client } = await stranger(service);
    expect(await code(client.projects.members.list.query({ projectId: team.projectId }))).toBe('NOT_FOUND');
  });

  test('an account is added by its name, without regard to case, by those who share a project with it', async () => {
    const team = await teamOf(service, 'member');
    const [friend] = team.others;
    const { id: second } = await team.owner.client.projects.create.mutate({ name: 'Second' });
    const username = friend.session.user.username;
    const add = { projectId: second, username: username.toUpperCase(), role: 'admin' as const };
    expect(await team.owner.client.projects.members.add.mutate(add)).toMatchObject({ username, role: 'admin' });
    expect((await friend.client.projects.list.query()).items.map(({ id }) => id)).toContain(second);
    expect(await refusal(team.owner.client.projects.members.add.mutate(add))).toMatchObject({
      code: 'CONFLICT',
      details: { current: 'admin' },
    });
  });

  test('a stranger’s name and one that nobody has are answered alike: nobody learns who has an account', async () => {
    const { projectId, owner } = await teamOf(service);
    const person = await stranger(service);
    const refusals = await Promise.all(
      [person.session.user.username, 'nobody-of-this-name'].map((username) =>
        refusal(owner.client.projects.members.add.mutate({ projectId, username, role: 'viewer' })),
      ),
    );
    expect(refusals[0]).toMatchObject({ code: 'NOT_FOUND', details: { entity: 'user' } });
    expect(refusals[0]).toEqual(refusals[1]);
  });

  test('a viewer and a member change nobody; another project’s ids are NOT_FOUND', async () => {
    const team = await teamOf(service, 'viewer', 'member', 'admin');
    const other = await teamOf(service, 'member');
    const { projectId } = team;
    const userId = team.others[2].id;
    for (const { client } of team.others.slice(0, 2)) {
      expect(await code(client.projects.members.remove.mutate({ projectId, userId }))).toBe('FORBIDDEN');
      expect(await code(client.projects.members.setRole.mutate({ projectId, userId, role: 'viewer' }))).toBe(
        'FORBIDDEN',
      );
      expect(await code(client.projects.transfer.mutate({ projectId, userId }))).toBe('FORBIDDEN');
    }
    const foreign = other.others[0].id;
    const { members, transfer } = team.owner.client.projects;
    expect(await code(members.remove.mutate({ projectId, userId: foreign }))).toBe('NOT_FOUND');
    expect(await code(members.setRole.mutate({ projectId, userId: foreign, role: 'viewer' }))).toBe('NOT_FOUND');
    expect(await code(transfer.mutate({ projectId, userId: foreign }))).toBe('NOT_FOUND');
    expect(await code(members.remove.mutate({ projectId: other.projectId, userId: foreign }))).toBe('NOT_FOUND');
    expect(await rolesIn(other)).toEqual({ owner: 'owner', 'other 0': 'member' });
  });

  test('an admin governs all but owners, makes none, and raises nobody above an admin', async () => {
    const team = await teamOf(service, 'admin', 'member', 'admin');
    const { projectId, owner } = team;
    const [admin, member, second] = team.others;
    const { members } = admin.client.projects;
    for (const role of ['viewer', 'admin'] as const)
      await members.setRole.mutate({ projectId, userId: member.id, role });
    expect(await code(members.setRole.mutate({ projectId, userId: member.id, role: 'owner' }))).toBe('FORBIDDEN');
    expect(await code(members.setRole.mutate({ projectId, userId: admin.id, role: 'owner' }))).toBe('FORBIDDEN');
    expect(await code(members.setRole.mutate({ projectId, userId: owner.id, role: 'admin' }))).toBe('FORBIDDEN');
    expect(await code(members.remove.mutate({ projectId, userId: owner.id }))).toBe('FORBIDDEN');
    await members.remove.mutate({ projectId, userId: second.id });
    expect(await rolesIn(team)).toEqual({ owner: 'owner', 'other 0': 'admin', 'other 1': 'admin' });
  });

  test('the last owner cannot leave, be removed or be lowered; with a second one they can', async () => {
    const team = await teamOf(service, 'member');
    const { projectId, owner } = team;
    const { members } = owner.client.projects;
    const heir = team.others[0].id;
    expect(await refusal(members.leave.mutate({ projectId }))).toMatchObject(lastOwner);
    expect(await refusal(members.remove.mutate({ projectId, userId: owner.id }))).toMatchObject(lastOwner);
    expect(await refusal(members.setRole.mutate({ projectId, userId: owner.id, role: 'admin' }))).toMatchObject(
      lastOwner,
    );
    await members.setRole.mutate({ projectId, userId: heir, role: 'owner' });
    await members.leave.mutate({ projectId });
    expect(await code(members.list.query({ projectId }))).toBe('NOT_FOUND');
    expect(await rolesIn(team, team.others[0])).toEqual({ 'other 0': 'owner' });
  });

  test('of two owners who leave or step down at the same moment exactly one can', async () => {
    for (const isLeaving of [true, false]) {
      const team = await teamOf(service, 'owner');
      const { projectId } = team;
      const outcomes = await Promise.all(
        [team.owner, ...team.others].map(({ client, id: userId }) =>
          (isLeaving
            ? client.projects.members.leave.mutate({ projectId })
            : client.projects.members.setRole.mutate({ projectId, userId, role: 'viewer' })
          ).then(
            () => 'done',
            () => 'refused',
          ),
        ),
      );
      expect(outcomes.sort()).toEqual(['done', 'refused']);
      const owners = await service.app.db.read(`SELECT 1 FROM membership WHERE project_id = $1 AND role = 'owner'`, [
        projectId,
      ]);
      expect(owners).toHaveLength(1);
    }
  });

  test('of two owners who lower or remove each other at the same moment exactly one succeeds', async () => {
    for (let round = 0; round < 5; round += 1) {
      const team = await teamOf(service, 'owner');
      const { projectId, owner } = team;
      const [other] = team.others;
      const outcomes = await Promise.allSettled([
        owner.client.projects.members.setRole.mutate({ projectId, userId: other.id, role: 'admin' }),
        other.client.projects.members.remove.mutate({ projectId, userId: owner.id }),
      ]);
      expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    }
  });

  test('an heir who leaves while the owner deletes the account leaves no project without an owner', async () => {
    for (let round = 0; round < 3; round += 1) {
      const team = await teamOf(service, 'owner', 'viewer');
      const { projectId, owner } = team;
      await Promise.allSettled([
        owner.client.auth.deleteAccount.mutate({ password: owner.password }),
        team.others[0].client.projects.members.leave.mutate({ projectId }),
      ]);
      const roles = await service.app.db.read<{ role: string }>(
        'SELECT role FROM membership WHERE project_id = $1 ORDER BY role',
        [projectId],
      );
      expect(roles.map(({ role }) => role)).toEqual(['owner', 'viewer']);
    }
  });

  test('a transfer makes the member an owner and the caller an admin, at once', async () => {
    const team = await teamOf(service, 'viewer');
    const { projectId, owner } = team;
    const userId = team.others[0].id;
    expect(await refusal(owner.client.projects.transfer.mutate({ projectId, userId: owner.id }))).toMatchObject({
      code: 'BAD_REQUEST',
    });
    await owner.client.projects.transfer.mutate({ projectId, userId });
    expect(await rolesIn(team)).toEqual({ owner: 'admin', 'other 0': 'owner' });
    expect(await code(owner.client.projects.transfer.mutate({ projectId, userId }))).toBe('FORBIDDEN');
    await owner.client.projects.members.leave.mutate({ projectId });
  });

  test('a personal project stays its owner’s alone', async () => {
    const { owner, others } = await teamOf(service, 'member');
    const projectId = owner.session.project.id;
    const { members, invitations, transfer } = owner.client.projects;
    const username = others[0].session.user.username;
    const personal = { code: 'PRECONDITION_FAILED', details: { state: 'personal' } };
    const refusals = await Promise.all(
      [
        members.add.mutate({ projectId, username, role: 'viewer' }),
        members.leave.mutate({ projectId }),
        members.setRole.mutate({ projectId, userId: owner.id, role: 'admin' }),
        invitations.create.mutate({ projectId, role: 'viewer' }),
        transfer.mutate({ projectId, userId: others[0].id }),
      ].map(refusal),
    );
    for (const refused of refusals) expect(refused).toMatchObject(personal);
    expect((await members.list.query({})).items).toMatchObject([{ userId: owner.id, role: 'owner' }]);
  });

  test('nobody is put into more than 100 projects, and a project has at most 1 000 members', async () => {
    const team = await teamOf(service, 'viewer');
    const { projectId, owner } = team;
    const username = team.others[0].session.user.username;
    const userId = team.others[0].id;
    const { db } = service.app;
    await db.read(
      `WITH made AS (INSERT INTO project (id, name) SELECT gen_random_uuid(), 'x' FROM generate_series(1, 98) RETURNING id)
       INSERT INTO membership (project_id, user_id, role) SELECT id, $1, 'owner' FROM made`,
      [userId],
    );
    const { id: another } = await owner.client.projects.create.mutate({ name: 'The 101st' });
    const full = { code: 'PRECONDITION_FAILED', details: { state: 'full' } };
    const { members } = owner.client.projects;
    expect(await refusal(members.add.mutate({ projectId: another, username, role: 'viewer' }))).toMatchObject(full);
    await members.remove.mutate({ projectId, userId });
    await db.read(
      `WITH made AS (
         INSERT INTO app_user (id, username, username_key, password_hash)
         SELECT gen_random_uuid(), 'crowd-' || n, 'crowd-' || n, 'x' FROM generate_series(1, 999) n RETURNING id)
       INSERT INTO membership (project_id, user_id, role) SELECT $1, id, 'viewer' FROM made`,
      [projectId],
    );
    const { token } = await owner.client.projects.invitations.create.mutate({ projectId, role: 'viewer' });
    const late = await stranger(service);
    expect(await refusal(late.client.projects.invitations.accept.mutate({ token }))).toMatchObject(full);
    expect((await members.list.query({ projectId })).items).toHaveLength(1_000);
  });
});

describe('a removed member', () => {
  test('is out at once: calls, API keys and their sockets; the session and other projects live on', async () => {
    const team = await teamOf(service, 'member');
    const { projectId, owner } = team;
    const [gone] = team.others;
    const { key } = await gone.client.apiKeys.create.mutate({ projectId, name: 'ci', scopes: ['prompts:read'] });
    const withKey = service.client({ token: key });
    await withKey.prompts.list.query({});
    const socket = await openSocket(service.url, key);
    socket.send(frame(1, 'query auth.me'));
    await until('an answer', () => socket.frames[0]);
    await owner.client.projects.members.remove.mutate({ projectId, userId: gone.id });
    expect(await code(gone.client.prompts.list.query({ projectId }))).toBe('NOT_FOUND');
    expect(await code(withKey.prompts.list.query({}))).toBe('UNAUTHORIZED');
    expect(await socket.closed).toBe(4401);
    expect(await service.app.db.read('SELECT 1 FROM api_key WHERE project_id = $1', [projectId])).toEqual([]);
    expect((await gone.client.projects.list.query()).items).toHaveLength(1);
    await gone.client.prompts.list.query({});
  });

  test('15: hears no more of the project, on a socket and as server-sent events, and goes on hearing others', async () => {
    const team = await teamOf(service, 'member', 'member');
    const { projectId, owner } = team;
    const [gone, stays] = team.others;
    const [shared, own, others] = await Promise.all([
      follow(gone.client, { projectId }),
      follow(gone.client),
      follow(stays.client, { projectId }),
    ]);
    const input = encodeURIComponent(JSON.stringify({ projectId }));
    const events = await openEvents(`${service.url}/trpc/feed.follow?input=${input}`, {
      authorization: `Bearer ${gone.token}`,
    });
    await until('the events to begin', () => (events.messages.join().includes('ready') ? true : undefined));
    const startedMs = performance.now();
    await owner.client.projects.members.remove.mutate({ projectId, userId: gone.id });
    await until('the end of the stream', () => shared.errors[0]);
    await events.ended;
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    expect(shared.errors).toMatchObject([{ data: { code: 'NOT_FOUND', details: { entity: 'project' } } }]);
    await owner.client.prompts.create.mutate({ projectId, text: 'not for the removed', generate: false });
    await gone.client.prompts.create.mutate({ text: 'their own', generate: false });
    await untilHeard(others, 2);
    await untilHeard(own, 2);
    expect(shared.heard()).toEqual([]);
    expect(events.messages.join()).not.toContain('not for the removed');
    expect([own, others].map(({ errors }) => errors)).toEqual([[], []]);
    for (const reader of [own, others]) reader.unsubscribe();
  });

  test('15: a role that no longer gives the leave ends what needs it, and nothing else', async () => {
    const team = await teamOf(service, 'member');
    const { projectId, owner } = team;
    const [lowered] = team.others;
    const reader = await follow(lowered.client, { projectId });
    await owner.client.projects.members.setRole.mutate({ projectId, userId: lowered.id, role: 'viewer' });
    expect(await code(lowered.client.prompts.create.mutate({ projectId, text: 'x', generate: false }))).toBe(
      'FORBIDDEN',
    );
    await owner.client.prompts.create.mutate({ projectId, text: 'still heard', generate: false });
    await untilHeard(reader, 2);
    expect(reader.errors).toEqual([]);
    reader.unsubscribe();
  });

  test.skipIf(engineUnderTest === 'embedded')('15: is out at every process on the database', async () => {
    await using second = await startSecond(service);
    const team = await teamOf(service, 'member');
    const { projectId, owner } = team;
    const [gone] = team.others;
    const there = second.client({ token: gone.token });
    const reader = await follow(there, { projectId });
    await there.prompts.list.query({ projectId });
    await owner.client.projects.members.remove.mutate({ projectId, userId: gone.id });
    await until('the end of the stream', () => reader.errors[0], 5_000);
    expect(await code(there.prompts.list.query({ projectId }))).toBe('NOT_FOUND');
    const back = await joining(service, team, 'viewer');
    await second.client({ token: back.token }).prompts.list.query({ projectId });
  });
});
