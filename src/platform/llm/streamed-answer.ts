import { CleanText, cleaned } from './clean-text.js';
import type { Failure } from './failures.js';
import type { LlmFinish, LlmRequest, LlmUsage } from './provider.js';
import type { SdkPart } from './sdk-model.js';
import { countedTokens } from './tokenizer.js';
import { requestText } from './tokens.js';

/** Most characters of one answer: no model's output limit is near it, and a row with more helps nobody. */
const maxAnswerLength = 10 * 1_048_576;

/** Most characters of a model's name as the provider gives it. */
const maxModelLength = 200;

/** Most tokens a count can say: the column is a 32-bit integer. */
const maxTokens = 2_147_483_647;

type SdkFinish = Extract<SdkPart, { type: 'finish' }>;

/** One answer as it grows from the parts of an SDK stream. */
export class StreamedAnswer {
  readonly #request: LlmRequest;
  readonly #clean = new CleanText();
  #text = '';
  #model: string;
  #finish: SdkFinish | undefined;
  #hasBegun = false;

  constructor(request: LlmRequest) {
    this.#request = request;
    this.#model = request.model;
  }

  /** Whether the provider has sent its first event. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** Whether the answer has outgrown what is kept. */
  get isTooLong(): boolean {
    return this.#text.length > maxAnswerLength;
  }

  /** Why the whole stream is no answer, once it has ended; undefined when it is one. */
  get failure(): Failure | undefined {
    if (this.#finish === undefined) return { reason: this.#hasBegun ? 'cut' : 'empty' };
    return this.#text.trim() === '' ? { reason: 'empty' } : undefined;
  }

  /** Takes a part in; answers the text that it brings, which may be none. */
  add(part: SdkPart): string {
    if (part.type === 'raw') this.#hasBegun = true;
    if (part.type === 'response-metadata' && part.modelId) this.#model = cleaned(part.modelId).slice(0, maxModelLength);
    if (part.type === 'finish') this.#finish = part;
    return part.type === 'text-delta' ? this.#kept(this.#clean.push(part.delta)) : '';
  }

  /** The text that was held back for a delta that did not come. */
  end(): string {
    return this.#kept(this.#clean.end());
  }

  /** What the last chunk says, but for its cost. */
  async finish(): Promise<Omit<LlmFinish, 'type' | 'costUsd'>> {
    const usage = givenUsage(this.#finish?.usage) ?? (await countedUsage(this.#request, this.#text));
    return { model: this.#model, finishReason: this.#finish?.finishReason.unified ?? 'other', usage };
  }

  #kept(text: string): string {
    this.#text += text;
    return text;
  }
}

/** The tokens of a request and of what came of its answer, counted here. */
export async function countedUsage(request: LlmRequest, text: string): Promise<LlmUsage> {
  const inputTokens = await countedTokens(requestText(request));
  const outputTokens = await countedTokens(text);
  return {
    inputTokens,
    outputTokens,
    totalTokens: inputTokens + outputTokens,
    cachedInputTokens: 0,
    isEstimated: true,
  };
}

/** What the provider counted; undefined when it counted no output, which no answer with text can be. */
function givenUsage(usage: SdkFinish['usage'] | undefined): LlmUsage | undefined {
  const inputTokens = tokens(usage?.inputTokens.total);
  const outputTokens = tokens(usage?.outputTokens.total);
  if (inputTokens === 0 || outputTokens === 0) return undefined;
  const cachedInputTokens = Math.min(inputTokens, tokens(usage?.inputTokens.cacheRead));
  return { inputTokens, outputTokens, totalTokens: inputTokens + outputTokens, cachedInputTokens, isEstimated: false };
}

/** A provider's number may be anything; half of the range each, so that their sum fits as well. */
const tokens = (count: number | undefined): number =>
  Math.min(Math.max(0, Math.round(count ?? 0)), Math.floor(maxTokens / 2)) || 0;
