import type { Clock } from '../../kernel/clock.js';
import type { Fault } from '../../kernel/fault.js';
import { CallGuard } from './call-guard.js';
import { Circuit } from './circuit.js';
import {
  type Failure,
  failureInStream,
  mayRetry,
  openingFailure,
  readingFailure,
  signOf,
  upstreamFault,
} from './failures.js';
import { costUsd } from './prices.js';
import type { LlmChunk, LlmProvider, LlmRequest, LlmSpent } from './provider.js';
import type { SdkModel, SdkPart } from './sdk-model.js';
import { countedUsage, StreamedAnswer } from './streamed-answer.js';
import { mostInputTokens } from './tokens.js';
import { type ByteCount, upstreamFetch } from './upstream-fetch.js';

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

/** A stream of a model that has been answered, and how many of its bytes have not yet become a part of it. */
interface Opened {
  model: string;
  reader: ReadableStreamDefaultReader<SdkPart>;
  count: ByteCount;
}

/**
 * A provider spoken to through the AI SDK, one layer below its `streamText`: that one gives no exact hold of retries,
 * of silence and of answers that end without an end.
 */
export class SdkProvider implements LlmProvider {
  readonly name: string;
  readonly defaultModel: string;
  readonly #deps: SdkProviderDeps;
  readonly #circuit: Circuit;

  constructor(deps: SdkProviderDeps) {
    this.name = deps.name;
    this.defaultModel = deps.defaultModel;
    this.#deps = deps;
    this.#circuit = new Circuit(deps.clock);
  }

  estimateUsd(request: LlmRequest): number | null {
    const { baseUrl, clock } = this.#deps;
    const outputTokens = this.#maxOutputTokens(request);
    const usage = { inputTokens: mostInputTokens(request), outputTokens, cachedInputTokens: 0 };
    return costUsd({ model: request.model, baseUrl }, usage, clock);
  }

  async spentBy(request: LlmRequest, text: string): Promise<LlmSpent> {
    const { baseUrl, clock } = this.#deps;
    const usage = await countedUsage(request, text);
    return { usage, costUsd: costUsd({ model: request.model, baseUrl }, usage, clock) };
  }

  async *stream(request: LlmRequest, signal: AbortSignal): AsyncGenerator<LlmChunk, void, undefined> {
    const { timeoutMs, idleTimeoutMs } = this.#deps.limits;
    using guard = new CallGuard({ provider: this.name, timeoutMs, idleTimeoutMs }, this.#deps.clock, signal);
    const opened = await this.#open(request, guard);
    const answer = new StreamedAnswer(request);
    try {
      for await (const text of this.#texts(opened, guard, answer)) if (text !== '') yield { type: 'delta', text };
      if (answer.failure !== undefined) throw this.#fault(answer.failure);
    } catch (cause) {
      if (!answer.hasBegun && guard.fault?.kind !== 'cancelled') this.#circuit.failed(request.model);
      throw cause;
    }
    yield await this.#finish(request, answer);
  }

  /** What each part of the stream adds to the text of the answer. */
  async *#texts({ reader, count, model }: Opened, guard: CallGuard, answer: StreamedAnswer): AsyncGenerator<string> {
    for (;;) {
      const part = await this.#next(reader, guard, answer.hasBegun);
      if (part === undefined) break;
      count.sinceEvent = 0;
      if (part.type === 'raw') this.#circuit.answered(model);
      if (part.type === 'error') throw this.#fault(failureInStream(part.error, answer.hasBegun));
      yield answer.add(part);
      if (answer.isTooLong) throw this.#fault({ reason: 'malformed' });
    }
    yield answer.end();
  }

  async #finish(request: LlmRequest, answer: StreamedAnswer): Promise<LlmChunk> {
    const { baseUrl, clock } = this.#deps;
    const finish = await answer.finish();
    const cost = (model: string) => costUsd({ model, baseUrl }, finish.usage, clock);
    return { type: 'finish', ...finish, costUsd: cost(finish.model) ?? cost(request.model) };
  }

  /** The stream of the first attempt that is answered. */
  async #open(request: LlmRequest, guard: CallGuard): Promise<Opened> {
    let failure: Failure | undefined;
    for (let attempt = 0; ; attempt += 1) {
      const closedMs = this.#circuit.refusalMs(request.model);
      if (closedMs !== undefined) throw this.#fault(failure ?? { reason: 'circuit_open', retryAfterMs: closedMs });
      try {
        return await this.#attempt(request, guard);
      } catch (error) {
        failure = this.#judged(request.model, error, guard);
        const waitMs = failure.retryAfterMs ?? firstRetryMs * 2 ** attempt;
        const isLast = attempt >= this.#deps.limits.maxRetries || waitMs >= guard.remainingMs;
        if (isLast || !mayRetry(failure, error)) throw this.#fault(failure);
        await guard.pause(waitMs);
        if (guard.fault !== undefined) throw guard.fault;
      }
    }
  }

  /** What went wrong with an attempt, once the circuit has been told. Faults: the guard's, when it ended the call. */
  #judged(model: string, error: unknown, { fault }: CallGuard): Failure {
    const failure = openingFailure(error);
    const sign = fault === undefined ? signOf(failure) : silenceOf(fault);
    if (sign === 'down') this.#circuit.failed(model);
    if (sign === 'up') this.#circuit.answered(model);
    if (fault !== undefined) throw fault;
    return failure;
  }

  async #attempt(request: LlmRequest, guard: CallGuard): Promise<Opened> {
    const count: ByteCount = { sinceEvent: 0 };
    const model = await this.#deps.makeModel(request.model, upstreamFetch(count, this.#deps.clock));
    const { temperature, topP, stop } = request.parameters;
    const { stream } = await model.doStream({
      prompt: request.messages.map(({ role, content }) =>
        role === 'system' ? { role, content } : { role, content: [{ type: 'text', text: content }] },
      ),
      maxOutputTokens: this.#maxOutputTokens(request),
      ...(temperature === undefined ? {} : { temperature }),
      ...(topP === undefined ? {} : { topP }),
      ...(stop === undefined || stop.length === 0 ? {} : { stopSequences: [...stop] }),
      // Raw parts are signs of life: Anthropic's pings are told in no other way.
      includeRawChunks: true,
      abortSignal: guard.signal,
    });
    return { model: request.model, reader: stream.getReader(), count };
  }

  async #next(reader: Opened['reader'], guard: CallGuard, hasBegun: boolean): Promise<SdkPart | undefined> {
    try {
      // A model may think for long before its first word: until then only the whole answer's deadline counts.
      const { done, value } = await (hasBegun ? guard.listen(() => reader.read()) : reader.read());
      if (guard.fault !== undefined) throw guard.fault;
      return done ? undefined : value;
    } catch (error) {
      throw guard.fault ?? this.#fault(readingFailure(error));
    }
  }

  #fault(failure: Failure): Fault {
    return upstreamFault(this.name, failure);
  }

  #maxOutputTokens(request: LlmRequest): number {
    return request.parameters.maxOutputTokens ?? this.#deps.limits.maxOutputTokens;
  }
}

/** A provider that let the deadline pass without a word may be down; one whose caller left has said nothing yet. */
const silenceOf = ({ kind }: Fault): 'down' | null => (kind === 'upstreamTimeout' ? 'down' : null);
