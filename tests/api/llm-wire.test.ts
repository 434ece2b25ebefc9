import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config.js';
import { systemClock } from '../../src/kernel/clock.js';
import { Fault } from '../../src/kernel/fault.js';
import { anthropic } from '../../src/platform/llm/anthropic.js';
import { chooseProviders } from '../../src/platform/llm/choose.js';
import { openAiCompatible } from '../../src/platform/llm/openai-compatible.js';
import type { LlmFinish, LlmProvider, LlmRequest } from '../../src/platform/llm/provider.js';
import {
  answers,
  anthropicEvents,
  type Behaviour,
  cutAt,
  empty,
  errorBody,
  type FakeUpstream,
  fakeUpstream,
  held,
  html,
  openAiEvents,
  rateLimited,
  raw,
  refuses,
  silent,
} from '../support/fake-upstream.js';

const apiKey = 'sk-canary-4711';
const limits = { timeoutMs: 20_000, idleTimeoutMs: 10_000, maxRetries: 2, maxOutputTokens: 256 };
const never = new AbortController().signal;
const question: LlmRequest = {
  model: 'gpt-4o-mini',
  messages: [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'Say hello.' },
  ],
  parameters: { temperature: 0.5, topP: 0.9, stop: ['END'] },
};

const openAi = (upstream: FakeUpstream, changed: Partial<typeof limits> = {}): LlmProvider =>
  openAiCompatible({
    baseUrl: upstream.baseUrl,
    apiKey,
    defaultModel: 'gpt-4o-mini',
    limits: { ...limits, ...changed },
    clock: systemClock,
  });

const claude = (upstream: FakeUpstream): LlmProvider =>
  anthropic({ baseUrl: upstream.baseUrl, apiKey, defaultModel: 'claude-haiku-4-5', limits, clock: systemClock });

interface Heard {
  deltas: string[];
  text: string;
  finish: LlmFinish | undefined;
  error: unknown;
}

/** Everything a stream gives, the error at its end included. */
async function heard(
  provider: LlmProvider,
  request: LlmRequest = question,
  signal: AbortSignal = never,
): Promise<Heard> {
  const result: Heard = { deltas: [], text: '', finish: undefined, error: undefined };
  try {
    for await (const chunk of provider.stream(request, signal)) {
      if (chunk.type === 'finish') result.finish = chunk;
      else result.deltas.push(chunk.text);
    }
  } catch (error) {
    result.error = error;
  }
  result.text = result.deltas.join('');
  return result;
}

function faultOf({ error, finish }: Heard): Fault {
  expect(finish).toBeUndefined();
  expect(error).toBeInstanceOf(Fault);
  return error as Fault;
}

const everything = (error: unknown): string =>
  error instanceof Error
    ? `${error.message} ${error.stack} ${JSON.stringify(error)} ${everything(error.cause)}`
    : (JSON.stringify(error) ?? '');

describe('an OpenAI-compatible endpoint', () => {
  it('answers in deltas and ends with the usage, cached tokens and price that it gave', async () => {
    await using upstream = await fakeUpstream();
    upstream.script(answers('Hello there, good friend.', { input: 1_000, output: 100, cached: 400 }));

    const { deltas, text, finish } = await heard(openAi(upstream));

    expect(text).toBe('Hello there, good friend.');
    expect(deltas.length).toBeGreaterThan(1);
    expect(finish).toEqual({
      type: 'finish',
      model: 'gpt-4o-mini',
      finishReason: 'stop',
      usage: { inputTokens: 1_000, outputTokens: 100, totalTokens: 1_100, cachedInputTokens: 400, isEstimated: false },
      costUsd: expect.closeTo(0.00018, 10),
    });
  });

  it('is asked for exactly what the request says, for usage, and with nothing but its own headers (T76)', async () => {
    await using upstream = await fakeUpstream();
    const provider = openAi(upstream);
    await heard(provider);
    await heard(provider);

    const [, request] = upstream.requests;
    expect(request?.path).toBe('/v1/chat/completions');
    expect(request?.body).toEqual({
      model: 'gpt-4o-mini',
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Say hello.' },
      ],
      max_tokens: 256,
      temperature: 0.5,
      top_p: 0.9,
      stop: ['END'],
      stream: true,
      stream_options: { include_usage: true },
    });
    expect(request?.headers.authorization).toBe(`Bearer ${apiKey}`);
    const transport = [
      'host',
      'connection',
      'accept',
      'accept-encoding',
      'accept-language',
      'sec-fetch-mode',
      'content-length',
    ];
    const own = ['authorization', 'content-type', 'user-agent'];
    expect(Object.keys(request?.headers ?? {}).filter((name) => ![...transport, ...own].includes(name))).toEqual([]);
  });

  it('is asked without a key when none is configured', async () => {
    await using upstream = await fakeUpstream();
    await heard(
      openAiCompatible({ baseUrl: upstream.baseUrl, apiKey: undefined, defaultModel: 'm', limits, clock: systemClock }),
    );
    expect(upstream.requests[0]?.headers.authorization).toBeUndefined();
  });

  it('passes a slow answer on while it is made', async () => {
    await using upstream = await fakeUpstream();
    upstream.script(held('Slow but steady.'));
    const stream = openAi(upstream).stream(question, never)[Symbol.asyncIterator]();

    expect((await stream.next()).value).toEqual({ type: 'delta', text: 'Slow' });
    upstream.release();
    expect((await stream.next()).value).toEqual({ type: 'delta', text: ' but' });
    await stream.return?.();
  });

  it('counts tokens itself, and says so, when the endpoint gives no usage', async () => {
    await using upstream = await fakeUpstream();
    upstream.script(
      answers('Hello world, how are you?', null),
      answers('A lone <|endoftext|> is text.', { input: 0, output: 0, cached: 0 }),
    );

    const { finish } = await heard(openAi(upstream));
    expect(finish?.usage).toEqual({
      inputTokens: 6,
      outputTokens: 7,
      totalTokens: 13,
      cachedInputTokens: 0,
      isEstimated: true,
    });
    expect((await heard(openAi(upstream))).finish?.usage.isEstimated).toBe(true);
  });

  it('has no price for a model that nobody lists', async () => {
    await using upstream = await fakeUpstream();
    const { finish } = await heard(openAi(upstream), { ...question, model: 'my-own-model' });
    expect(finish).toMatchObject({ model: 'my-own-model', costUsd: null });
  });

  it('joins a character whose halves come in two deltas, and replaces what no database takes', async () => {
    await using upstream = await fakeUpstream();
    const [first = '', ...rest] = openAiEvents('');
    const delta = (content: string): string =>
      `data: {"id":"c","choices":[{"index":0,"delta":{"content":"${content}"}}]}\n\n`;
    upstream.script(raw([first, delta('A\\ud83d'), delta('\\ude00 B\\u0000C'), delta('\\ud800'), ...rest]));
    expect((await heard(openAi(upstream))).text).toBe('A😀 B\uFFFDC\uFFFD');
  });
});

describe('asking again', () => {
  it('waits as long as Retry-After says after a 429, then answers', async () => {
    await using upstream = await fakeUpstream();
    upstream.script(rateLimited('1'), answers('Now.'));
    const startedMs = performance.now();
    expect((await heard(openAi(upstream))).text).toBe('Now.');
    expect(performance.now() - startedMs).toBeGreaterThan(990);
    expect(upstream.requests).toHaveLength(2);
  });

  it('gives up after two retries of a 429', async () => {
    await using upstream = await fakeUpstream();
    upstream.always(rateLimited('0'));
    const fault = faultOf(await heard(openAi(upstream)));
    expect(fault.kind).toBe('upstream');
    expect(fault.details).toEqual({
      provider: 'openai-compatible',
      reason: 'rate_limited',
      status: 429,
      retryAfterMs: 0,
    });
    expect(upstream.requests).toHaveLength(3);
  });

  it('does not wait for a Retry-After beyond the deadline, in seconds or as a date', async () => {
    await using upstream = await fakeUpstream();
    upstream.script(rateLimited('30'), rateLimited(new Date(Date.now() + 60_000).toUTCString()));
    expect(faultOf(await heard(openAi(upstream))).details.retryAfterMs).toBe(30_000);
    const { retryAfterMs = 0 } = faultOf(await heard(openAi(upstream))).details;
    expect(retryAfterMs).toBeGreaterThan(50_000);
    expect(upstream.requests).toHaveLength(2);
  });

  it.each([500, 502, 503, 504])('answers after a passing %i', async (status) => {
    await using upstream = await fakeUpstream();
    upstream.script(refuses(status, { 'retry-after': '0' }), answers('Back again.'));
    expect((await heard(openAi(upstream))).text).toBe('Back again.');
  });

  it.each([
    [400, 'bad_request'],
    [401, 'auth'],
    [402, 'auth'],
    [403, 'auth'],
    [404, 'not_found'],
    [422, 'bad_request'],
  ])('never happens after a %i, which is %s', async (status, reason) => {
    await using upstream = await fakeUpstream();
    upstream.always(refuses(status));
    expect(faultOf(await heard(openAi(upstream))).details).toEqual({ provider: 'openai-compatible', reason, status });
    expect(upstream.requests).toHaveLength(1);
  });

  it('does not follow a redirect, so that the key stays where it belongs', async () => {
    await using upstream = await fakeUpstream();
    await using elsewhere = await fakeUpstream();
    upstream.script(refuses(307, { location: `${elsewhere.baseUrl}/chat/completions` }));
    expect(faultOf(await heard(openAi(upstream))).details).toMatchObject({ reason: 'malformed', status: 307 });
    expect(elsewhere.requests).toHaveLength(0);
  });

  it('ends as unreachable when nobody listens', async () => {
    const gone = await fakeUpstream();
    await gone[Symbol.asyncDispose]();
    const fault = faultOf(await heard(openAi(gone, { maxRetries: 0 })));
    expect(fault.details).toEqual({ provider: 'openai-compatible', reason: 'unreachable' });
  });
});

describe('an answer that is none', () => {
  const [opening = '', ...events] = openAiEvents('One two three');
  const cases: [string, Behaviour, string][] = [
    ['a web page', html(), 'malformed'],
    ['a JSON error with status 200', errorBody(), 'malformed'],
    ['no byte at all', empty(), 'empty'],
    ['a stream without a word', raw(openAiEvents('')), 'empty'],
    ['nothing but blanks', answers('   \n '), 'empty'],
    ['only the end mark', raw(['data: [DONE]\n\n']), 'empty'],
    ['events that are no JSON', raw([opening, 'data: {nonsense\n\n', ...events]), 'malformed'],
    ['events of another shape', raw([opening, 'data: {"choices":7}\n\n', ...events]), 'malformed'],
    ['an error inside the stream', raw([opening, 'data: {"error":{"message":"boom"}}\n\n']), 'server_error'],
    [
      'a status inside the stream',
      raw([opening, 'data: {"error":{"message":"slow down","code":429}}\n\n']),
      'rate_limited',
    ],
    ['a stream that ends without a reason', raw([opening, ...events.slice(0, 2)]), 'cut'],
    ['a line without an end', raw(Array.from({ length: 40 }, () => 'x'.repeat(65_536))), 'malformed'],
  ];

  it.each(cases)('%s is a fault, asked once', async (_, behaviour, reason) => {
    await using upstream = await fakeUpstream();
    upstream.always(behaviour);
    const fault = faultOf(await heard(openAi(upstream)));
    expect(fault).toMatchObject({ kind: 'upstream', details: { provider: 'openai-compatible', reason } });
    expect(upstream.requests).toHaveLength(1);
  });

  it('of more than 10 MiB is a fault and closes the connection (T77)', async () => {
    await using upstream = await fakeUpstream();
    const [, word = ''] = openAiEvents('x'.repeat(524_288));
    upstream.script(({ response }) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (let count = 0; count < 30; count += 1) response.write(word);
    });
    const { error } = await heard(openAi(upstream));
    expect(error).toMatchObject({ kind: 'upstream', details: { reason: 'malformed' } });
    await upstream.untilAbandoned(1);
  });

  it('keeps the deltas that came before a cut, and is not asked for again', async () => {
    await using upstream = await fakeUpstream();
    const text = 'One two three';
    const offset = openAiEvents(text).slice(0, 3).join('').length;
    upstream.script(cutAt(offset, text));
    const result = await heard(openAi(upstream));
    expect(result.text).toBe('One two');
    expect(faultOf(result).details).toEqual({ provider: 'openai-compatible', reason: 'cut' });
    expect(upstream.requests).toHaveLength(1);
  });

  it('never shows the key, the address or the body, in any failure', async () => {
    await using upstream = await fakeUpstream();
    for (const behaviour of [refuses(401), refuses(400), html(), errorBody(), cutAt(40, 'One two')]) {
      upstream.script(behaviour);
      const text = everything((await heard(openAi(upstream))).error);
      for (const secret of [apiKey, upstream.baseUrl, 'boom', 'hotel', 'Say hello.'])
        expect(text).not.toContain(secret);
    }
    const baseUrl = 'http://user:hunter2@127.0.0.1:9/v1';
    const withPassword = openAiCompatible({
      baseUrl,
      apiKey: 'line\nbreak',
      defaultModel: 'm',
      limits,
      clock: systemClock,
    });
    const { error } = await heard(withPassword);
    expect(error).toBeInstanceOf(Fault);
    expect(everything(error)).not.toMatch(/hunter2|line\nbreak/u);
  });
});

describe('time and patience', () => {
  it('ends with upstreamTimeout when no answer comes within the deadline', async () => {
    await using upstream = await fakeUpstream();
    upstream.script(silent());
    const fault = faultOf(await heard(openAi(upstream, { timeoutMs: 60 })));
    expect(fault).toMatchObject({
      kind: 'upstreamTimeout',
      details: { provider: 'openai-compatible', deadlineMs: 60 },
    });
    await upstream.untilAbandoned(1);
  });

  it('ends with upstreamTimeout when an answer falls silent, and keeps what was said (T77)', async () => {
    await using upstream = await fakeUpstream();
    upstream.script(held('First then nothing'));
    const result = await heard(openAi(upstream, { idleTimeoutMs: 60 }));
    expect(result.text).toBe('First');
    expect(faultOf(result)).toMatchObject({ kind: 'upstreamTimeout', details: { deadlineMs: 60 } });
    await upstream.untilAbandoned(1);
  });

  it('does not take a slow reader for a silent provider', async () => {
    await using upstream = await fakeUpstream();
    upstream.script(answers('Read me slowly please'), held('This one does fall silent'));
    const provider = openAi(upstream, { idleTimeoutMs: 60 });
    const words: string[] = [];
    for await (const chunk of provider.stream(question, never)) {
      if (chunk.type === 'delta') words.push(chunk.text);
      // While this reader dawdles, another call is given up for as long a silence.
      if (words.length === 1) expect(faultOf(await heard(provider)).kind).toBe('upstreamTimeout');
    }
    expect(words.join('')).toBe('Read me slowly please');
  });

  it.each([
    ['before the first word', silent()],
    ['in the middle', held('Never to be finished')],
  ])('closes the connection when the caller leaves %s', async (_, behaviour) => {
    await using upstream = await fakeUpstream();
    upstream.script(behaviour);
    const caller = new AbortController();
    const result = heard(openAi(upstream), question, caller.signal);
    await upstream.untilRequests(1);
    caller.abort();
    expect(faultOf(await result).kind).toBe('cancelled');
    await upstream.untilAbandoned(1);
  });

  it('stops waiting for a retry when the caller leaves', async () => {
    await using upstream = await fakeUpstream();
    upstream.script(rateLimited('15'));
    const caller = new AbortController();
    const result = heard(openAi(upstream), question, caller.signal);
    await upstream.untilRequests(1);
    caller.abort();
    expect(faultOf(await result).kind).toBe('cancelled');
    expect(upstream.requests).toHaveLength(1);
  });

  it('closes the connection when the reader stops reading', async () => {
    await using upstream = await fakeUpstream();
    upstream.script(held('Only the first word is read'));
    for await (const chunk of openAi(upstream).stream(question, never)) if (chunk.type === 'delta') break;
    await upstream.untilAbandoned(1);
    expect(upstream.abandoned).toBe(1);
  });
});

describe('the bound on calls at once', () => {
  it('lets the next call reach the endpoint only when one has ended', async () => {
    await using upstream = await fakeUpstream();
    upstream.script(held('The first one'), answers('The second one'));
    const env = { LLM_BASE_URL: upstream.baseUrl, LLM_API_KEY: apiKey, LLM_MODEL: 'gpt-4o-mini', LLM_CONCURRENCY: '1' };
    const { provider } = chooseProviders(loadConfig(env).llm, { clock: systemClock }).choose();
    const stream = provider.stream(question, never)[Symbol.asyncIterator]();
    await stream.next();

    const second = heard(provider);
    expect(faultOf(await heard(provider, question, AbortSignal.abort())).kind).toBe('cancelled');
    expect(upstream.requests).toHaveLength(1);
    await stream.return?.();
    expect((await second).text).toBe('The second one');
  });
});

describe('the bytes of a stream', () => {
  const text = 'Zwölf 😀';
  const event = (fields: object): string => `data: ${JSON.stringify(fields)}\n\n`;
  const choice = (content: string, finish_reason?: string) =>
    event({ choices: [{ delta: { content }, finish_reason }] });
  const usage = event({ choices: [], usage: { prompt_tokens: 9, completion_tokens: 7 } });
  const stream = `${choice('Zwölf')}${choice(' 😀', 'stop')}${usage}data: [DONE]\n\n`;
  const bytes = Buffer.from(stream);

  it('mean the same wherever they are split', async () => {
    await using upstream = await fakeUpstream();
    const provider = openAi(upstream);
    for (let offset = 1; offset < bytes.length; offset += 1) {
      upstream.script(raw([bytes.subarray(0, offset), bytes.subarray(offset)]));
      const result = await heard(provider);
      expect([offset, result.text, result.finish?.usage.totalTokens]).toEqual([offset, text, 16]);
    }
  }, 20_000);

  it('are the whole answer or a fault with its beginning, wherever they end', async () => {
    await using upstream = await fakeUpstream();
    const provider = openAi(upstream);
    for (let offset = 0; offset < bytes.length; offset += 1) {
      upstream.script(raw([bytes.subarray(0, offset)]));
      const result = await heard(provider);
      expect(text.startsWith(result.text.replace(/\uFFFD$/u, ''))).toBe(true);
      if (result.finish === undefined) expect(faultOf(result).kind).toBe('upstream');
      else expect(result.text).toBe(text);
    }
  }, 20_000);

  it.each([
    ['CRLF line ends', [stream.replaceAll('\n', '\r\n')]],
    ['a byte order mark', ['\uFEFF', stream]],
    ['no blank after the colon', [stream.replaceAll('data: ', 'data:')]],
    ['comments between the events', [stream.replaceAll('data: ', ': still here\n\ndata: ')]],
    ['no [DONE]', [stream.replace('data: [DONE]\n\n', '')]],
    ['usage told twice', [stream.replace(usage, usage + usage)]],
  ])('mean the same with %s', async (_, pieces) => {
    await using upstream = await fakeUpstream();
    upstream.script(raw(pieces));
    const result = await heard(openAi(upstream));
    expect([result.text, result.finish?.usage.totalTokens]).toEqual([text, 16]);
  });
});

describe('Anthropic', () => {
  const ask: LlmRequest = { ...question, model: 'claude-haiku-4-5', parameters: { maxOutputTokens: 50 } };

  it('answers in deltas and ends with the usage, cached tokens and price that it gave', async () => {
    await using upstream = await fakeUpstream();
    upstream.script(answers('Hello from Claude.', { input: 1_000, output: 100, cached: 400 }));
    const { text, finish } = await heard(claude(upstream), ask);
    expect(text).toBe('Hello from Claude.');
    expect(finish).toMatchObject({
      model: 'claude-haiku-4-5',
      finishReason: 'stop',
      usage: { inputTokens: 1_000, outputTokens: 100, totalTokens: 1_100, cachedInputTokens: 400, isEstimated: false },
      costUsd: expect.closeTo(0.00114, 10),
    });
    const [request] = upstream.requests;
    expect(request).toMatchObject({
      path: '/v1/messages',
      headers: { 'x-api-key': apiKey },
      body: { max_tokens: 50, stream: true },
    });
  });

  it('asks again when it is overloaded before the first word', async () => {
    await using upstream = await fakeUpstream();
    const overloaded =
      'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n';
    upstream.script(refuses(529, { 'retry-after': '0' }), raw([overloaded]), answers('Finally.'));
    expect((await heard(claude(upstream), ask)).text).toBe('Finally.');
  });

  it('fails with a reason, not with half an answer', async () => {
    await using upstream = await fakeUpstream();
    const events = anthropicEvents('One two');
    const error = 'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"boom"}}\n\n';
    upstream.script(refuses(401), raw(events.slice(0, 5)), raw([...events.slice(0, 5), error]), cutAt(500, 'One two'));
    const reasons: unknown[] = [];
    for (let call = 0; call < 4; call += 1) {
      const result = await heard(claude(upstream), ask);
      reasons.push(faultOf(result).details.reason);
      expect(everything(result.error)).not.toContain(apiKey);
    }
    expect(reasons).toEqual(['auth', 'cut', 'server_error', 'cut']);
  });
});
