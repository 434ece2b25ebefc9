import type { AnthropicProvider } from '@ai-sdk/anthropic';
import type { Clock } from '../../kernel/clock.js';
import { CallGuard } from './call-guard.js';
import { failureInStream, mayRetry, openingFailure, readingFailure, upstreamFault } from './failures.js';
import { costUsd, mostUsd } from './prices.js';
import type { LlmChunk, LlmProvider, LlmRequest } from './provider.js';
import { StreamedAnswer } from './streamed-answer.js';
import { type ByteCount, upstreamFetch } from './upstream-fetch.js';

/** A model as the AI SDK's providers make it, as far as it is used here. */
export type SdkModel = Pick<ReturnType<AnthropicProvider>, 'doStream'>;

/** One piece of a stream of such a model. */
export type SdkPart = Awaited<ReturnType<SdkModel['doStream']>>['stream'] extends ReadableStream<infer Part> ? Part : never;

/** What bounds one call to a provider. */
export interface ProviderLimits {
  timeoutMs: number;
  idleTimeoutMs: number;
  maxRetries: number;
  /** Asked for when a request says none. */
  maxOutputTokens: number;
}

/** What makes an SDK provider one of the house's. */
export interface SdkProviderDeps {
  name: string;
  defaultModel: string;
  baseUrl: string;
  limits: ProviderLimits;
  clock: Clock;
  /** Makes the SDK's model; called once for each attempt, with the `fetch` it must use. */
  makeModel(model: string, fetch: typeof globalThis.fetch): Promise<SdkModel>;
}

/** First wait before asking again when the provider names none; doubled each time. */
const firstRetryMs = 500;

type Opened = ReadableStreamDefaultReader<SdkPart>;

/**
 * A provider spoken to through the AI SDK, one layer below its `streamText`: that one gives no exact hold of retries,
 * of silence and of answers that end without an end.
 */
export class SdkProvider implements LlmProvider {
  readonly name: string;
  readonly defaultModel: string;
  readonly #deps: SdkProviderDeps;

  constructor(deps: SdkProviderDeps) {
    this.name = deps.name;
    this.defaultModel = deps.defaultModel;
    this.#deps = deps;
  }

  estimateUsd(request: LlmRequest): number | null {
    const priced = { model: request.model, baseUrl: this.#deps.baseUrl };
    return mostUsd(priced, request, this.#maxOutputTokens(request), this.#deps.clock);
  }

  async *stream(request: LlmRequest, signal: AbortSignal): AsyncGenerator<LlmChunk, void, undefined> {
    const { limits, clock, baseUrl } = this.#deps;
    using guard = new CallGuard({ provider: this.name, timeoutMs: limits.timeoutMs, idleTimeoutMs: limits.idleTimeoutMs }, clock, signal);
    const count: ByteCount = { sinceEvent: 0 };
    const reader = await this.#open(request, guard, count);
    const answer = new StreamedAnswer(request);
    for (;;) {
      const part = await this.#next(reader, guard, answer.hasBegun);
      if (part === undefined) break;
      count.sinceEvent = 0;
      if (part.type === 'error') throw guard.fault ?? this.#fault(failureInStream(part.error, answer.hasBegun));
      const text = answer.add(part);
      if (answer.isTooLong) throw this.#fault({ reason: 'malformed' });
      if (text !== '') yield { type: 'delta', text };
    }
    const rest = answer.end();
    if (rest !== '') yield { type: 'delta', text: rest };
    if (answer.failure !== undefined) throw this.#fault(answer.failure);
    const finish = await answer.finish();
    const cost = (model: string) => costUsd({ model, baseUrl }, finish.usage, clock);
    yield { type: 'finish', ...finish, costUsd: cost(finish.model) ?? cost(request.model) };
  }

  /** The stream of the first attempt that is answered. */
  async #open(request: LlmRequest, guard: CallGuard, count: ByteCount): Promise<Opened> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#attempt(request, guard, count);
      } catch (error) {
        if (guard.fault !== undefined) throw guard.fault;
        const failure = openingFailure(error);
        const waitMs = failure.retryAfterMs ?? firstRetryMs * 2 ** attempt;
        const isLast = attempt >= this.#deps.limits.maxRetries || waitMs >= guard.remainingMs;
        if (isLast || !mayRetry(failure, error)) throw this.#fault(failure);
        await guard.pause(waitMs);
        if (guard.fault !== undefined) throw guard.fault;
      }
    }
  }

  async #attempt(request: LlmRequest, guard: CallGuard, count: ByteCount): Promise<Opened> {
    const model = await this.#deps.makeModel(request.model, upstreamFetch(count, this.#deps.clock));
    const { temperature, topP, stop } = request.parameters;
    const { stream } = await model.doStream({
      prompt: request.messages.map(({ role, content }) => (role === 'system' ? { role, content } : { role, content: [{ type: 'text', text: content }] })),
      maxOutputTokens: this.#maxOutputTokens(request),
      ...(temperature === undefined ? {} : { temperature }),
      ...(topP === undefined ? {} : { topP }),
      ...(stop === undefined || stop.length === 0 ? {} : { stopSequences: [...stop] }),
      // Raw parts are signs of life: Anthropic's pings are told in no other way.
      includeRawChunks: true,
      abortSignal: guard.signal,
    });
    return stream.getReader();
  }

  async #next(reader: Opened, guard: CallGuard, hasBegun: boolean): Promise<SdkPart | undefined> {
    try {
      // A model may think for long before its first word: until then only the whole answer's deadline counts.
      const { done, value } = await (hasBegun ? guard.listen(() => reader.read()) : reader.read());
      if (guard.fault !== undefined) throw guard.fault;
      return done ? undefined : value;
    } catch (error) {
      throw guard.fault ?? this.#fault(readingFailure(error));
    }
  }

  readonly #fault = (failure: Parameters<typeof upstreamFault>[1]) => upstreamFault(this.#deps.name, failure);

  readonly #maxOutputTokens = (request: LlmRequest): number =>
    request.parameters.maxOutputTokens ?? this.#deps.limits.maxOutputTokens;
}
