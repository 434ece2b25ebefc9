import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ProcedureMeta } from '../../src/rpc/init.js';
import { keyScopes, type Role, roleScopes, type Scope } from '../../src/kernel/access.js';
import { TurnedClock } from '../support/clock.js';
import { describedProcedures } from '../support/procedures.js';
import { startService, type TestPerson, type TestService } from '../support/service.js';
import { until } from '../support/wait.js';
import { call, frame, openSocket } from '../support/wire.js';

type Access = ProcedureMeta['access'];

/** Every procedure and what it asks for. A procedure that is missing here fails the run. */
const table: Readonly<Record<string, Access>> = {
  'auth.signup': 'public',
  'auth.login': 'public',
  'auth.refresh': 'public',
  'auth.logout': 'public',
  'auth.me': 'user',
  'auth.changePassword': 'session',
  'auth.deleteAccount': 'session',
  'apiKeys.create': 'keys:manage',
  'apiKeys.list': 'keys:manage',
  'apiKeys.revoke': 'keys:manage',
  'projects.list': 'user',
  'projects.create': 'session',
  'projects.transfer': 'project:own',
  'projects.members.list': 'members:read',
  'projects.members.add': 'members:manage',
  'projects.members.remove': 'members:manage',
  'projects.members.setRole': 'members:manage',
  'projects.members.leave': 'members:read',
  'projects.invitations.create': 'members:manage',
  'projects.invitations.list': 'members:manage',
  'projects.invitations.revoke': 'members:manage',
  'projects.invitations.accept': 'session',
  'audit.list': 'audit:read',
  'audit.installation': 'administrator',
  'projects.erase': 'project:own',
  'prompts.create': 'prompts:write',
  'prompts.stream': 'prompts:write',
  'prompts.get': 'prompts:read',
  'prompts.responses': 'prompts:read',
  'prompts.list': 'prompts:read',
  'prompts.similar': 'prompts:read',
  'prompts.update': 'prompts:write',
  'prompts.regenerate': 'prompts:write',
  'prompts.delete': 'prompts:write',
  'prompts.import': 'prompts:write',
  'feed.follow': 'feed:read',
  'retention.get': 'retention:manage',
  'retention.preview': 'retention:manage',
  'retention.set': 'retention:manage',
  'retention.applyNow': 'retention:manage',
  'spaces.list': 'administrator',
  'spaces.add': 'administrator',
  'spaces.compare': 'administrator',
  'spaces.activate': 'administrator',
  'spaces.drop': 'administrator',
  'spaces.follow': 'administrator',
  'system.info': 'user',
};

/** What answers with more than it was given asks for one more scope. */
const alsoNeeds: Readonly<Record<string, Scope>> = {
  'prompts.regenerate': 'prompts:read',
  'prompts.update': 'prompts:read',
};

const procedures = describedProcedures().map(({ path, type, meta }) => ({
  path,
  type,
  access: meta.access,
  alsoNeeds: meta.alsoNeeds,
}));

/** What the caller meets: leave (whatever the input then meets), or the code of a refusal. */
type Verdict = 'leave' | 'UNAUTHORIZED' | 'FORBIDDEN' | 'NOT_FOUND';

interface Caller {
  name: string;
  token: () => string | undefined;
  projectId?: () => string;
  verdict(access: Access): Verdict;
}

const clock = new TurnedClock();
let service: TestService;
let owner: TestPerson;
let stranger: TestPerson;
const members = new Map<Role, TestPerson>();
const keys = new Map<Scope, string>();
/** Credentials that were good once. */
const ended = new Map<'signed out' | 'disabled' | 'revoked key' | 'expired key', string>();
let removed: TestPerson;
let loweredKey: string;
let shared: string;
let expired: string;
let administrator: TestPerson;

beforeAll(async () => {
  service = await startService({ clock });
  // The first account of an installation is its administrator.
  const first = await service.signUp();
  expired = first.token;
  clock.turnMs(61 * 60_000);
  owner = await service.signUp();
  stranger = await service.signUp();
  shared = (await owner.client.projects.create.mutate({ name: 'Shared' })).id;
  for (const role of ['viewer', 'member', 'admin'] as const) {
    const person = await service.signUp();
    const userId = person.session.user.id;
    await service.app.db.prisma.membership.create({ data: { projectId: shared, userId, role } });
    members.set(role, person);
  }
  members.set('owner', owner);
  for (const scope of keyScopes)
    keys.set(
      scope,
      (await owner.client.apiKeys.create.mutate({ projectId: shared, name: scope, scopes: [scope] })).key,
    );
  await endCredentials();
  const { user } = first.session;
  const { tokens } = await service.client().auth.login.mutate({ username: user.username, password: first.password });
  administrator = { ...first, token: tokens.accessToken };
  // What was there at the sign-up is still remembered.
  clock.turnMs(5_000);
});

/** Signs out, disables, revokes, lets expire, removes and lowers. */
async function endCredentials(): Promise<void> {
  const memberships = service.app.db.prisma.membership;
  const [signedOut, disabled, lowered] = [await service.signUp(), await service.signUp(), await service.signUp()];
  await signedOut.client.auth.logout.mutate({ refreshToken: signedOut.session.tokens.refreshToken });
  ended.set('signed out', signedOut.token);
  await service.app.db.prisma.user.update({
    where: { id: disabled.session.user.id },
    data: { disabledAt: new Date(clock.nowMs()) },
  });
  ended.set('disabled', disabled.token);
  const ask = { projectId: shared, name: 'ending', scopes: [...keyScopes] };
  const revoked = await owner.client.apiKeys.create.mutate(ask);
  await owner.client.apiKeys.revoke.mutate({ projectId: shared, id: revoked.id });
  ended.set('revoked key', revoked.key);
  const expiresAt = new Date(clock.nowMs() + 1_000).toISOString();
  ended.set('expired key', (await owner.client.apiKeys.create.mutate({ ...ask, expiresAt })).key);
  removed = await service.signUp();
  const userId = removed.session.user.id;
  await memberships.create({ data: { projectId: shared, userId, role: 'admin' } });
  await owner.client.projects.members.remove.mutate({ projectId: shared, userId });
  const loweredId = lowered.session.user.id;
  await memberships.create({ data: { projectId: shared, userId: loweredId, role: 'member' } });
  clock.turnMs(5_000);
  loweredKey = (await lowered.client.apiKeys.create.mutate(ask)).key;
  await owner.client.projects.members.setRole.mutate({ projectId: shared, userId: loweredId, role: 'viewer' });
}

afterAll(async () => {
  const bugs = service.logged.filter(({ level }) => level === 'error');
  await service[Symbol.asyncDispose]();
  expect(bugs).toEqual([]);
});

const isScope = (access: Access): access is Scope => access.includes(':');
const isKeyScope = (access: Scope): boolean => keyScopes.some((scope) => scope === access);
const isForPeople = (access: Access): boolean => access === 'session' || access === 'administrator';
const nobody = (access: Access): Verdict => (access === 'public' ? 'leave' : 'UNAUTHORIZED');

const callers: Caller[] = [
  { name: 'no token', token: () => undefined, verdict: nobody },
  { name: 'garbage', token: () => 'garbage', verdict: nobody },
  { name: 'an expired token', token: () => expired, verdict: nobody },
  { name: 'a refresh token', token: () => owner.session.tokens.refreshToken, verdict: nobody },
  { name: 'the token of a session that was signed out', token: () => ended.get('signed out'), verdict: nobody },
  { name: 'the token of a disabled account', token: () => ended.get('disabled'), verdict: nobody },
  { name: 'a revoked API key', token: () => ended.get('revoked key'), verdict: nobody },
  { name: 'an expired API key', token: () => ended.get('expired key'), verdict: nobody },
  ...(['viewer', 'member', 'admin', 'owner'] as const).map((role) => ({
    name: `the ${role}`,
    token: () => members.get(role)?.token,
    projectId: () => shared,
    verdict: (access: Access): Verdict =>
      access === 'administrator' || (isScope(access) && !roleScopes[role].includes(access)) ? 'FORBIDDEN' : 'leave',
  })),
  ...keyScopes.map((scope) => ({
    name: `an API key for ${scope}`,
    token: () => keys.get(scope),
    projectId: () => shared,
    verdict: (access: Access): Verdict =>
      isForPeople(access) || (isScope(access) && access !== scope) ? 'FORBIDDEN' : 'leave',
  })),
  {
    name: 'an API key of every scope whose maker has become a viewer',
    token: () => loweredKey,
    projectId: () => shared,
    verdict: (access) =>
      isForPeople(access) || (isScope(access) && !(isKeyScope(access) && roleScopes.viewer.includes(access)))
        ? 'FORBIDDEN'
        : 'leave',
  },
  {
    name: 'a member who was removed',
    token: () => removed.token,
    projectId: () => shared,
    verdict: (access) => (isScope(access) ? 'NOT_FOUND' : access === 'administrator' ? 'FORBIDDEN' : 'leave'),
  },
  {
    name: 'a stranger',
    token: () => stranger.token,
    projectId: () => shared,
    verdict: (access) => (isScope(access) ? 'NOT_FOUND' : access === 'administrator' ? 'FORBIDDEN' : 'leave'),
  },
  {
    name: 'an administrator of the installation, in a project of others',
    token: () => administrator.token,
    projectId: () => shared,
    verdict: (access) => (isScope(access) ? 'NOT_FOUND' : 'leave'),
  },
  {
    name: "an API key, in its maker's other project",
    token: () => keys.get('prompts:read'),
    projectId: () => owner.session.project.id,
    verdict: (access) => (isScope(access) ? 'NOT_FOUND' : isForPeople(access) ? 'FORBIDDEN' : 'leave'),
  },
];

/** An input that every schema refuses, so that leave executes nothing; the project alone is read before it. */
const inputFor = (access: Access, caller: Caller) => ({
  ...(isScope(access) && caller.projectId !== undefined ? { projectId: caller.projectId() } : {}),
  noSuchField: true,
});

/** A caller meets the sterner of the two. */
function expected(caller: Caller, path: string): Verdict {
  const first = caller.verdict(table[path] ?? 'public');
  return first === 'leave' ? caller.verdict(alsoNeeds[path] ?? 'public') : first;
}

/** Leave is met as success or as the refusal of the input, or of the (public) credential inside it. */
function verdictOf(code: string | undefined, message: string): string {
  if (code === undefined || code === 'BAD_REQUEST') return 'leave';
  if (code === 'NOT_FOUND') expect(message).toBe('No such project.');
  return code;
}

test('the table names every procedure with the access that it asks for (T20)', () => {
  expect(Object.fromEntries(procedures.map(({ path, access }) => [path, access]))).toEqual(table);
  const more = procedures.flatMap(({ path, alsoNeeds: scope }) => (scope === undefined ? [] : [[path, scope]]));
  expect(Object.fromEntries(more)).toEqual(alsoNeeds);
});

describe.each(callers)('$name', (caller) => {
  test.each(procedures.filter(({ type }) => type !== 'subscription'))(
    'meets at $path over HTTP what the table says (T20, PF-12)',
    async ({ path, type }) => {
      const access = table[path] ?? 'public';
      const method = type === 'query' ? 'GET' : 'POST';
      const answer = await call(service.url, path, { token: caller.token(), method, input: inputFor(access, caller) });
      expect(verdictOf(answer.error?.data.code, answer.error?.message ?? '')).toBe(expected(caller, path));
    },
  );

  const asked = procedures.filter(({ access }) => access !== 'public');
  const isNobody = caller.verdict('user') === 'UNAUTHORIZED';

  test.skipIf(!isNobody)('is sent away from a WebSocket before any call (T20, PF-16)', async () => {
    const socket = await openSocket(service.url, caller.token() ?? '');
    for (const [id, { path, type }] of asked.entries()) socket.send(frame(id, `${type} ${path}`, {}));
    expect(await socket.closed).toBe(4401);
    expect(socket.frames.filter((text) => text.includes('"result"'))).toEqual([]);
  });

  test.skipIf(isNobody)('meets over WebSocket what the table says (T20, PF-16)', async () => {
    const socket = await openSocket(service.url, caller.token());
    for (const [id, { path, type, access }] of asked.entries())
      socket.send(frame(id, `${type} ${path}`, inputFor(access, caller)));
    const answers = await until('all answers', () => {
      const seen = socket.frames.map((text) => JSON.parse(text)).filter(({ result }) => result?.type !== 'stopped');
      return seen.length >= asked.length ? seen : undefined;
    });
    for (const { id, error } of answers) {
      const { path } = asked[id] ?? { path: 'unknown' };
      expect(`${path}: ${verdictOf(error?.data.code, error?.message)}`).toBe(`${path}: ${expected(caller, path)}`);
    }
    socket.ws.close();
  });
});
