import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { follow, untilHeard } from '../support/feed.js';
import { refusal } from '../support/prompts.js';
import { startService, type TestPerson, type TestService } from '../support/service.js';
import { call, frame, openSocket } from '../support/wire.js';
import { until } from '../support/wait.js';

/** Two people with a project each: what one of them can learn of the other's, or do to it, is nothing. */
let service: TestService;
let ada: TestPerson;
let bob: TestPerson;
/** Of bob, for members. */
let shared: string;
const of = (person: TestPerson): string => person.session.project.id;

beforeAll(async () => {
  service = await startService();
  // The first account would be the administrator of both.
  await service.signUp();
  ada = await service.signUp();
  bob = await service.signUp();
  shared = (await bob.client.projects.create.mutate({ name: 'Of bob' })).id;
});
afterAll(async () => {
  const bugs = service.logged.filter(({ level }) => level === 'error');
  await service[Symbol.asyncDispose]();
  expect(bugs).toEqual([]);
});

/** The version of every row of a project, as PostgreSQL counts writes. */
async function versions(projectId: string): Promise<unknown[]> {
  const tables = ['prompt', 'response', 'embedding', 'api_key', 'membership', 'invitation', 'event', 'audit_entry'];
  const read = (table: string) =>
    service.app.db.read(`SELECT xmin::text AS v, '${table}' AS t FROM ${table} WHERE project_id = $1 ORDER BY ctid`, [
      projectId,
    ]);
  return (await Promise.all(tables.map(read))).flat();
}

/** An answer without what differs between any two. */
const comparable = ({ status, text }: { status: number; text: string }): string =>
  `${status} ${text.replaceAll(/"requestId":"[^"]*"/g, '')}`;

describe('an id of another project', () => {
  /** Every procedure that takes an id of a row, with what it is the id of. */
  const takes: [string, 'prompt' | 'key' | 'user' | 'invitation', (id: string) => object][] = [
    ['prompts.get', 'prompt', (id) => ({ id })],
    ['prompts.responses', 'prompt', (id) => ({ id })],
    ['prompts.update', 'prompt', (id) => ({ id, text: 'stolen' })],
    ['prompts.update', 'prompt', (id) => ({ id, tags: ['stolen'], metadata: { stolen: true } })],
    ['prompts.regenerate', 'prompt', (id) => ({ id })],
    ['prompts.delete', 'prompt', (id) => ({ id })],
    ['prompts.similar', 'prompt', (id) => ({ promptId: id })],
    ['apiKeys.revoke', 'key', (id) => ({ id })],
    ['projects.members.remove', 'user', (id) => ({ projectId: shared, userId: id })],
    ['projects.members.setRole', 'user', (id) => ({ projectId: shared, userId: id, role: 'viewer' })],
    ['projects.invitations.revoke', 'invitation', (id) => ({ projectId: shared, id })],
  ];

  async function idsOfAda(): Promise<Record<(typeof takes)[number][1], string>> {
    const { id: projectId } = await ada.client.projects.create.mutate({ name: 'With guests' });
    const invitation = await ada.client.projects.invitations.create.mutate({ projectId, role: 'viewer' });
    const prompt = await ada.client.prompts.create.mutate({ text: 'mine alone' });
    const key = await ada.client.apiKeys.create.mutate({ name: 'mine', scopes: ['prompts:read'] });
    return { prompt: prompt.id, key: key.id, user: ada.session.user.id, invitation: invitation.id };
  }

  test('is answered to the byte as one that nobody has, whichever procedure it is given to, and no row changes (T21, T22, T24)', async () => {
    const ids = await idsOfAda();
    const before = await versions(of(ada));
    expect(before.length).toBeGreaterThan(4);
    for (const [path, kind, input] of takes) {
      const foreign = await call(service.url, path, { token: bob.token, input: input(ids[kind]) });
      const absent = await call(service.url, path, { token: bob.token, input: input(randomUUID()) });
      expect(foreign.error?.data.code, path).toBe('NOT_FOUND');
      expect(comparable(foreign), path).toBe(comparable(absent));
      expect(foreign.text).not.toContain(ids[kind]);
    }
    expect(await versions(of(ada))).toEqual(before);
  });

  test('the control: the same calls by its owner do change rows, and the comparison says so (T22)', async () => {
    const { prompt } = await idsOfAda();
    const before = await versions(of(ada));
    await ada.client.prompts.update.mutate({ id: prompt, tags: ['mine'] });
    expect(await versions(of(ada))).not.toEqual(before);
  });

  test('names nobody in a filter, a role or a transfer (T24)', async () => {
    await bob.client.prompts.create.mutate({ text: 'of bob', generate: false });
    const filter = { userId: ada.session.user.id };
    expect((await bob.client.prompts.list.query({ filter })).items).toEqual([]);
    expect((await bob.client.prompts.similar.query({ query: 'of bob', filter })).hits).toEqual([]);
    const { id: projectId } = await bob.client.projects.create.mutate({ name: 'Of bob' });
    const userId = ada.session.user.id;
    expect((await refusal(bob.client.projects.transfer.mutate({ projectId, userId }))).code).toBe('NOT_FOUND');
  });
});

describe('the feed', () => {
  test('of another project is NOT_FOUND, and its event ids resume nothing of one’s own (T30)', async () => {
    const heard = await follow(ada.client);
    for (const text of ['one', 'two', 'three']) await ada.client.prompts.create.mutate({ text, generate: false });
    await untilHeard(heard, 6);
    const lastEventId = heard.items.at(-1)?.id ?? '';
    heard.unsubscribe();
    const own = await follow(bob.client);
    await ada.client.prompts.create.mutate({ text: 'not for bob', generate: false });
    await bob.client.prompts.create.mutate({ text: 'for bob', generate: false });
    await untilHeard(own, 2);
    expect(own.heard().every((line) => line.endsWith('for bob'))).toBe(true);
    own.unsubscribe();
    const socket = await openSocket(service.url, bob.token);
    const answerTo = async (id: number, input: object) => {
      socket.send(frame(id, 'subscription feed.follow', input));
      return JSON.parse(
        await until('a refusal', () =>
          socket.frames.find((text) => text.includes(`"id":${id},`) && text.includes('"error"')),
        ),
      );
    };
    expect((await answerTo(1, { projectId: of(ada) })).error.data.code).toBe('NOT_FOUND');
    const stolen = (await answerTo(2, { lastEventId })).error.data;
    expect([stolen.code, stolen.details.issues[0].path]).toEqual(['BAD_REQUEST', 'lastEventId']);
    socket.ws.close();
  });
});

describe('what others do', () => {
  test('moves no count, no page, no score and no preview of one’s own by a byte (T28, T31)', async () => {
    for (const text of ['a river', 'a stone', 'a river stone'])
      await bob.client.prompts.create.mutate({ text, generate: false });
    const asked = async () =>
      JSON.stringify([
        await bob.client.prompts.list.query({ limit: 100 }),
        await bob.client.prompts.similar.query({ query: 'a river', mode: 'hybrid', limit: 50 }),
        await bob.client.prompts.similar.query({ query: 'a river', mode: 'words', limit: 50 }),
        await bob.client.retention.preview.query({ promptDays: 1 }),
        await bob.client.audit.list.query({}),
        await bob.client.projects.members.list.query(),
      ]);
    const before = await asked();
    await ada.client.prompts.import.mutate({
      items: Array.from({ length: 200 }, (_, index) => ({ text: `a river ${index % 3}` })),
    });
    await ada.client.prompts.similar.query({ query: 'a river' });
    expect(await asked()).toBe(before);
  });

  test('takes no idempotency key: the same one stores and answers separately (T32)', async () => {
    const idempotencyKey = `shared-${randomUUID()}`;
    const [mine, theirs] = [
      await ada.client.prompts.create.mutate({ text: 'words of ada', idempotencyKey }),
      await bob.client.prompts.create.mutate({ text: 'words of bob', idempotencyKey }),
    ];
    expect(theirs.id).not.toBe(mine.id);
    expect(theirs.text).toBe('words of bob');
    expect(JSON.stringify(theirs)).not.toContain('words of ada');
    const items = [{ text: 'of both' }];
    const [first, second] = [
      await ada.client.prompts.import.mutate({ items, idempotencyKey: 'import-of-both' }),
      await bob.client.prompts.import.mutate({ items, idempotencyKey: 'import-of-both' }),
    ];
    expect([first.imported, second.imported, second.skipped]).toEqual([1, 1, 0]);
    expect(second.ids).not.toEqual(first.ids);
  });

  test('takes no name: projects, keys, tags and conversations may be called as another’s are (T34)', async () => {
    for (const { client } of [ada, bob]) {
      expect((await client.projects.create.mutate({ name: 'Taken?' })).name).toBe('Taken?');
      expect((await client.apiKeys.create.mutate({ name: 'taken', scopes: ['prompts:read'] })).name).toBe('taken');
      const told = { text: 'same', conversationId: 'same', tags: ['same'], environment: 'same', generate: false };
      await client.prompts.create.mutate(told);
      expect((await client.prompts.list.query({ filter: { conversationId: 'same' } })).items).toHaveLength(1);
    }
  });
});

test('fields of the row are not the caller’s to set: the project, the author, the role and the times are the service’s (T35)', async () => {
  const before = await versions(of(ada));
  for (const stranger of [
    { tenantId: of(ada) },
    { project_id: of(ada) },
    { userId: ada.session.user.id },
    { id: randomUUID() },
    { status: 'completed' },
    { createdAt: '2020-01-01T00:00:00Z' },
    { role: 'owner' },
    { isAdministrator: true },
  ]) {
    const answer = await call(service.url, 'prompts.create', { token: bob.token, input: { text: 'x', ...stranger } });
    expect(answer.error?.data.details).toMatchObject({ issues: [{ path: Object.keys(stranger)[0] }] });
    const signup = { username: `mass-${randomUUID()}`, password: bob.password, ...stranger };
    expect((await call(service.url, 'auth.signup', { input: signup })).error?.data.code).toBe('BAD_REQUEST');
  }
  expect(await versions(of(ada))).toEqual(before);
  const made = await bob.client.prompts.create.mutate({ text: 'of bob, surely', generate: false });
  expect([made.projectId, made.userId]).toEqual([of(bob), bob.session.user.id]);
});

test('a search of five thousand terms reads at most sixty-four of them, and a text filter at most 256 characters (T48, T49)', async () => {
  await bob.client.prompts.create.mutate({ text: 'zebra crossing', generate: false });
  const terms = Array.from({ length: 5_000 }, (_, index) => String.fromCharCode(97 + (index % 26)));
  for (const mode of ['words', 'hybrid', 'meaning'] as const) {
    const begin = performance.now();
    await bob.client.prompts.similar.query({ query: terms.join(' ').slice(0, 10_000), mode });
    expect(performance.now() - begin).toBeLessThan(5_000);
  }
  const late = `${Array.from({ length: 64 }, (_, index) => `term${index}`).join(' ')} zebra`;
  expect((await bob.client.prompts.similar.query({ query: late, mode: 'words' })).hits).toEqual([]);
  expect((await bob.client.prompts.similar.query({ query: 'term0 zebra', mode: 'words' })).hits).toHaveLength(1);
  const long = await call(service.url, 'prompts.similar', {
    token: bob.token,
    input: { query: `${terms.join(' ')} xx` },
  });
  expect(long.error?.data.details).toMatchObject({ issues: [{ path: 'query' }] });
  const filter = { text: 'x'.repeat(257) };
  expect((await refusal(bob.client.prompts.list.query({ filter }))).code).toBe('BAD_REQUEST');
});
