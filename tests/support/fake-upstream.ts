import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text as readText } from 'node:stream/consumers';

/** A request that reached the upstream. */
export interface UpstreamRequest {
  path: string;
  headers: IncomingHttpHeaders;
  body: Record<string, unknown>;
}

/** Tokens that the upstream says an answer took. */
export interface UpstreamUsage {
  input: number;
  output: number;
  cached: number;
}

/** What a behaviour has at hand: which of the two protocols is spoken, where to write, and when to go on. */
export interface Exchange {
  request: UpstreamRequest;
  response: ServerResponse;
  /** Resolves with the next call of `release()`; what waits for it when the upstream closes waits for ever. */
  released: Promise<void>;
}

/** How the upstream treats one request; a promise that it answers is awaited. */
export type Behaviour = (exchange: Exchange) => unknown;

/** A stranger's model server, scripted by a test. */
export interface FakeUpstream extends AsyncDisposable {
  /** What goes into LLM_BASE_URL: `http://127.0.0.1:<port>/v1`. */
  readonly baseUrl: string;
  /** All requests so far, oldest first. */
  readonly requests: readonly UpstreamRequest[];
  /** How many answers lost their reader before their end. */
  readonly abandoned: number;
  /** The next requests are treated so, one behaviour each; later ones as `always` says. */
  script(...behaviours: Behaviour[]): void;
  /** Every request that no script is left for is treated so. At first: `answers('Hello from upstream.')`. */
  always(behaviour: Behaviour): void;
  /** Lets every answer go on that is `held`. */
  release(): void;
  /** Resolves when `count` requests have come in all. */
  untilRequests(count: number): Promise<void>;
  /** Resolves when `count` answers in all have lost their reader. */
  untilAbandoned(count: number): Promise<void>;
}

/**
 * A fake model server on a free port of this machine, which speaks OpenAI's chat completions (`/v1/chat/completions`)
 * and Anthropic's messages (`/v1/messages`), both streamed.
 *
 *     await using upstream = await fakeUpstream();
 *     upstream.script(rateLimited('1'), answers('Hello'));       // the first request gets 429, the second an answer
 *     ... start the service with LLM_BASE_URL=upstream.baseUrl, LLM_MODEL=gpt-4o-mini, ask it ...
 *     expect(upstream.requests).toHaveLength(2);
 *
 * It never sleeps: `held` answers wait for `release()`, and `untilRequests` / `untilAbandoned` wait for facts.
 */
export async function fakeUpstream(): Promise<FakeUpstream> {
  const state = new UpstreamState();
  const server = createServer((request, response) => void state.serve(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return Object.assign(state, {
    baseUrl: `http://127.0.0.1:${port}/v1`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

class UpstreamState {
  readonly requests: UpstreamRequest[] = [];
  abandoned = 0;
  readonly #scripted: Behaviour[] = [];
  readonly #watchers = new Set<() => void>();
  #always: Behaviour = answers('Hello from upstream.');
  #release: () => void = () => undefined;
  #released = this.#nextRelease();

  script(...behaviours: Behaviour[]): void {
    this.#scripted.push(...behaviours);
  }

  always(behaviour: Behaviour): void {
    this.#always = behaviour;
  }

  release(): void {
    this.#release();
    this.#released = this.#nextRelease();
  }

  untilRequests = (count: number): Promise<void> => this.#until(() => this.requests.length >= count);

  untilAbandoned = (count: number): Promise<void> => this.#until(() => this.abandoned >= count);

  async serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = JSON.parse(await readText(incoming)) as Record<string, unknown>;
    const request = { path: incoming.url ?? '', headers: incoming.headers, body };
    response.on('close', () => {
      if (!response.writableFinished) this.abandoned += 1;
      this.#tell();
    });
    const behaviour = this.#scripted.shift() ?? this.#always;
    const exchange = { request, response, released: this.#released };
    this.requests.push(request);
    this.#tell();
    await behaviour(exchange);
  }

  #nextRelease(): Promise<void> {
    return new Promise((resolve) => {
      this.#release = resolve;
    });
  }

  #tell(): void {
    for (const look of this.#watchers) look();
  }

  #until(isTrue: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!isTrue()) return;
        this.#watchers.delete(look);
        resolve();
      };
      this.#watchers.add(look);
      look();
    });
  }
}

const defaultUsage: UpstreamUsage = { input: 12, output: 5, cached: 0 };

/** Answers with `text`, word by word, and what it took; `usage: null` leaves that out. */
export const answers =
  (text: string, usage: UpstreamUsage | null = defaultUsage): Behaviour =>
  ({ request, response }) => {
    openStream(response);
    for (const event of answerEvents(request, text, usage)) response.write(event);
    response.end();
  };

/** Sends the first word of `text`, then waits for `release()`, then sends the rest. */
export const held =
  (text: string): Behaviour =>
  async ({ request, response, released }) => {
    openStream(response);
    const events = answerEvents(request, text, defaultUsage);
    const isFirstWord = (event: string): boolean => event.includes('"content":"') || event.includes('"text_delta"');
    const firstCount = events.findIndex(isFirstWord) + 1;
    for (const event of events.slice(0, firstCount)) response.write(event);
    await released;
    for (const event of events.slice(firstCount)) response.write(event);
    response.end();
  };

/** Takes the request and never says a word. */
export const silent = (): Behaviour => () => undefined;

/** Refuses with `status`, and a JSON body that repeats the request's key, as careless proxies do. */
export const refuses =
  (status: number, headers: Record<string, string> = {}): Behaviour =>
  ({ request, response }) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    const key = request.headers.authorization ?? request.headers['x-api-key'];
    response.end(JSON.stringify({ type: 'error', error: { type: 'refused', message: `refused: ${String(key)}` } }));
  };

/** 429, with `Retry-After` if given. */
export const rateLimited = (retryAfter?: string): Behaviour =>
  refuses(429, retryAfter === undefined ? {} : { 'retry-after': retryAfter });

/** 200 with a web page. */
export const html = (): Behaviour =>
  raw(['<!doctype html><h1>Sign in to the hotel network</h1>'], 'text/html; charset=utf-8');

/** 200 with a JSON error where a stream is due. */
export const errorBody = (): Behaviour =>
  raw(['{"error":{"message":"boom","type":"server_error"}}'], 'application/json');

/** 200 with a stream of no bytes. */
export const empty = (): Behaviour => raw([]);

/** 200 with exactly these pieces of bytes, each its own chunk, and a clean end. */
export const raw =
  (pieces: readonly (string | Uint8Array)[], contentType = 'text/event-stream'): Behaviour =>
  ({ response }) => {
    response.writeHead(200, { 'content-type': contentType });
    for (const piece of pieces) if (piece.length > 0) response.write(piece);
    response.end();
  };

/** The stream of `answers(text)` up to byte `offset`; then the connection is reset. */
export const cutAt =
  (offset: number, text: string): Behaviour =>
  async ({ request, response }) => {
    openStream(response);
    const bytes = Buffer.from(answerEvents(request, text, defaultUsage).join(''));
    if (offset > 0) await new Promise((written) => response.write(bytes.subarray(0, offset), written));
    response.destroy();
  };

/** Server-sent events of an OpenAI-shaped answer, for `raw`. */
export function openAiEvents(
  text: string,
  usage: UpstreamUsage | null = defaultUsage,
  model = 'gpt-4o-mini',
): string[] {
  const event = (fields: object): string =>
    `data: ${JSON.stringify({ id: 'c1', object: 'chat.completion.chunk', created: 1, model, ...fields })}\n\n`;
  const choice = (delta: object, finish_reason: string | null = null) => ({
    choices: [{ index: 0, delta, finish_reason }],
  });
  const counted = usage && {
    prompt_tokens: usage.input,
    completion_tokens: usage.output,
    total_tokens: usage.input + usage.output,
    prompt_tokens_details: { cached_tokens: usage.cached },
  };
  return [
    event(choice({ role: 'assistant' })),
    ...words(text).map((content) => event(choice({ content }))),
    event(choice({}, 'stop')),
    ...(counted === null ? [] : [event({ choices: [], usage: counted })]),
    'data: [DONE]\n\n',
  ];
}

/** Server-sent events of an Anthropic-shaped answer, for `raw`. */
export function anthropicEvents(
  text: string,
  usage: UpstreamUsage | null = defaultUsage,
  model = 'claude-haiku-4-5',
): string[] {
  const event = (fields: { type: string } & Record<string, unknown>): string =>
    `event: ${fields.type}\ndata: ${JSON.stringify(fields)}\n\n`;
  const { input, output, cached } = usage ?? { input: 0, output: 0, cached: 0 };
  const started = { input_tokens: input - cached, cache_read_input_tokens: cached, output_tokens: 1 };
  return [
    event({
      type: 'message_start',
      message: { id: 'm1', type: 'message', role: 'assistant', model, content: [], usage: started },
    }),
    event({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }),
    event({ type: 'ping' }),
    ...words(text).map((word) =>
      event({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: word } }),
    ),
    event({ type: 'content_block_stop', index: 0 }),
    event({
      type: 'message_delta',
      delta: { stop_reason: 'end_turn', stop_sequence: null },
      usage: { output_tokens: output },
    }),
    event({ type: 'message_stop' }),
  ];
}

function answerEvents({ path, body }: UpstreamRequest, text: string, usage: UpstreamUsage | null): string[] {
  const model = String(body['model']);
  return path.endsWith('/messages') ? anthropicEvents(text, usage, model) : openAiEvents(text, usage, model);
}

/** The cookie is bait: no later request may bring it back. */
const openStream = (response: ServerResponse): void =>
  void response.writeHead(200, { 'content-type': 'text/event-stream', 'set-cookie': 'bait=1; Path=/' });

const words = (text: string): string[] => text.match(/\s*\S+\s*$|\s*\S+/gu) ?? [];
