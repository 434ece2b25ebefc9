import { once } from 'node:events';
import { WebSocket } from 'ws';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { answers, type FakeUpstream, fakeUpstream, held, refuses } from '../support/fake-upstream.js';
import { engineUnderTest } from '../support/database.js';
import { type Prompt, readStream, refusal, refusalOf } from '../support/prompts.js';
import { cuttableProxy } from '../support/proxy.js';
import { startSecond, startService, type TestPerson, type TestService } from '../support/service.js';
import { until } from '../support/wait.js';

const answer = 'One two three four five';
let upstream: FakeUpstream;
let service: TestService;
let ada: TestPerson;

beforeAll(async () => {
  upstream = await fakeUpstream();
  service = await startService({
    env: { PROMPTWELL_OFFLINE: '0', LLM_BASE_URL: upstream.baseUrl, LLM_API_KEY: 'sk', LLM_MODEL: 'gpt-4o-mini' },
  });
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});
beforeEach(async () => {
  upstream.always(answers(answer));
  ada = await service.signUp();
});

const firstWord = (reader: { text(): string }): Promise<true> =>
  until('the first word', () => (reader.text().startsWith('One') ? true : undefined));
const statusOf = async (person: TestPerson, wanted: Prompt['status']): Promise<Prompt> =>
  until(
    `a ${wanted} prompt`,
    async () => (await person.client.prompts.list.query({ filter: { status: wanted } })).items[0],
  );

test('a stream is the stored prompt, the answer in pieces, and the end as it is stored', async () => {
  const reader = readStream(ada.client, { text: 'Count' });
  const end = await reader.ended;
  expect(reader.events.map(({ data }) => data.type)).toEqual([
    'prompt',
    ...reader.events.slice(1, -1).map(() => 'delta'),
    'completed',
  ]);
  expect(reader.events[0]?.data).toMatchObject({ prompt: { id: end.id, status: 'pending' } });
  expect(reader.text()).toBe(answer);
  expect(await ada.client.prompts.get.query({ id: end.id })).toEqual(end);
});

test('a word is passed on before the next one is there', async () => {
  upstream.script(held(answer));
  const reader = readStream(ada.client, { text: 'Count' });
  await firstWord(reader);
  expect((await ada.client.prompts.list.query({})).items[0]).toMatchObject({ status: 'pending' });
  upstream.release();
  expect((await reader.ended).response?.text).toBe(answer);
});

test('a failing model is the last item, not an error, and the prompt says why', async () => {
  upstream.script(refuses(400));
  const reader = readStream(ada.client, { text: 'Fail' });
  const end = await reader.ended;
  expect(reader.events.at(-1)?.data.type).toBe('failed');
  expect(end).toMatchObject({ status: 'failed', response: { error: { kind: 'upstream', reason: 'bad_request' } } });
});

test('a cut stream goes on where it was cut: each word once, the model asked once', async () => {
  await using proxy = await cuttableProxy(service.url);
  const asked = upstream.requests.length;
  upstream.script(held(answer));
  const reader = readStream(service.client({ url: proxy.url, token: ada.token }), { text: 'Count' });
  await firstWord(reader);
  proxy.cut();
  await until('the reconnect', () => (proxy.connections > 1 ? true : undefined));
  upstream.release();
  const end = await reader.ended;
  expect(reader.text()).toBe(answer);
  expect(end).toMatchObject({ status: 'completed', response: { text: answer } });
  expect(upstream.requests.length - asked).toBe(1);
  expect(reader.events.filter(({ data }) => data.type === 'prompt')).toHaveLength(1);
});

test('a stream that its client stops aborts the model at once and keeps what came', async () => {
  const abandoned = upstream.abandoned;
  upstream.script(held(answer));
  const reader = readStream(ada.client, { text: 'Stop me' });
  await firstWord(reader);
  reader.unsubscribe();
  await upstream.untilAbandoned(abandoned + 1);
  const prompt = await statusOf(ada, 'cancelled');
  expect(prompt.response).toMatchObject({ finishReason: 'cancelled', error: null });
  expect(answer.startsWith(prompt.response?.text ?? '-')).toBe(true);
});

test('a stream stopped with its very first item leaves no model running', async () => {
  const abandoned = upstream.abandoned;
  upstream.script(held(answer));
  const stop = { now: (): void => undefined };
  const subscription = ada.client.prompts.stream.subscribe({ text: 'Stop me' }, { onData: () => stop.now() });
  stop.now = () => subscription.unsubscribe();
  await upstream.untilAbandoned(abandoned + 1);
  await statusOf(ada, 'cancelled');
});

test('a stream that is cut and not resumed for a second is cancelled like a stopped one', async () => {
  await using proxy = await cuttableProxy(service.url);
  const abandoned = upstream.abandoned;
  upstream.script(held(answer));
  const reader = readStream(service.client({ url: proxy.url, token: ada.token }), { text: 'Cut me' });
  await firstWord(reader);
  proxy.refuse();
  proxy.cut();
  await upstream.untilAbandoned(abandoned + 1);
  expect((await statusOf(ada, 'cancelled')).response?.text).toMatch(/^One/);
  reader.unsubscribe();
});

test('a second client with the same key joins the stream from its beginning, and stopping one leaves the other', async () => {
  const asked = upstream.requests.length;
  upstream.script(held(answer));
  const input = { text: 'Together', idempotencyKey: 'shared' };
  const first = readStream(ada.client, input);
  await firstWord(first);
  const second = readStream(service.client({ token: ada.token }), input);
  await firstWord(second);
  first.unsubscribe();
  // Sent on the same socket after the stop, so answered after it was dealt with.
  await ada.client.prompts.list.query({});
  upstream.release();
  expect((await second.ended).status).toBe('completed');
  expect(second.text()).toBe(answer);
  expect(upstream.requests.length - asked).toBe(1);
});

test('a create with the key of a stream waits for its answer and keeps it alive', async () => {
  const asked = upstream.requests.length;
  upstream.script(held(answer));
  const input = { text: 'Together', idempotencyKey: 'shared' };
  const reader = readStream(ada.client, input);
  await firstWord(reader);
  const created = ada.client.prompts.create.mutate(input);
  const joined = readStream(service.client({ token: ada.token }), input);
  await firstWord(joined);
  for (const one of [reader, joined]) one.unsubscribe();
  await ada.client.prompts.list.query({});
  upstream.release();
  expect((await created).response?.text).toBe(answer);
  expect(upstream.requests.length - asked).toBe(1);
});

test('the key of an ended stream brings its answer again, with another body a conflict', async () => {
  const asked = upstream.requests.length;
  const input = { text: 'Once', idempotencyKey: 'ended' };
  const first = await readStream(ada.client, input).ended;
  const again = readStream(ada.client, input);
  expect(await again.ended).toEqual(first);
  expect(again.text()).toBe(answer);
  const other = await readStream(ada.client, { ...input, text: 'Other' }).ended.catch(refusalOf);
  expect(other).toMatchObject({ code: 'CONFLICT', details: { current: first.id } });
  expect(upstream.requests.length - asked).toBe(1);
});

test('a resumed stream whose prompt was deleted is not found, and asks no model again', async () => {
  const input = { text: 'Gone', idempotencyKey: 'gone' };
  const { id } = await readStream(ada.client, input).ended;
  await ada.client.prompts.delete.mutate({ id });
  const asked = upstream.requests.length;
  const resumed = readStream(ada.client, { ...input, lastEventId: `${id}:3` });
  expect(await resumed.ended.catch(refusalOf)).toMatchObject({ code: 'NOT_FOUND' });
  expect(upstream.requests).toHaveLength(asked);
});

test('a prompt deleted while it is answered ends its stream and its model', async () => {
  const abandoned = upstream.abandoned;
  upstream.script(held(answer));
  const reader = readStream(ada.client, { text: 'Delete me' });
  await firstWord(reader);
  const { items } = await ada.client.prompts.list.query({});
  await ada.client.prompts.delete.mutate({ id: items[0]?.id ?? '' });
  await upstream.untilAbandoned(abandoned + 1);
  expect(await reader.ended.catch(refusalOf)).toMatchObject({ code: 'PRECONDITION_FAILED' });
});

describe('over plain HTTP', () => {
  test.each(['GET', 'POST'])('%s is METHOD_NOT_SUPPORTED and creates nothing', async (method) => {
    const input = JSON.stringify({ text: 'Run me twice', idempotencyKey: 'k' });
    const url = `${service.url}/trpc/prompts.stream${method === 'GET' ? `?input=${encodeURIComponent(input)}` : ''}`;
    const response = await fetch(url, {
      method,
      headers: {
        authorization: `Bearer ${ada.token}`,
        'content-type': 'application/json',
        accept: 'text/event-stream',
      },
      ...(method === 'POST' ? { body: input } : {}),
    });
    expect(response.status).toBe(405);
    expect(await response.json()).toMatchObject({ error: { data: { code: 'METHOD_NOT_SUPPORTED' } } });
    expect((await ada.client.prompts.list.query({})).items).toEqual([]);
  });

  test('not even inside a batch', async () => {
    const input = JSON.stringify({ 0: {}, 1: { text: 'Run me twice', idempotencyKey: 'k' } });
    const response = await fetch(
      `${service.url}/trpc/prompts.list,prompts.stream?batch=1&input=${encodeURIComponent(input)}`,
      { headers: { authorization: `Bearer ${ada.token}` } },
    );
    expect(response.status).toBeGreaterThanOrEqual(400);
    expect((await ada.client.prompts.list.query({})).items).toEqual([]);
  });
});

test('a stream without an idempotency key is refused with the name of what is missing; our client makes one', async () => {
  const socket = new WebSocket(service.url.replace('http', 'ws') + '/trpc?connectionParams=1');
  await once(socket, 'open');
  const ask = { id: 1, method: 'subscription', params: { path: 'prompts.stream', input: { text: 'No key' } } };
  for (const message of [{ method: 'connectionParams', data: { token: ada.token } }, ask])
    socket.send(JSON.stringify(message));
  const [answered] = (await once(socket, 'message')) as [Buffer];
  expect(JSON.parse(answered.toString())).toMatchObject({
    error: { data: { code: 'BAD_REQUEST', details: { issues: [{ path: 'idempotencyKey' }] } } },
  });
  socket.close();
  const keyless = readStream(ada.client, { text: 'No key', idempotencyKey: undefined as unknown as string });
  expect((await keyless.ended).status).toBe('completed');
  const blank = await readStream(ada.client, { text: 'Blank', idempotencyKey: ' ' }).ended.catch(refusalOf);
  expect(blank).toMatchObject({ code: 'BAD_REQUEST', details: { issues: [{ path: 'idempotencyKey' }] } });
});

// The embedded engine has one process.
describe.skipIf(engineUnderTest === 'embedded')('two processes on one database', () => {
  test('a stream whose process is left goes on at another one: each word once, the model asked once', async () => {
    await using second = await startSecond(service);
    await using proxy = await cuttableProxy(service.url);
    const asked = upstream.requests.length;
    upstream.script(held(answer));
    const reader = readStream(service.client({ url: proxy.url, token: ada.token }), { text: 'Move' });
    await firstWord(reader);
    proxy.leadTo(second.url);
    proxy.cut();
    await until('the reconnect', () => (proxy.connections > 1 ? true : undefined));
    const { items } = await ada.client.prompts.list.query({});
    // Past the second in which an unread model would be cancelled.
    const startedMs = performance.now();
    await until('a second and a half', () => (performance.now() - startedMs > 1_500 ? true : undefined));
    expect(await ada.client.prompts.get.query({ id: items[0]?.id ?? '' })).toMatchObject({ status: 'pending' });
    upstream.release();
    expect(await reader.ended).toMatchObject({ status: 'completed', response: { text: answer } });
    expect(reader.text()).toBe(answer);
    expect(upstream.requests.length - asked).toBe(1);
  });

  test('stopped at the other process, the model is aborted at its own', async () => {
    await using second = await startSecond(service);
    await using proxy = await cuttableProxy(service.url);
    const abandoned = upstream.abandoned;
    upstream.script(held(answer));
    const reader = readStream(service.client({ url: proxy.url, token: ada.token }), { text: 'Move and stop' });
    await firstWord(reader);
    proxy.leadTo(second.url);
    proxy.cut();
    await until('the reconnect', () => (proxy.connections > 1 ? true : undefined));
    reader.unsubscribe();
    await upstream.untilAbandoned(abandoned + 1);
    await statusOf(ada, 'cancelled');
  });

  test('a create repeated at another process gets the one answer', async () => {
    await using second = await startSecond(service);
    const asked = upstream.requests.length;
    upstream.script(held(answer));
    const input = { text: 'Twice', idempotencyKey: 'two' };
    const first = ada.client.prompts.create.mutate(input);
    await upstream.untilRequests(asked + 1);
    const again = second.client({ token: ada.token }).prompts.create.mutate(input);
    upstream.release();
    expect(await again).toEqual(await first);
    expect(upstream.requests.length - asked).toBe(1);
  });

  test('a process that closes lets its streams finish and takes no new prompts', async () => {
    const leaving = await startSecond(service);
    await using proxy = await cuttableProxy(leaving.url);
    upstream.script(held(answer));
    const reader = readStream(service.client({ url: proxy.url, token: ada.token }), { text: 'Before closing' });
    await firstWord(reader);
    proxy.leadTo(service.url);
    const closed = leaving.app.close();
    await until('the reconnect', () => (proxy.connections > 1 ? true : undefined));
    const late = await refusal(leaving.client({ token: ada.token }).prompts.create.mutate({ text: 'Too late' }));
    expect(late.code).toBe('SERVICE_UNAVAILABLE');
    upstream.release();
    expect(await reader.ended).toMatchObject({ status: 'completed', response: { text: answer } });
    expect(reader.text()).toBe(answer);
    expect((await closed).failed).toEqual([]);
  });
});
