/** One message to a model. */
export interface LlmMessage {
  role: 'system' | 'user' | 'assistant';
  content: string;
}

/** What a model is asked. */
export interface LlmRequest {
  model: string;
  messages: readonly LlmMessage[];
  parameters: { temperature?: number; maxOutputTokens?: number; topP?: number; stop?: readonly string[] };
}

/** Tokens of one call; `isEstimated` when the provider gave none and they were counted here. */
export interface LlmUsage {
  inputTokens: number;
  outputTokens: number;
  totalTokens: number;
  cachedInputTokens: number;
  isEstimated: boolean;
}

/** What a call took, and what that costs in USD; null when the model's price is unknown. */
export interface LlmSpent {
  usage: LlmUsage;
  costUsd: number | null;
}

/** The last piece of an answer. */
export interface LlmFinish extends LlmSpent {
  type: 'finish';
  /** The model that answered, as the provider names it. */
  model: string;
  finishReason: string;
}

/** A piece of an answer: text as it is made, then one finish. */
export type LlmChunk = { type: 'delta'; text: string } | LlmFinish;

/** A model's maker, or something that speaks like one. */
export interface LlmProvider {
  /** A short name for rows and metrics: `openai-compatible`, `anthropic`, `offline`. */
  readonly name: string;
  /** The model used when a call names none. */
  readonly defaultModel: string;
  /**
   * The answer as it is made. Ends with exactly one `finish`, or throws.
   *
   * Faults: `upstream` (details provider, status, reason, retryAfterMs), `upstreamTimeout` (details provider, deadlineMs),
   * `cancelled` when `signal` fired. Retries happen only before the first delta. Never throws an error with a key in it.
   */
  stream(request: LlmRequest, signal: AbortSignal): AsyncIterable<LlmChunk>;
  /** The most a call can cost in USD, from an estimate of its input and its output limit; null when the price is unknown. */
  estimateUsd(request: LlmRequest): number | null;
  /** What a call took that broke off after `text`: counted here, since providers tell it only at the end. */
  spentBy(request: LlmRequest, text: string): Promise<LlmSpent>;
}
