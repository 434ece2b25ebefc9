import { describe, expect, it } from 'vitest';
import type { Clock } from '../../../../src/kernel/clock.js';
import { costUsd } from '../../../../src/platform/llm/prices.js';

const clock: Clock = { nowMs: () => Date.UTC(2026, 0, 1), monotonicMs: () => 0 };
const usage = { inputTokens: 1_000_000, outputTokens: 100_000, cachedInputTokens: 400_000 };
const openAi = 'https://api.openai.com/v1';
const gateway = 'http://127.0.0.1:4000/v1';

describe('the cost of a call', () => {
  it('counts cached input at its own price', () => {
    // 0.6 M at 0.15, 0.4 M cached at 0.075, 0.1 M out at 0.60 USD.
    expect(costUsd({ model: 'gpt-4o-mini', baseUrl: openAi }, usage, clock)).toBeCloseTo(0.18, 10);
  });

  it.each([
    ['a dated name', 'gpt-4o-mini-2024-07-18', openAi],
    ['an unknown gateway', 'gpt-4o-mini', gateway],
  ])('is known for %s', (_, model, baseUrl) => {
    expect(costUsd({ model, baseUrl }, usage, clock)).toBeCloseTo(0.18, 10);
  });

  it.each(['llama3.2', 'my-own-model', '', '(((', 'gpt-99'])('is null for the unknown model "%s"', (model) => {
    expect(costUsd({ model, baseUrl: gateway }, usage, clock)).toBeNull();
  });
});
