import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Inputs } from '../../src/client.js';
import { engineUnderTest } from '../support/database.js';
import {
  answers,
  type Behaviour,
  cutAt,
  empty,
  errorBody,
  type FakeUpstream,
  fakeUpstream,
  held,
  html,
  rateLimited,
  raw,
  refuses,
  silent,
} from '../support/fake-upstream.js';
import { inParallel, type Prompt, refusal, refusalOf } from '../support/prompts.js';
import { startService, type TestPerson, type TestService } from '../support/service.js';
import { until } from '../support/wait.js';

let upstream: FakeUpstream;
let service: TestService;
let ada: TestPerson;

const upstreamEnv = (): Record<string, string> => ({
  PROMPTWELL_OFFLINE: '0',
  LLM_BASE_URL: upstream.baseUrl,
  LLM_API_KEY: 'sk-canary-4711',
  LLM_MODEL: 'gpt-4o-mini',
  LLM_TIMEOUT_MS: '2000',
  LLM_IDLE_TIMEOUT_MS: '1000',
});

beforeAll(async () => {
  upstream = await fakeUpstream();
  service = await startService({ env: upstreamEnv() });
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});
beforeEach(async () => {
  upstream.always(answers('Hello from upstream.'));
  ada = await service.signUp();
});

const onlyPrompt = async (person: TestPerson): Promise<Prompt> => {
  const { items } = await person.client.prompts.list.query({});
  expect(items).toHaveLength(1);
  return items[0] ?? expect.fail('no prompt');
};
const pendingPrompt = (person: TestPerson): Promise<Prompt> =>
  until('the pending row', async () => (await person.client.prompts.list.query({})).items[0]);

test('the prompt is durable and pending before the model says a word', async () => {
  const asked = upstream.requests.length;
  upstream.script(held('Slow and steady'));
  const answer = ada.client.prompts.create.mutate({ text: 'Who wins the race?' });
  await upstream.untilRequests(asked + 1);
  const second = service.client({ token: ada.token });
  const pending = (await second.prompts.list.query({})).items[0];
  expect(pending).toMatchObject({ status: 'pending', text: 'Who wins the race?', response: null, responses: 0 });
  upstream.release();
  expect(await answer).toMatchObject({ id: pending?.id, status: 'completed', response: { text: 'Slow and steady' } });
});

test('the view says whose it is, what was asked, what it took and what it cost', async () => {
  upstream.script(answers('Four words of answer', { input: 1000, output: 500, cached: 200 }));
  const input = {
    text: 'Say four words',
    system: 'Be brief.',
    model: 'gpt-4o-mini',
    parameters: { temperature: 0.5, maxOutputTokens: 77, topP: 0.9, stop: ['END'] },
    conversationId: 'conversation 1',
    environment: 'production',
    tags: ['a', 'b'],
    metadata: { nested: { deep: [1, null, true] }, none: null },
  } satisfies Inputs['prompts']['create'];
  const prompt = await ada.client.prompts.create.mutate(input);
  const { model: _model, parameters: _parameters, ...kept } = input;
  expect(prompt).toMatchObject({
    ...kept,
    projectId: ada.session.project.id,
    userId: ada.session.user.id,
    status: 'completed',
    responses: 1,
    embedding: { dimensions: 384, truncated: false },
    response: {
      text: 'Four words of answer',
      model: 'gpt-4o-mini',
      provider: 'openai-compatible',
      finishReason: 'stop',
      usage: { inputTokens: 1000, outputTokens: 500, totalTokens: 1500, cachedInputTokens: 200, isEstimated: false },
      error: null,
    },
  });
  // gpt-4o-mini: 0.15 USD a million tokens of input, half for cached ones, 0.60 of output.
  expect(prompt.response?.costUsd).toBeCloseTo((800 * 0.15 + 200 * 0.075 + 500 * 0.6) / 1e6, 9);
  expect(prompt.response?.latencyMs).toBeGreaterThanOrEqual(prompt.response?.timeToFirstTokenMs ?? Number.NaN);
  expect(new Date(prompt.createdAt).toISOString()).toBe(prompt.createdAt);
  expect(JSON.stringify(prompt)).not.toContain('"vector"');
  expect(upstream.requests.at(-1)?.body).toMatchObject({
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Say four words' },
    ],
    temperature: 0.5,
    top_p: 0.9,
    max_tokens: 77,
    stop: ['END'],
  });
  expect(await ada.client.prompts.get.query({ id: prompt.id })).toEqual(prompt);
});

test('a provider that counts no tokens has them estimated, and says so', async () => {
  upstream.script(answers('No bill', null));
  const { response } = await ada.client.prompts.create.mutate({ text: 'Count yourself' });
  expect(response?.usage).toMatchObject({ isEstimated: true });
  expect(response?.usage?.outputTokens).toBeGreaterThan(0);
});

const failures: [string, Behaviour, { code?: string; reason: string | null; calls?: number }][] = [
  ['refuses with 429', rateLimited('0'), { reason: 'rate_limited', calls: 3 }],
  ['fails with 500', refuses(500, { 'retry-after': '0' }), { reason: 'server_error', calls: 3 }],
  ['refuses the key', refuses(401), { reason: 'auth' }],
  ['does not know the model', refuses(404), { reason: 'not_found' }],
  ['does not accept the request', refuses(400), { reason: 'bad_request' }],
  ['answers with a web page', html(), { reason: 'malformed' }],
  ['answers with an error body', errorBody(), { reason: 'malformed' }],
  ['answers with nothing', empty(), { reason: 'empty' }],
  ['breaks off in the middle', cutAt(420, 'One two three four'), { reason: 'cut' }],
  ['ends in the middle of an event', raw(['data: {"choices":[{"delta":{"content":"']), { reason: 'empty' }],
  ['never says a word', silent(), { code: 'GATEWAY_TIMEOUT', reason: null }],
];

describe('a model that', () => {
  test.each(failures)(
    '%s leaves a failed prompt with a typed reason, and its caller is told its id',
    async (_, behaviour, wanted) => {
      upstream.always(behaviour);
      const asked = upstream.requests.length;
      const told = await refusal(ada.client.prompts.create.mutate({ text: 'Will this fail?' }));
      expect(told.code).toBe(wanted.code ?? 'BAD_GATEWAY');
      const prompt = await onlyPrompt(ada);
      expect(told.details['promptId']).toBe(prompt.id);
      expect(prompt).toMatchObject({ status: 'failed', responses: 1 });
      expect(prompt.response?.error).toEqual({
        kind: wanted.code === undefined ? 'upstream' : 'upstreamTimeout',
        reason: wanted.reason,
        message: told.message,
      });
      expect(upstream.requests.length - asked).toBe(wanted.calls ?? 1);
      expect(JSON.stringify([told, prompt])).not.toContain('canary');
    },
  );
});

test('what a model said before it broke off is kept', async () => {
  upstream.script(cutAt(600, 'One two three four five six seven eight'));
  await refusal(ada.client.prompts.create.mutate({ text: 'Count' }));
  expect((await onlyPrompt(ada)).response?.text).toMatch(/^One/);
});

test('generate: false stores the prompt with its vector and asks no model', async () => {
  const asked = upstream.requests.length;
  const prompt = await ada.client.prompts.create.mutate({ text: 'Only keep this', generate: false });
  expect(prompt).toMatchObject({ status: 'completed', response: null, responses: 0, embedding: { dimensions: 384 } });
  expect(upstream.requests).toHaveLength(asked);
});

test.each(['!!!', '😀', '\u200b.', '中文', '-'])(
  'a text of few letters (%j) is stored and answered like any other',
  async (text) => {
    const prompt = await ada.client.prompts.create.mutate({ text });
    expect(prompt).toMatchObject({ status: 'completed', text });
    const { hits } = await ada.client.prompts.similar.query({ query: text });
    expect(hits.every(({ score }) => Number.isFinite(score))).toBe(true);
  },
);

test('a text of the longest length comes back unchanged', async () => {
  const text = 'äöü 中文 '.repeat(15_000).slice(0, 100_000);
  const prompt = await ada.client.prompts.create.mutate({ text, generate: false });
  expect((await ada.client.prompts.get.query({ id: prompt.id })).text).toBe(text);
});

test.each([
  ['text', { text: ' \n\t' }],
  ['text', { text: '' }],
  ['text', { text: 'x'.repeat(100_001) }],
  ['text', { text: 'a\u0000b' }],
  ['text', { text: 'a\ud800b' }],
  ['metadata', { text: 'x', metadata: { a: 'y'.repeat(17_000) } }],
  ['userId', { text: 'x', userId: '0198c0de-0000-7000-8000-000000000000' }],
  ['parameters.temperature', { text: 'x', parameters: { temperature: 9 } }],
])('bad input names its field (%s), writes nothing and asks no model', async (field, input) => {
  const asked = upstream.requests.length;
  const told = await refusal(ada.client.prompts.create.mutate(input));
  expect(told.code).toBe('BAD_REQUEST');
  expect(JSON.stringify(told)).toContain(field);
  expect((await ada.client.prompts.list.query({})).items).toEqual([]);
  expect(upstream.requests).toHaveLength(asked);
});

describe('an idempotency key', () => {
  const text = 'Only once';

  test('brings the same answer again and asks the model once', async () => {
    const asked = upstream.requests.length;
    const first = await ada.client.prompts.create.mutate({ text, idempotencyKey: 'k' });
    const again = await ada.client.prompts.create.mutate({ idempotencyKey: 'k', text });
    expect(again).toEqual(first);
    expect(upstream.requests.length - asked).toBe(1);
  });

  test('used 50 times at once makes one row and one model call, and all get its answer', async () => {
    const asked = upstream.requests.length;
    const outcomes = await inParallel(50, () => ada.client.prompts.create.mutate({ text, idempotencyKey: 'k' }));
    const answered = outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : outcome.reason));
    const { id } = await onlyPrompt(ada);
    expect(new Set(answered.map((one) => (one as Prompt).id))).toEqual(new Set([id]));
    expect(upstream.requests.length - asked).toBe(1);
  });

  test('with another body is a conflict that names the prompt it made', async () => {
    const first = await ada.client.prompts.create.mutate({ text, idempotencyKey: 'k' });
    const told = await refusal(ada.client.prompts.create.mutate({ text: 'Another', idempotencyKey: 'k' }));
    expect(told).toMatchObject({ code: 'CONFLICT', details: { current: first.id } });
  });

  test('brings the same failure again and asks the model no second time', async () => {
    upstream.script(refuses(400));
    const first = await refusal(ada.client.prompts.create.mutate({ text, idempotencyKey: 'k' }));
    const asked = upstream.requests.length;
    expect(await refusal(ada.client.prompts.create.mutate({ text, idempotencyKey: 'k' }))).toEqual(first);
    expect(upstream.requests).toHaveLength(asked);
  });

  test('of one project or user says nothing of another (T32)', async () => {
    const bob = await service.signUp();
    const other = await ada.client.projects.create.mutate({ name: 'Second' });
    const input = { text, idempotencyKey: 'k' };
    const ids = [
      await ada.client.prompts.create.mutate(input),
      await bob.client.prompts.create.mutate(input),
      await ada.client.prompts.create.mutate({ ...input, projectId: other.id }),
    ].map(({ id }) => id);
    expect(new Set(ids).size).toBe(3);
  });
});

test('a caller that leaves cancels nothing', async () => {
  const asked = upstream.requests.length;
  upstream.script(held('Still here'));
  const leaving = new AbortController();
  const call = ada.client.prompts.create.mutate({ text: 'I will not wait' }, { signal: leaving.signal });
  await upstream.untilRequests(asked + 1);
  leaving.abort();
  await expect(call).rejects.toThrow();
  upstream.release();
  const prompt = await until('the answer', async () => {
    const one = await pendingPrompt(ada);
    return one.status === 'completed' ? one : undefined;
  });
  expect(prompt.response?.text).toBe('Still here');
});

describe('the daily spend cap', () => {
  // gpt-4o-mini, 1 000 output tokens: 0.0006 USD and a little for the input.
  const parameters = { maxOutputTokens: 1_000 };
  const capped = (capUsd: string): Promise<TestService> =>
    startService({
      env: { ...upstreamEnv(), LLM_IDLE_TIMEOUT_MS: '20000', LLM_TIMEOUT_MS: '20000', LLM_DAILY_CAP_USD: capUsd },
    });

  test('refuses the call that could pass it, before the model is asked and before a row is written (T78)', async () => {
    await using poor = await capped('0.0005');
    const eve = await poor.signUp();
    const asked = upstream.requests.length;
    const told = await refusal(eve.client.prompts.create.mutate({ text: 'Expensive', parameters }));
    expect(told).toMatchObject({ code: 'PAYMENT_REQUIRED', details: { capUsd: 0.0005 } });
    expect((await eve.client.prompts.list.query({})).items).toEqual([]);
    expect(upstream.requests).toHaveLength(asked);
  });

  test('holds in a race of 50 calls, and what a call did not use is free again (T78)', async () => {
    await using poor = await capped('0.002');
    const eve = await poor.signUp();
    const asked = upstream.requests.length;
    upstream.always(held('Cheap'));
    const codes: string[] = [];
    const racing = inParallel(50, (index) =>
      eve.client.prompts.create.mutate({ text: `Race ${index}`, parameters }).catch((error: unknown) => {
        codes.push(refusalOf(error).code);
        throw error;
      }),
    );
    await until('all refusals', () => (codes.length === 47 ? true : undefined));
    await upstream.untilRequests(asked + 3);
    upstream.release();
    const accepted = (await racing).filter(({ status }) => status === 'fulfilled');
    expect(accepted).toHaveLength(3);
    expect(new Set(codes)).toEqual(new Set(['PAYMENT_REQUIRED']));
    expect(upstream.requests.length - asked).toBe(3);
    upstream.always(answers('Cheap'));
    expect((await eve.client.prompts.create.mutate({ text: 'After', parameters })).status).toBe('completed');
  });
});

describe('the throttle', () => {
  const throttled = (env: Record<string, string>): Promise<TestService> =>
    startService({ env: { PROMPTS_PER_SECOND: '100', PROMPTS_PER_MINUTE: '1000', PROMPTS_BURST: '0', ...env } });

  test('refuses with when to come back, in the details and the header, and for one user only', async () => {
    await using busy = await throttled({ PROMPTS_PER_MINUTE: '2' });
    const [eve, bob] = [await busy.signUp(), await busy.signUp()];
    for (const text of ['one', 'two']) await eve.client.prompts.create.mutate({ text });
    const told = await refusal(eve.client.prompts.create.mutate({ text: 'three' }));
    expect(told.code).toBe('TOO_MANY_REQUESTS');
    expect(told.details['retryAfterMs']).toBeGreaterThan(1_000);
    const response = await fetch(`${busy.url}/trpc/prompts.create`, {
      method: 'POST',
      headers: { authorization: `Bearer ${eve.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ text: 'four' }),
    });
    expect(response.status).toBe(429);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(1);
    expect((await bob.client.prompts.create.mutate({ text: 'mine' })).status).toBe('completed');
    expect((await eve.client.prompts.list.query({})).items).toHaveLength(2);
  });

  test('counts no bad input, no repeated key and no similarity query as a creation', async () => {
    await using busy = await throttled({ PROMPTS_PER_MINUTE: '2' });
    const eve = await busy.signUp();
    await eve.client.prompts.create.mutate({ text: 'one', idempotencyKey: 'k' });
    await inParallel(5, () => eve.client.prompts.create.mutate({ text: ' ' }));
    await inParallel(5, () => eve.client.prompts.create.mutate({ text: 'one', idempotencyKey: 'k' }));
    await eve.client.prompts.similar.query({ query: 'one' });
    expect((await eve.client.prompts.create.mutate({ text: 'two' })).status).toBe('completed');
  });

  test('refused by the second, a call leaves the minute as it was', async () => {
    await using busy = await throttled({ PROMPTS_PER_SECOND: '1', PROMPTS_PER_MINUTE: '2' });
    const eve = await busy.signUp();
    const outcomes = await inParallel(8, (index) => eve.client.prompts.create.mutate({ text: `n ${index}` }));
    const made = outcomes.filter(({ status }) => status === 'fulfilled').length;
    expect(made).toBeLessThanOrEqual(2);
    if (made === 2) return;
    const second = await until('the next second', async () =>
      eve.client.prompts.create.mutate({ text: 'next' }).then(
        (prompt) => prompt,
        () => undefined,
      ),
    );
    expect(second.status).toBe('completed');
  });
});

// The embedded engine takes no second connection.
test.skipIf(engineUnderTest === 'embedded')(
  'a second connection to a server database sees the committed pending row',
  async () => {
    const asked = upstream.requests.length;
    upstream.script(held('Later'));
    const call = ada.client.prompts.create.mutate({ text: 'Committed?' });
    await upstream.untilRequests(asked + 1);
    const client = new pg.Client({ connectionString: service.env['DATABASE_URL'] });
    await client.connect();
    const { rows } = await client.query('SELECT status FROM prompt WHERE project_id = $1', [ada.session.project.id]);
    await client.end();
    expect(rows).toEqual([{ status: 'pending' }]);
    upstream.release();
    await call;
  },
);

test('creates that come at once share commits, those of two projects never, and each is acknowledged with its own row', async () => {
  const other = (await ada.client.projects.create.mutate({ name: 'Another' })).id;
  const made = await inParallel(60, (index) =>
    ada.client.prompts.create.mutate({
      text: `at once ${index}`,
      generate: false,
      ...(index % 2 === 0 ? { projectId: other } : {}),
    }),
  );
  for (const [index, one] of made.entries())
    expect(one.status === 'fulfilled' && one.value.text).toBe(`at once ${index}`);
  const commits = await service.app.db.read<{ projects: number; prompts: number }>(
    `SELECT count(DISTINCT project_id)::int AS projects, count(*)::int AS prompts FROM prompt
     WHERE text LIKE 'at once %' GROUP BY xmin::text`,
    [],
  );
  expect(commits.every(({ projects }) => projects === 1)).toBe(true);
  expect(commits.reduce((sum, { prompts }) => sum + prompts, 0)).toBe(60);
  // How many share depends on how fast the machine takes them in; that some do does not.
  expect(commits.length).toBeLessThan(60);
});
