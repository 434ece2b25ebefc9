import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Role } from '../../src/kernel/access.js';
import { TurnedClock } from '../support/clock.js';
import { joining, type Member, rolesIn, stranger, teamOf } from '../support/people.js';
import { refusal } from '../support/prompts.js';
import { startService, type TestService } from '../support/service.js';

const dayMs = 86_400_000;
const clock = new TurnedClock();
let service: TestService;
beforeAll(async () => {
  service = await startService({ clock, env: { ACCESS_TOKEN_MINUTES: '1440' } });
});
afterAll(async () => {
  const bugs = service.logged.filter(({ level }) => level === 'error');
  await service[Symbol.asyncDispose]();
  expect(bugs).toEqual([]);
});

const unknown = { code: 'NOT_FOUND', message: 'No such invitation.', details: { entity: 'invitation' } };
const invite = (
  { client }: Member,
  projectId: string,
  more: { role?: Role; maxUses?: number; expiresInDays?: number } = {},
) => client.projects.invitations.create.mutate({ projectId, role: 'member', ...more });
const accept = ({ client }: Pick<Member, 'client'>, token: string) =>
  client.projects.invitations.accept.mutate({ token });
const tried = (person: Pick<Member, 'client'>, token: string): Promise<object> => refusal(accept(person, token));
/** Signs somebody in again: their first token is over. */
const again = async (person: Member): Promise<Member> => {
  const { username } = person.session.user;
  const { tokens } = await service.client().auth.login.mutate({ username, password: person.password });
  return { ...person, token: tokens.accessToken, client: service.client({ token: tokens.accessToken }) };
};

test('whoever bears the token joins with its role, at the very next call; it is shown once and stored as a hash', async () => {
  const { projectId, owner } = await teamOf(service);
  const made = await invite(owner, projectId);
  expect(made.token).toMatch(/^pwi_[A-Za-z0-9_-]{43}$/);
  expect(made).toMatchObject({ role: 'member', maxUses: 1, uses: 0, prefix: made.token.slice(0, 10) });
  expect(Date.parse(made.expiresAt) - Date.parse(made.createdAt)).toBe(7 * dayMs);
  const guest = await stranger(service);
  expect(await accept(guest, made.token)).toMatchObject({ id: projectId, name: 'Together', role: 'member' });
  await guest.client.prompts.create.mutate({ projectId, text: 'hello', generate: false });
  const { items } = await owner.client.projects.invitations.list.query({ projectId });
  const stored = JSON.stringify([await service.app.db.read('SELECT * FROM invitation', []), items, service.logged]);
  expect(stored).not.toContain(made.token.slice(10));
});

test('unknown, expired, revoked and used-up tokens are answered in the same words', async () => {
  const { projectId, owner } = await teamOf(service);
  const [short, revoked, used] = await Promise.all([
    invite(owner, projectId, { expiresInDays: 1 }),
    invite(owner, projectId),
    invite(owner, projectId),
  ]);
  await accept(await stranger(service), used.token);
  await owner.client.projects.invitations.revoke.mutate({ projectId, id: revoked.id });
  clock.turnMs(dayMs + 1_000);
  const guest = await stranger(service);
  for (const token of [
    short.token,
    revoked.token,
    used.token,
    `pwi_${'x'.repeat(43)}`,
    'pwi_',
    'pw_wrong',
    "' OR 1=1 --",
  ])
    expect(await tried(guest, token)).toEqual(unknown);
  expect((await (await again(owner)).client.projects.invitations.list.query({ projectId })).items).toEqual([]);
});

test('of twelve who accept at the same moment no more come in than were invited', async () => {
  const { projectId, owner } = await teamOf(service);
  const { token } = await invite(owner, projectId, { maxUses: 3 });
  const guests = await Promise.all(Array.from({ length: 12 }, () => stranger(service)));
  const outcomes = await Promise.all(
    guests.map((guest) =>
      accept(guest, token).then(
        () => 'joined',
        () => 'refused',
      ),
    ),
  );
  expect(outcomes.filter((outcome) => outcome === 'joined')).toHaveLength(3);
  expect((await owner.client.projects.members.list.query({ projectId })).items).toHaveLength(4);
});

test('accepting again changes nothing and takes no second place; a member keeps the higher role', async () => {
  const team = await teamOf(service, 'admin', 'viewer');
  const { projectId, owner } = team;
  const [admin, viewer] = team.others;
  const { token, id } = await invite(owner, projectId, { maxUses: 2 });
  expect(await accept(admin, token)).toMatchObject({ role: 'admin' });
  await Promise.all([accept(viewer, token), accept(viewer, token), accept(viewer, token)]);
  expect(await accept(viewer, token)).toMatchObject({ role: 'member' });
  const { items } = await owner.client.projects.invitations.list.query({ projectId });
  expect(items).toMatchObject([{ id, uses: 1, createdBy: { userId: owner.id } }]);
  expect(await rolesIn(team)).toEqual({ owner: 'owner', 'other 0': 'admin', 'other 1': 'member' });
});

test('nobody invites to more than they have, and viewers and members invite nobody', async () => {
  const { projectId, others } = await teamOf(service, 'admin', 'member', 'viewer');
  const [admin, ...small] = others;
  expect(await refusal(invite(admin, projectId, { role: 'owner' }))).toMatchObject({
    code: 'FORBIDDEN',
    details: { scope: 'project:own' },
  });
  await invite(admin, projectId, { role: 'admin' });
  for (const person of small) {
    expect(await refusal(invite(person, projectId))).toMatchObject({ code: 'FORBIDDEN' });
    expect(await refusal(person.client.projects.invitations.list.query({ projectId }))).toMatchObject({
      code: 'FORBIDDEN',
    });
  }
});

test('an invitation is void while its maker could not make it, and gone with its maker', async () => {
  const { projectId, owner, others } = await teamOf(service, 'admin', 'admin');
  const [lowered, gone] = others;
  const made = await invite(lowered, projectId);
  const lost = await invite(gone, projectId);
  const { members, invitations } = owner.client.projects;
  await members.setRole.mutate({ projectId, userId: lowered.id, role: 'member' });
  await members.remove.mutate({ projectId, userId: gone.id });
  const guest = await stranger(service);
  for (const { token } of [made, lost]) expect(await tried(guest, token)).toEqual(unknown);
  expect((await invitations.list.query({ projectId })).items).toEqual([]);
  await members.setRole.mutate({ projectId, userId: lowered.id, role: 'admin' });
  await service.app.db.read('UPDATE app_user SET disabled_at = now() WHERE id = $1', [lowered.id]);
  expect(await tried(guest, made.token)).toEqual(unknown);
  await service.app.db.read('UPDATE app_user SET disabled_at = NULL WHERE id = $1', [lowered.id]);
  expect(await accept(guest, made.token)).toMatchObject({ role: 'member' });
});

test('a removed member does not come back by the invitation they came by; a new one lets them in', async () => {
  const team = await teamOf(service);
  const { projectId, owner } = team;
  const { token } = await invite(owner, projectId, { maxUses: 5 });
  const guest = await stranger(service);
  await accept(guest, token);
  await owner.client.projects.members.remove.mutate({ projectId, userId: guest.id });
  expect(await tried(guest, token)).toEqual(unknown);
  await accept(guest, (await invite(owner, projectId)).token);
});

test('another project’s invitation is NOT_FOUND to revoke and not listed', async () => {
  const [mine, theirs] = [await teamOf(service), await teamOf(service)];
  const { id, token } = await invite(theirs.owner, theirs.projectId);
  const { invitations } = mine.owner.client.projects;
  expect(await refusal(invitations.revoke.mutate({ projectId: mine.projectId, id }))).toMatchObject(unknown);
  expect((await invitations.list.query({ projectId: mine.projectId })).items).toEqual([]);
  await accept(await stranger(service), token);
});

test('a project has at most 100 invitations; ended ones make room', async () => {
  const { projectId, owner } = await teamOf(service);
  for (let tens = 0; tens < 10; tens += 1)
    await Promise.all(Array.from({ length: 10 }, () => invite(owner, projectId, { expiresInDays: 1 })));
  expect(await refusal(invite(owner, projectId))).toMatchObject({
    code: 'PRECONDITION_FAILED',
    details: { state: 'full' },
  });
  clock.turnMs(dayMs + 1_000);
  await invite(await again(owner), projectId);
  expect(await service.app.db.read('SELECT 1 FROM invitation WHERE project_id = $1', [projectId])).toHaveLength(1);
}, 60_000);

test('an API key accepts nothing, whatever its scopes', async () => {
  const { projectId, owner } = await teamOf(service);
  const { token } = await invite(owner, projectId);
  const guest = await stranger(service);
  const { key } = await guest.client.apiKeys.create.mutate({ name: 'ci', scopes: ['prompts:read', 'prompts:write'] });
  expect(await tried({ client: service.client({ token: key }) }, token)).toMatchObject({ code: 'FORBIDDEN' });
});

test('guessing is throttled like log-ins; what succeeds costs nothing', async () => {
  await using guarded = await startService({ env: { LOGIN_FAILURES_PER_15_MIN: '5' } });
  const team = await teamOf(guarded);
  for (let joined = 0; joined < 7; joined += 1) await joining(guarded, team, 'viewer');
  const { token } = await invite(team.owner, team.projectId);
  const guesser = await stranger(guarded);
  for (let guess = 0; guess < 5; guess += 1)
    expect(await tried(guesser, `pwi_${String(guess).repeat(43)}`)).toEqual(unknown);
  expect(await tried(guesser, token)).toMatchObject({ code: 'TOO_MANY_REQUESTS' });
});
