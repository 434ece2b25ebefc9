import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Inputs } from '../../src/client.js';
import { answers, type FakeUpstream, fakeUpstream, held, refuses } from '../support/fake-upstream.js';
import { type Prompt, refusal } from '../support/prompts.js';
import { startService, type TestPerson, type TestService } from '../support/service.js';

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
  upstream.always(answers('Hello'));
  ada = await service.signUp();
});

const store = (text: string, more: object = {}): Promise<Prompt> =>
  ada.client.prompts.create.mutate({ text, generate: false, ...more });
const texts = async (input: Inputs['prompts']['list']): Promise<string[]> =>
  (await ada.client.prompts.list.query(input)).items.map(({ text }) => text);
const nearest = async (query: string): Promise<string[]> =>
  (await ada.client.prompts.similar.query({ query, limit: 50 })).hits.map(({ prompt }) => prompt.id);

describe('a list', () => {
  test('finds by each field of the filter alone', async () => {
    const conversationId = 'talk 1';
    await store('old');
    const one = await store('needle', { tags: ['a', 'b'], environment: 'production', conversationId });
    await ada.client.prompts.create.mutate({ text: 'answered' });
    upstream.script(refuses(400));
    await refusal(ada.client.prompts.create.mutate({ text: 'broken' }));
    const found: [Inputs['prompts']['list'], string[]][] = [
      [{ filter: { status: 'failed' } }, ['broken']],
      [{ filter: { status: 'completed' } }, ['answered', 'needle', 'old']],
      [{ filter: { status: 'pending' } }, []],
      [{ filter: { model: 'gpt-4o-mini' } }, ['broken', 'answered']],
      [{ filter: { environment: 'production' } }, ['needle']],
      [{ filter: { tag: 'b' } }, ['needle']],
      [{ filter: { tag: 'c' } }, []],
      [{ filter: { userId: ada.session.user.id } }, ['broken', 'answered', 'needle', 'old']],
      [{ filter: { userId: one.id } }, []],
      [{ filter: { conversationId } }, ['needle']],
      [{ filter: { createdFrom: one.createdAt } }, ['broken', 'answered', 'needle']],
      [{ filter: { createdTo: one.createdAt } }, ['needle', 'old']],
      [{ filter: { text: 'NEED' } }, ['needle']],
      [{ filter: { tag: 'a', environment: 'production', status: 'completed', text: 'eed' } }, ['needle']],
      [{ filter: { tag: 'a', environment: 'development' } }, []],
    ];
    for (const [input, wanted] of found) expect([input, await texts(input)]).toEqual([input, wanted]);
  });

  test('takes %, _ and \\ in a text filter literally (T48)', async () => {
    for (const text of ['100% sure', '100 sure', 'snake_case', 'snakeXcase', 'back\\slash', 'back slash'])
      await store(text);
    expect(await texts({ filter: { text: '0%' } })).toEqual(['100% sure']);
    expect(await texts({ filter: { text: 'e_c' } })).toEqual(['snake_case']);
    expect(await texts({ filter: { text: 'k\\s' } })).toEqual(['back\\slash']);
  });

  test('goes on where a page ended although prompts are added meanwhile', async () => {
    for (let index = 0; index < 7; index += 1) await store(`${index}`);
    const first = await ada.client.prompts.list.query({ limit: 3 });
    await store('new');
    const second = await ada.client.prompts.list.query({ limit: 3, cursor: first.nextCursor ?? '' });
    await ada.client.prompts.delete.mutate({ id: second.items[2]?.id ?? '' });
    const third = await ada.client.prompts.list.query({ limit: 3, cursor: second.nextCursor ?? '' });
    const pages = [first, second, third].map(({ items }) => items.map(({ text }) => text));
    expect(pages).toEqual([['6', '5', '4'], ['3', '2', '1'], ['0']]);
    expect(third.nextCursor).toBeNull();
  });

  test('that fills its last page exactly says that it is the last', async () => {
    for (const text of ['a', 'b']) await store(text);
    expect((await ada.client.prompts.list.query({ limit: 2 })).nextCursor).toBeNull();
  });

  test('takes no cursor that was changed, or made for another project or filter (T47)', async () => {
    for (const text of ['a', 'b', 'c']) await store(text);
    const cursor = (await ada.client.prompts.list.query({ limit: 1 })).nextCursor ?? '';
    const bob = await service.signUp();
    const changed = Array.from(cursor, (character, index) => {
      const other = character === 'A' ? 'B' : 'A';
      return `${cursor.slice(0, index)}${other}${cursor.slice(index + 1)}`;
    });
    const attempts = [
      ...changed.map((one) => ada.client.prompts.list.query({ cursor: one })),
      ada.client.prompts.list.query({ cursor: 'nonsense' }),
      ada.client.prompts.list.query({ cursor: `${cursor}.x` }),
      ada.client.prompts.list.query({ cursor, filter: { tag: 'a' } }),
      bob.client.prompts.list.query({ cursor }),
    ];
    for (const told of await Promise.all(attempts.map(refusal))) {
      expect(told).toMatchObject({ code: 'BAD_REQUEST', details: { issues: [{ path: 'cursor' }] } });
    }
  });
});

describe('an update', () => {
  test('of the text is found by the next search under its new words and no longer under its old ones', async () => {
    const { id } = await store('How to bake bread');
    await ada.client.prompts.update.mutate({ id, text: 'Repairing a bicycle chain' });
    const { hits } = await ada.client.prompts.similar.query({ query: 'Repairing a bicycle chain' });
    expect(hits[0]?.prompt.id).toBe(id);
    expect(hits[0]?.score).toBeCloseTo(1, 5);
    const old = await ada.client.prompts.similar.query({ query: 'How to bake bread' });
    expect(old.hits[0]?.score).toBeLessThan(0.9);
  });

  test('changes what it names and nothing else', async () => {
    const before = await store('Keep me', {
      tags: ['a'],
      metadata: { a: { b: null } },
      conversationId: 'c',
      system: 's',
    });
    const change = {
      tags: ['x', 'y'],
      metadata: { n: [1] },
      environment: 'staging',
      conversationId: null,
      system: null,
    };
    const after = await ada.client.prompts.update.mutate({ id: before.id, ...change });
    expect(after).toEqual({ ...before, ...change, updatedAt: after.updatedAt });
    expect(Date.parse(after.updatedAt)).toBeGreaterThanOrEqual(Date.parse(before.updatedAt));
    expect(await ada.client.prompts.get.query({ id: before.id })).toEqual(after);
  });

  test('names at least one field, and only known ones', async () => {
    const { id } = await store('x');
    for (const input of [{ id }, { id, status: 'failed' }, { id, text: ' ' }, { id, userId: id }])
      expect((await refusal(ada.client.prompts.update.mutate(input as never))).code).toBe('BAD_REQUEST');
  });

  test('of the text waits until the old one is answered; other fields do not', async () => {
    const asked = upstream.requests.length;
    upstream.script(held('Slowly answered'));
    const call = ada.client.prompts.create.mutate({ text: 'Slow' });
    await upstream.untilRequests(asked + 1);
    const { id } = (await ada.client.prompts.list.query({})).items[0] as Prompt;
    const told = await refusal(ada.client.prompts.update.mutate({ id, text: 'Other' }));
    expect(told).toMatchObject({ code: 'PRECONDITION_FAILED', details: { state: 'pending', promptId: id } });
    expect(await ada.client.prompts.update.mutate({ id, tags: ['t'] })).toMatchObject({
      status: 'pending',
      text: 'Slow',
    });
    expect(await refusal(ada.client.prompts.regenerate.mutate({ id }))).toMatchObject({
      code: 'PRECONDITION_FAILED',
      details: { state: 'pending' },
    });
    upstream.release();
    expect(await call).toMatchObject({ status: 'completed', tags: ['t'] });
  });
});

test('a deletion takes responses and vector with it, at once', async () => {
  const { id } = await ada.client.prompts.create.mutate({ text: 'Delete this' });
  expect(await nearest('Delete this')).toContain(id);
  expect(await ada.client.prompts.delete.mutate({ id })).toEqual({ id });
  expect(await nearest('Delete this')).toEqual([]);
  expect(await texts({})).toEqual([]);
  for (const told of await Promise.all([
    refusal(ada.client.prompts.get.query({ id })),
    refusal(ada.client.prompts.responses.query({ id })),
    refusal(ada.client.prompts.delete.mutate({ id })),
  ]))
    expect(told.code).toBe('NOT_FOUND');
});

describe('asking again', () => {
  test('adds an answer; all are kept, newest first', async () => {
    const { id } = await ada.client.prompts.create.mutate({ text: 'Say something' });
    upstream.script(answers('Second'), answers('Third'));
    await ada.client.prompts.regenerate.mutate({ id });
    const again = await ada.client.prompts.regenerate.mutate({ id, model: 'gpt-4o' });
    expect(again).toMatchObject({ id, status: 'completed', responses: 3, response: { text: 'Third' } });
    expect(upstream.requests.at(-1)?.body).toMatchObject({ model: 'gpt-4o' });
    const all = await ada.client.prompts.responses.query({ id });
    expect(all.items.map(({ text }) => text)).toEqual(['Third', 'Second', 'Hello']);
  });

  test('answers are read in pages, whose cursors are of their prompt alone', async () => {
    const responses = Array.from({ length: 7 }, (_, index) => ({ text: `answer ${index}`, model: 'small' }));
    const items = [
      { text: 'much answered', responses },
      { text: 'another', responses },
    ];
    const [id = '', other = ''] = (await ada.client.prompts.import.mutate({ items })).ids;
    const seen: string[] = [];
    const lengths: number[] = [];
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const page = { id, limit: 3, ...(cursor === undefined ? {} : { cursor }) };
      const { items: answered, nextCursor } = await ada.client.prompts.responses.query(page);
      seen.push(...answered.map(({ text }) => text));
      lengths.push(answered.length);
      cursor = nextCursor;
    }
    expect(lengths).toEqual([3, 3, 1]);
    expect(seen).toEqual(responses.map(({ text }) => text).toReversed());
    const { nextCursor } = await ada.client.prompts.responses.query({ id, limit: 3 });
    const stolen = refusal(ada.client.prompts.responses.query({ id: other, limit: 3, cursor: nextCursor ?? '' }));
    expect(await stolen).toMatchObject({
      code: 'BAD_REQUEST',
      details: { issues: [expect.objectContaining({ path: 'cursor' })] },
    });
  });

  test('asks what was asked: the same words, system and parameters', async () => {
    const input = { text: 'Say it', system: 'Be brief.', parameters: { temperature: 0.25, maxOutputTokens: 9 } };
    const { id } = await ada.client.prompts.create.mutate(input);
    const first = upstream.requests.at(-1)?.body;
    await ada.client.prompts.regenerate.mutate({ id });
    expect(upstream.requests.at(-1)?.body).toEqual(first);
  });

  test('in vain leaves the earlier answer in the history', async () => {
    const { id } = await ada.client.prompts.create.mutate({ text: 'Say something' });
    upstream.script(refuses(400));
    expect(await refusal(ada.client.prompts.regenerate.mutate({ id }))).toMatchObject({
      code: 'BAD_GATEWAY',
      details: { promptId: id },
    });
    const all = await ada.client.prompts.responses.query({ id });
    expect(all.items.map(({ text, error }) => [text, error?.reason ?? null])).toEqual([
      ['', 'bad_request'],
      ['Hello', null],
    ]);
  });
});

test("another project's id answers exactly as an id that does not exist (T21, T22)", async () => {
  const mine = await ada.client.prompts.create.mutate({ text: 'Mine alone' });
  const bob = await service.signUp();
  const absent = `${mine.id.slice(0, -6)}000000`;
  const calls: ((id: string) => Promise<unknown>)[] = [
    (id) => bob.client.prompts.get.query({ id }),
    (id) => bob.client.prompts.responses.query({ id }),
    (id) => bob.client.prompts.update.mutate({ id, tags: ['stolen'] }),
    (id) => bob.client.prompts.update.mutate({ id, text: 'stolen' }),
    (id) => bob.client.prompts.regenerate.mutate({ id }),
    (id) => bob.client.prompts.delete.mutate({ id }),
    (id) => bob.client.prompts.similar.query({ promptId: id }),
  ];
  for (const call of calls) {
    const told = await refusal(call(mine.id));
    expect(told).toEqual(await refusal(call(absent)));
    expect(told).toEqual({ code: 'NOT_FOUND', message: 'No such prompt.', details: { entity: 'prompt' } });
  }
  expect(await ada.client.prompts.get.query({ id: mine.id })).toEqual(mine);
});
