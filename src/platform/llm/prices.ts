import { calcPrice } from '@pydantic/genai-prices';
import type { Clock } from '../../kernel/clock.js';
import type { LlmUsage } from './provider.js';

/** What is charged for: a model at an endpoint. */
export interface PricedModel {
  model: string;
  baseUrl: string;
}

/** The counts that a price depends on; cached input is part of the input. */
export type PricedUsage = Pick<LlmUsage, 'inputTokens' | 'outputTokens' | 'cachedInputTokens'>;

/**
 * The price of `usage` in USD, cached input at its own price; null when the model's price is unknown.
 *
 * Shape: the endpoint's own list is asked first (OpenRouter, Groq, ... by their URL); at an unknown endpoint, such as a
 * gateway, a model bears the list price of its maker if that is OpenAI or Anthropic.
 * Source: the tables inside @pydantic/genai-prices; nothing is fetched.
 */
export function costUsd(priced: PricedModel, usage: PricedUsage, clock: Clock): number | null {
  const counts = {
    input_tokens: usage.inputTokens,
    output_tokens: usage.outputTokens,
    cache_read_tokens: Math.min(usage.cachedInputTokens, usage.inputTokens),
  };
  const timestamp = new Date(clock.nowMs());
  const lists = [{ providerApiUrl: priced.baseUrl }, { providerId: 'openai' }, { providerId: 'anthropic' }];
  for (const list of lists) {
    const price = calcPrice(counts, priced.model, { ...list, timestamp });
    if (price !== null) return price.total_price;
  }
  return null;
}
