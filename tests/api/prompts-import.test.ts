import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Inputs } from '../../src/client.js';
import { follow, untilHeard } from '../support/feed.js';
import { inParallel, type Prompt, refusal } from '../support/prompts.js';
import { startService, type TestPerson, type TestService } from '../support/service.js';
import { until } from '../support/wait.js';
import { call } from '../support/wire.js';

type Item = Inputs['prompts']['import']['items'][number];

let service: TestService;
let ada: TestPerson;

beforeAll(async () => {
  service = await startService();
});
afterAll(async () => {
  const bugs = service.logged.filter(({ level }) => level === 'error');
  await service[Symbol.asyncDispose]();
  expect(bugs).toEqual([]);
});
beforeEach(async () => {
  ada = await service.signUp();
});

const listed = async (): Promise<Prompt[]> => (await ada.client.prompts.list.query({ limit: 100 })).items;
const numbered = (count: number): Item[] =>
  Array.from({ length: count }, (_, index) => ({ text: `imported ${index}` }));

test('an imported prompt is read back as it was sent, with its answers, its time and its place in the list', async () => {
  const now = await ada.client.prompts.create.mutate({ text: 'asked here', generate: false });
  const { imported, skipped, ids } = await ada.client.prompts.import.mutate({
    items: [
      {
        text: 'Plan a weekend\r\n  "in" \\ Lisbon 😀',
        system: 'Be brief.',
        model: 'asked-model',
        conversationId: 'c1',
        environment: 'production',
        tags: ['travel', 'log, "file"'],
        metadata: { line: 3, nested: { list: [1, null, true, 12_345_678_901_234] } },
        createdAt: '2024-05-06T07:08:09.123+02:00',
        responses: [
          { text: 'First.', model: 'small', inputTokens: 3, outputTokens: 5, costUsd: 0.000_001, latencyMs: 80 },
          { text: '', error: { message: 'cut off' }, createdAt: '2024-05-06T05:08:20Z' },
        ],
      },
      { text: 'as simple as can be' },
    ],
  });
  expect({ imported, skipped }).toEqual({ imported: 2, skipped: 0 });
  const [first, second] = await Promise.all(ids.map((id) => ada.client.prompts.get.query({ id })));
  expect(first).toMatchObject({
    text: 'Plan a weekend\r\n  "in" \\ Lisbon 😀',
    system: 'Be brief.',
    status: 'failed',
    responses: 2,
    userId: ada.session.user.id,
    conversationId: 'c1',
    environment: 'production',
    tags: ['travel', 'log, "file"'],
    metadata: { line: 3, nested: { list: [1, null, true, 12_345_678_901_234] } },
    createdAt: '2024-05-06T05:08:09.123Z',
    response: { text: '', error: { kind: 'upstream', message: 'cut off' }, createdAt: '2024-05-06T05:08:20.000Z' },
  });
  const { items: answers } = await ada.client.prompts.responses.query({ id: ids[0] ?? '' });
  expect(answers[1]).toMatchObject({
    text: 'First.',
    model: 'small',
    provider: 'imported',
    usage: { inputTokens: 3, outputTokens: 5, totalTokens: 8 },
    costUsd: 0.000_001,
    latencyMs: 80,
    createdAt: '2024-05-06T05:08:09.123Z',
  });
  expect(second).toMatchObject({ status: 'completed', response: null, responses: 0, environment: 'development' });
  expect((await listed()).map(({ id }) => id)).toEqual([ids[1], now.id, ids[0]]);
});

test('a thousand prompts are stored in their order, get their vectors, and are found by meaning', async () => {
  const items = numbered(1_000).map((item, index) =>
    index === 500 ? { text: 'How do I bake sourdough bread at home?' } : item,
  );
  const { imported, ids } = await ada.client.prompts.import.mutate({ items });
  expect(imported).toBe(1_000);
  expect(ids).toEqual(ids.toSorted());
  expect(new Set(ids).size).toBe(1_000);
  expect((await listed()).map(({ text }) => text)).toEqual(
    items
      .slice(-100)
      .map(({ text }) => text)
      .toReversed(),
  );
  await until(
    'every vector',
    async () => {
      const { candidates } = await ada.client.prompts.similar.query({ query: 'bread', mode: 'meaning', limit: 1 });
      return candidates === 1_000 || undefined;
    },
    60_000,
  );
  const { hits } = await ada.client.prompts.similar.query({ query: 'baking bread', limit: 1 });
  expect(hits[0]?.prompt.id).toBe(ids[500]);
});

describe('an idempotency key', () => {
  const keyed = (count: number): Item[] =>
    numbered(count).map((item, index) => ({ ...item, idempotencyKey: `${index}` }));

  test('imported again is skipped, answers the same prompt, changes nothing and tells the feed nothing', async () => {
    const first = await ada.client.prompts.import.mutate({ items: keyed(5) });
    const before = await listed();
    const feed = await follow(ada.client);
    const second = await ada.client.prompts.import.mutate({ items: [...keyed(5), { text: 'and one more' }] });
    expect(second).toMatchObject({ imported: 1, skipped: 5 });
    expect(second.ids.slice(0, 5)).toEqual(first.ids);
    await untilHeard(feed, 1);
    expect(feed.heard()).toEqual(['prompt.created and one more']);
    // Vectors come when they come.
    const bare = (all: Prompt[]) => all.map((prompt) => ({ ...prompt, embedding: null }));
    expect(bare((await listed()).slice(1))).toEqual(bare(before));
    feed.unsubscribe();
  });

  test('of the whole import names each item by its place', async () => {
    const first = await ada.client.prompts.import.mutate({ items: numbered(3), idempotencyKey: 'batch-1' });
    const again = await ada.client.prompts.import.mutate({ items: numbered(4), idempotencyKey: 'batch-1' });
    expect(again).toMatchObject({ imported: 1, skipped: 3 });
    expect(again.ids.slice(0, 3)).toEqual(first.ids);
  });

  test('with another body is a conflict that names the item, and nothing of the import is stored', async () => {
    const { ids } = await ada.client.prompts.import.mutate({ items: keyed(3) });
    const items = [{ text: 'new' }, { text: 'another body', idempotencyKey: '1' }];
    const refused = await refusal(ada.client.prompts.import.mutate({ items }));
    expect(refused).toMatchObject({ code: 'CONFLICT', details: { current: ids[1] } });
    expect(refused.message).toMatch(/^items\.1\.idempotencyKey: /);
    expect(await listed()).toHaveLength(3);
  });

  test('twice in one import is one prompt, or a conflict when the bodies differ', async () => {
    const one = { text: 'the same', idempotencyKey: 'twice' };
    const { imported, skipped, ids } = await ada.client.prompts.import.mutate({ items: [one, one] });
    expect({ imported, skipped }).toEqual({ imported: 1, skipped: 1 });
    expect(ids[1]).toBe(ids[0]);
    const other = [
      { text: 'a', idempotencyKey: 'differ' },
      { text: 'b', idempotencyKey: 'differ' },
    ];
    expect((await refusal(ada.client.prompts.import.mutate({ items: other }))).message).toMatch(/^items\.1\./);
  });

  test('sent by ten imports at once, in any order, is stored once (F22)', async () => {
    const settled = await inParallel(10, (round) =>
      ada.client.prompts.import.mutate({ items: round % 2 === 0 ? keyed(50) : keyed(50).toReversed() }),
    );
    const answers = settled.map((answer) => (answer.status === 'fulfilled' ? answer.value : expect.fail('refused')));
    const total = (of: 'imported' | 'skipped') => answers.reduce((sum, answer) => sum + answer[of], 0);
    expect({ imported: total('imported'), skipped: total('skipped') }).toEqual({ imported: 50, skipped: 450 });
    const sets = answers.map(({ ids }) => new Set(ids));
    for (const set of sets) expect(set).toEqual(sets[0]);
    expect(await listed()).toHaveLength(50);
  });

  test('that a create has used is a conflict', async () => {
    await ada.client.prompts.create.mutate({ text: 'imported 0', generate: false, idempotencyKey: '0' });
    expect((await refusal(ada.client.prompts.import.mutate({ items: keyed(1) }))).code).toBe('CONFLICT');
  });
});

describe('one bad item refuses the whole import, names its place and field, and stores nothing:', () => {
  const good = { text: 'good' };
  test.each([
    ['a blank text', { text: '  ' }, 'items.3.text'],
    ['an unknown field', { text: 'x', txet: 'y' }, 'items.3.txet'],
    ['a NUL character', { text: 'a\u0000b' }, 'items.3.text'],
    ['half a surrogate pair in the metadata', { text: 'x', metadata: { deep: ['\ud800'] } }, 'items.3.metadata.deep.0'],
    ['a time to come', { text: 'x', createdAt: '2190-01-01T00:00:00Z' }, 'items.3.createdAt'],
    ['a time before 1970', { text: 'x', createdAt: '1969-12-31T23:59:59Z' }, 'items.3.createdAt'],
    [
      'an answer of a time to come',
      { text: 'x', responses: [{ text: '', createdAt: '2190-01-01T00:00:00Z' }] },
      'items.3.responses.0.createdAt',
    ],
    [
      'too many answers',
      { text: 'x', responses: Array.from({ length: 33 }, () => ({ text: '' })) },
      'items.3.responses',
    ],
    [
      'more tokens than fit',
      { text: 'x', responses: [{ text: '', inputTokens: 2 ** 31 }] },
      'items.3.responses.0.inputTokens',
    ],
    ['too long a text', { text: 'x'.repeat(100_001) }, 'items.3.text'],
  ])('%s', async (_, bad, path) => {
    const input = { items: [good, good, good, bad] };
    const { error } = await call(service.url, 'prompts.import', { token: ada.token, input });
    expect(error?.data.code).toBe('BAD_REQUEST');
    expect(error?.data.details.issues?.map((issue) => issue.path)).toEqual([path]);
    expect(await listed()).toEqual([]);
  });

  test('no item at all, or more than a thousand', async () => {
    for (const count of [0, 1_001]) {
      const input = { items: numbered(count) };
      const { error } = await call(service.url, 'prompts.import', { token: ada.token, input });
      expect(error?.data).toMatchObject({ code: 'BAD_REQUEST', details: { issues: [{ path: 'items' }] } });
    }
  });

  test('more than one mebibyte', async () => {
    const items = Array.from({ length: 11 }, () => ({ text: 'x'.repeat(100_000) }));
    const { error } = await call(service.url, 'prompts.import', { token: ada.token, input: { items } });
    expect(error?.data.code).toBe('PAYLOAD_TOO_LARGE');
  });
});

describe('the feed', () => {
  test('hears of each imported prompt once, in order, as it ended', async () => {
    const feed = await follow(ada.client);
    const items = numbered(200).map((item) => ({ ...item, responses: [{ text: 'an answer' }] }));
    const { ids } = await ada.client.prompts.import.mutate({ items });
    await untilHeard(feed, 200);
    const events = feed.items.slice(1);
    expect(events.map(({ kind, prompt }) => [kind, prompt?.id])).toEqual(ids.map((id) => ['prompt.created', id]));
    const stored = await ada.client.prompts.get.query({ id: ids[7] ?? '' });
    expect({ ...events[7]?.prompt, embedding: null }).toEqual({ ...stored, embedding: null });
    feed.unsubscribe();
  });

  test('hears nothing of an import with push: false', async () => {
    const feed = await follow(ada.client);
    await ada.client.prompts.import.mutate({ items: numbered(20), push: false });
    await ada.client.prompts.import.mutate({ items: [{ text: 'heard' }] });
    await untilHeard(feed, 1);
    expect(feed.heard()).toEqual(['prompt.created heard']);
    feed.unsubscribe();
  });
});

test('imports are limited by their prompts, and a refused one counts nothing', async () => {
  await using busy = await startService({ env: { PROMPTS_PER_MINUTE: '1' } });
  const eve = await busy.signUp();
  await eve.client.prompts.import.mutate({ items: numbered(600) });
  const refused = await refusal(eve.client.prompts.import.mutate({ items: numbered(401) }));
  expect(refused.code).toBe('TOO_MANY_REQUESTS');
  expect(refused.details['retryAfterMs']).toBeGreaterThan(0);
  expect((await eve.client.prompts.import.mutate({ items: numbered(400) })).imported).toBe(400);
  expect((await eve.client.prompts.list.query({ limit: 1 })).items).toHaveLength(1);
});
