import { once } from 'node:events';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { TurnedClock } from '../support/clock.js';
import { engineUnderTest } from '../support/database.js';
import { follow, openEvents, untilHeard, untilReadable } from '../support/feed.js';
import { inParallel, refusalOf } from '../support/prompts.js';
import { cuttableProxy } from '../support/proxy.js';
import { startSecond, startService, type TestPerson, type TestService } from '../support/service.js';
import { until } from '../support/wait.js';

const clock = new TurnedClock();
let service: TestService;
let ada: TestPerson;

beforeAll(async () => {
  service = await startService({ clock, env: { EVENT_RETENTION_HOURS: '1', ACCESS_TOKEN_MINUTES: '1440' } });
});
afterAll(() => service[Symbol.asyncDispose]());
beforeEach(async () => {
  ada = await service.signUp();
});

/** Stores a prompt without asking a model: two events. */
const store = (person: TestPerson, text: string, more: object = {}) =>
  person.client.prompts.create.mutate({ text, generate: false, ...more });
const storedTwice = (text: string): string[] => [`prompt.created ${text}`, `prompt.completed ${text}`];

test('1: ready comes first, alone, and everything committed after it follows', async () => {
  await store(ada, 'before');
  await untilReadable(service.app.db);
  const reader = await follow(ada.client);
  expect(reader.items).toMatchObject([{ kind: 'ready' }]);
  await store(ada, 'after');
  await untilHeard(reader, 2);
  expect(reader.heard()).toEqual(storedTwice('after'));
  reader.unsubscribe();
});

test('2: what happens to a prompt is heard in its order, each time with the prompt as it was then', async () => {
  const reader = await follow(ada.client);
  const { id } = await store(ada, 'first');
  await ada.client.prompts.update.mutate({ id, text: 'second' });
  // Deleting blanks what is not delivered yet.
  await untilHeard(reader, 3);
  await ada.client.prompts.delete.mutate({ id });
  await untilHeard(reader, 4);
  expect(reader.items.slice(1).map(({ kind }) => kind)).toEqual([
    'prompt.created',
    'prompt.completed',
    'prompt.updated',
    'prompt.deleted',
  ]);
  expect(reader.items[3]?.prompt).toMatchObject({ id, text: 'second' });
  reader.unsubscribe();
});

test('3: across reconnects and among ten writers every event is heard exactly once and in order', async () => {
  await using proxy = await cuttableProxy(service.url);
  const reader = await follow(service.client({ url: proxy.url, token: ada.token }));
  let cuts = 0;
  const cutting = (async () => {
    for (const at of [20, 60, 100, 140, 180]) {
      await untilHeard(reader, at);
      await until('the socket that the last cut is followed by', () => (proxy.connections > cuts ? true : undefined));
      proxy.cut();
      cuts += 1;
    }
  })();
  await inParallel(10, async (writer) => {
    for (let index = 0; index < 10; index += 1) await store(ada, `writer ${writer} prompt ${index}`);
  });
  await cutting;
  await untilHeard(reader, 200);
  await store(ada, 'last');
  await untilHeard(reader, 202);
  const heard = reader.items.filter(({ kind }) => kind !== 'ready').map(({ kind, prompt }) => `${kind} ${prompt?.id}`);
  expect(new Set(heard).size).toBe(202);
  expect(heard).toHaveLength(202);
  const createdFirst = reader.items
    .filter(({ kind }) => kind === 'prompt.completed')
    .every(
      ({ prompt }) => heard.indexOf(`prompt.created ${prompt?.id}`) < heard.indexOf(`prompt.completed ${prompt?.id}`),
    );
  expect(createdFirst).toBe(true);
  expect(cuts).toBe(5);
  expect(proxy.connections).toBeGreaterThan(5);
  expect(reader.errors).toEqual([]);
  reader.unsubscribe();
});

describe.skipIf(engineUnderTest === 'embedded')('with other writers in the database', () => {
  const connected = async (): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: service.env['DATABASE_URL'] });
    await client.connect();
    return client;
  };
  test('4: a transaction that commits late is neither skipped nor overtaken', async () => {
    const template = await store(ada, 'template');
    await untilReadable(service.app.db);
    const reader = await follow(ada.client);
    const late = await connected();
    await late.query('BEGIN');
    await late.query(`INSERT INTO event (project_id, kind, prompt_id, view) VALUES ($1, 'prompt.updated', $2, $3)`, [
      template.projectId,
      template.id,
      JSON.stringify({ ...template, text: 'late' }),
    ]);
    await inParallel(5, (index) => store(ada, `meanwhile ${index}`));
    expect((await ada.client.prompts.list.query({})).items).toHaveLength(6);
    expect(reader.heard()).toEqual([]);
    await late.query('COMMIT');
    await untilHeard(reader, 11);
    expect(reader.heard()[0]).toBe('prompt.updated late');
    expect(new Set(reader.heard()).size).toBe(11);
    const { rows } = await late.query('SELECT kind, prompt_id FROM event WHERE project_id = $1 ORDER BY xid, id', [
      template.projectId,
    ]);
    await late.end();
    const order = rows.slice(2).map(({ kind, prompt_id }) => `${kind} ${prompt_id}`);
    expect(reader.items.slice(1).map(({ kind, prompt }) => `${kind} ${prompt?.id}`)).toEqual(order);
    reader.unsubscribe();
  });

  test('4: a transaction that is rolled back delivers nothing', async () => {
    const reader = await follow(ada.client);
    const undone = await connected();
    const { id, projectId } = await store(ada, 'template', { push: false });
    await undone.query('BEGIN');
    await undone.query(
      `INSERT INTO event (project_id, kind, prompt_id, view) VALUES ($1, 'prompt.updated', $2, '{}')`,
      [projectId, id],
    );
    await undone.query('ROLLBACK');
    await undone.end();
    await store(ada, 'real');
    await untilHeard(reader, 2);
    expect(reader.heard()).toEqual(storedTwice('real'));
    reader.unsubscribe();
  });

  test('12: two processes on one database are one feed', async () => {
    await using second = await startSecond(service);
    const there = await follow(second.client({ token: ada.token }));
    const here = await follow(ada.client);
    await store(ada, 'through the first');
    await untilHeard(there, 2);
    await second.client({ token: ada.token }).prompts.create.mutate({ text: 'through the second', generate: false });
    const all = [...storedTwice('through the first'), ...storedTwice('through the second')];
    for (const reader of [there, here]) {
      await untilHeard(reader, 4);
      expect(reader.heard()).toEqual(all);
      reader.unsubscribe();
    }
  });

  test('14: a closing process hands its readers over: nothing is lost and no stream counts as complete', async () => {
    const leaving = await startSecond(service);
    await using proxy = await cuttableProxy(leaving.url);
    const reader = await follow(service.client({ url: proxy.url, token: ada.token }));
    await store(ada, 'before');
    await untilHeard(reader, 2);
    proxy.leadTo(service.url);
    await leaving.app.close();
    await store(ada, 'after');
    await untilHeard(reader, 4);
    expect(reader.heard()).toEqual([...storedTwice('before'), ...storedTwice('after')]);
    expect(reader).toMatchObject({ completions: 0, errors: [] });
    reader.unsubscribe();
  });
});

test('5: nobody hears of another project, and its positions are refused', async () => {
  const bob = await service.signUp();
  const [adas, bobs] = [await follow(ada.client), await follow(bob.client)];
  await store(ada, 'secret');
  await store(bob, 'own');
  await untilHeard(bobs, 2);
  await untilHeard(adas, 2);
  expect(bobs.heard()).toEqual(storedTwice('own'));
  expect(adas.heard()).toEqual(storedTwice('secret'));
  const moved = await follow(bob.client, { lastEventId: adas.items[0]?.id ?? '' });
  expect(refusalOf(moved.errors[0])).toMatchObject({
    code: 'BAD_REQUEST',
    details: { issues: [{ path: 'lastEventId' }] },
  });
  const trespass = await follow(bob.client, { projectId: ada.session.project.id });
  expect(refusalOf(trespass.errors[0])).toMatchObject({ code: 'NOT_FOUND' });
  for (const reader of [adas, bobs]) reader.unsubscribe();
});

test('6: kinds and filter narrow what is heard', async () => {
  const ends = await follow(ada.client, { kinds: ['prompt.completed', 'prompt.deleted'] });
  const tagged = await follow(ada.client, { filter: { tag: 'yes', environment: 'staging', text: '50%' } });
  const { id } = await store(ada, 'plain');
  await store(ada, 'Just 50% here', { tags: ['yes'], environment: 'staging' });
  await store(ada, 'Just 500 here', { tags: ['yes'], environment: 'staging' });
  await ada.client.prompts.delete.mutate({ id });
  await untilHeard(ends, 4);
  expect(ends.heard().map((line) => line.split(' ')[0])).toEqual([
    'prompt.completed',
    'prompt.completed',
    'prompt.completed',
    'prompt.deleted',
  ]);
  // The blanked view cannot say that its prompt never matched: who might have heard of it hears of its end.
  await untilHeard(tagged, 3);
  expect(tagged.heard()).toEqual([...storedTwice('Just 50% here'), 'prompt.deleted ']);
  for (const reader of [ends, tagged]) reader.unsubscribe();
});

test('7: a prompt kept out of the feed is heard of at no time of its life', async () => {
  const reader = await follow(ada.client);
  const { id } = await store(ada, 'quiet', { push: false });
  await ada.client.prompts.update.mutate({ id, tags: ['still quiet'] });
  await ada.client.prompts.delete.mutate({ id });
  await ada.client.prompts.create.mutate({ text: 'quiet and answered', push: false });
  await store(ada, 'loud');
  await untilHeard(reader, 2);
  expect(reader.heard()).toEqual(storedTwice('loud'));
  reader.unsubscribe();
});

describe('8: with the credential the stream ends:', () => {
  /** Somebody whose token has two seconds to live. */
  const almostExpired = async (): Promise<TestPerson> => {
    clock.turnMs(-(1_440 * 60_000 - 2_000));
    try {
      return await service.signUp();
    } finally {
      clock.turnMs(1_440 * 60_000 - 2_000);
    }
  };
  const rawFollow = async (token: string): Promise<{ socket: WebSocket; closed: Promise<unknown[]> }> => {
    const socket = new WebSocket(`${service.url.replace('http', 'ws')}/trpc?connectionParams=1`);
    await once(socket, 'open');
    const closed = once(socket, 'close');
    socket.send(JSON.stringify({ method: 'connectionParams', data: { token } }));
    socket.send(JSON.stringify({ id: 1, method: 'subscription', params: { path: 'feed.follow', input: {} } }));
    await once(socket, 'message');
    return { socket, closed };
  };

  test('expiry closes the socket', async () => {
    const eve = await almostExpired();
    const { closed } = await rawFollow(eve.token);
    const [code] = await closed;
    expect(code).toBe(4401);
  });

  test('log-out closes the socket, and what is committed afterwards is not heard', async () => {
    const { socket, closed } = await rawFollow(ada.token);
    const { refreshToken } = ada.session.tokens;
    const heard: unknown[] = [];
    const startedMs = performance.now();
    await ada.client.auth.logout.mutate({ refreshToken });
    const [code] = await closed;
    socket.on('message', (data) => heard.push(data));
    expect(code).toBe(4401);
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    expect(heard).toEqual([]);
  });

  test('expiry ends server-sent events', async () => {
    const eve = await almostExpired();
    const stream = await openEvents(`${service.url}/trpc/feed.follow`, { authorization: `Bearer ${eve.token}` });
    await until('ready', () => (stream.messages.some((message) => message.includes('ready')) ? true : undefined));
    await stream.ended;
    expect(stream.messages.at(-1)).not.toContain('event: return');
  });
});

test('9: a position older than events are kept is refused', async () => {
  const reader = await follow(ada.client);
  const lastEventId = reader.items[0]?.id ?? '';
  reader.unsubscribe();
  clock.turnMs(61 * 60_000);
  const late = await follow(ada.client, { lastEventId });
  clock.turnMs(-61 * 60_000);
  expect(refusalOf(late.errors[0])).toMatchObject({ code: 'PRECONDITION_FAILED', details: { state: 'expired' } });
});

test('10: what is deleted has lost its texts in replay', async () => {
  const reader = await follow(ada.client);
  const lastEventId = reader.items[0]?.id ?? '';
  const { id } = await store(ada, 'a secret', { metadata: { secret: 'hidden' }, tags: ['hidden'] });
  await ada.client.prompts.delete.mutate({ id });
  await untilHeard(reader, 3);
  const replay = await follow(ada.client, { lastEventId });
  await untilHeard(replay, 3);
  expect(replay.items.slice(1).map(({ prompt }) => prompt?.id)).toEqual([id, id, id]);
  expect(JSON.stringify(replay.items)).not.toMatch(/secret|hidden/);
  for (const one of [reader, replay]) one.unsubscribe();
});

test('17: an event has one id, live and in replay, so that a client that moves drops what two sockets tell', async () => {
  const live = await follow(ada.client);
  await store(ada, 'told twice');
  await untilHeard(live, 2);
  const replay = await follow(ada.client, { lastEventId: live.items[0]?.id ?? '' });
  await untilHeard(replay, 2);
  const ids = ({ items }: typeof live): string[] => items.slice(1).map(({ id }) => id);
  expect(new Set(ids(live)).size).toBe(2);
  expect(ids(replay)).toEqual(ids(live));
  for (const one of [live, replay]) one.unsubscribe();
});

test('11: a reader that stops reading loses nothing and holds nobody up', async () => {
  const sockets: WebSocket[] = [];
  class Captured extends WebSocket {
    constructor(url: string) {
      super(url);
      sockets.push(this);
    }
  }
  const slow = await follow(service.client({ token: ada.token, WebSocket: Captured }));
  const quick = await follow(ada.client);
  for (const socket of sockets) socket.pause();
  const text = 'x'.repeat(90_000);
  for (let index = 0; index < 80; index += 1) await store(ada, `${index} ${text}`);
  await untilHeard(quick, 160);
  expect(slow.heard().length).toBeLessThan(160);
  for (const socket of sockets) socket.resume();
  await untilHeard(slow, 160);
  const ids = (reader: typeof slow): string[] =>
    reader.items.filter(({ kind }) => kind !== 'ready').map(({ kind, prompt }) => `${kind} ${prompt?.id}`);
  expect(ids(slow)).toEqual(ids(quick));
  for (const reader of [slow, quick]) reader.unsubscribe();
});

describe('13: over server-sent events', () => {
  test('the Authorization header opens the feed', async () => {
    const stream = await openEvents(`${service.url}/trpc/feed.follow`, { authorization: `Bearer ${ada.token}` });
    expect(stream.status).toBe(200);
    const has = (word: string) => (): true | undefined =>
      stream.messages.some((message) => message.includes(word)) ? true : undefined;
    await until('ready', has('"kind":"ready"'));
    await store(ada, 'over SSE');
    await until('the event', has('"kind":"prompt.completed"'));
    stream.stop();
  });

  test.each(['token', 'access_token', 'authorization'])('a token in the URL (%s) opens nothing', async (name) => {
    for (const query of [
      `${name}=${ada.token}`,
      `connectionParams=${encodeURIComponent(JSON.stringify({ token: ada.token }))}`,
    ]) {
      const stream = await openEvents(`${service.url}/trpc/feed.follow?${query}`);
      await stream.ended;
      expect(stream.status === 401 || stream.messages.some((message) => message.includes('UNAUTHORIZED'))).toBe(true);
      expect(stream.messages.join()).not.toContain('ready');
    }
  });
});
