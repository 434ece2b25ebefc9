import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../../src/config.js';
import { systemClock } from '../../../../src/kernel/clock.js';
import { chooseProviders } from '../../../../src/platform/llm/choose.js';

const chosen = (env: Record<string, string>, model?: string): string => {
  const choice = chooseProviders(loadConfig(env).llm, { clock: systemClock }).choose(model);
  return `${choice.provider.name} ${choice.model}`;
};

describe('the provider of a model', () => {
  const endpoint = { LLM_BASE_URL: 'http://127.0.0.1:9/v1', LLM_MODEL: 'llama3.2' };

  it.each([
    ['nothing configured', {}, undefined, 'offline offline'],
    ['nothing configured, a model named', {}, 'gpt-4o', 'offline offline'],
    ['told to be offline', { OPENAI_API_KEY: 'k', PROMPTWELL_OFFLINE: '1' }, 'gpt-4o', 'offline offline'],
    ['an OpenAI key alone', { OPENAI_API_KEY: 'k' }, undefined, 'openai-compatible gpt-4o-mini'],
    [
      'an OpenAI key and LLM_MODEL',
      { OPENAI_API_KEY: 'k', LLM_MODEL: 'gpt-4.1' },
      undefined,
      'openai-compatible gpt-4.1',
    ],
    ['an endpoint', endpoint, undefined, 'openai-compatible llama3.2'],
    ['an endpoint, Claude named, no Anthropic key', endpoint, 'claude-haiku-4-5', 'openai-compatible claude-haiku-4-5'],
    ['an Anthropic key alone', { ANTHROPIC_API_KEY: 'k' }, undefined, 'anthropic claude-haiku-4-5'],
    [
      'an Anthropic key alone, another named',
      { ANTHROPIC_API_KEY: 'k' },
      'claude-opus-4-5',
      'anthropic claude-opus-4-5',
    ],
    ['both, none named', { ...endpoint, ANTHROPIC_API_KEY: 'k' }, undefined, 'openai-compatible llama3.2'],
    ['both, Claude named', { ...endpoint, ANTHROPIC_API_KEY: 'k' }, 'claude-haiku-4-5', 'anthropic claude-haiku-4-5'],
    [
      'both, LLM_MODEL a Claude',
      { ...endpoint, LLM_MODEL: 'claude-x', ANTHROPIC_API_KEY: 'k' },
      undefined,
      'anthropic claude-x',
    ],
  ])('with %s is as documented', (...[, env, model, expected]) => {
    expect(chosen(env as Record<string, string>, model)).toBe(expected);
  });
});

describe('the most that a call can cost', () => {
  const openAi = chooseProviders(loadConfig({ OPENAI_API_KEY: 'k' }).llm, { clock: systemClock }).choose().provider;
  const asked = (model: string, parameters = {}) =>
    openAi.estimateUsd({ model, messages: [{ role: 'user', content: 'x'.repeat(1_494) }], parameters });

  it('is its input, estimated high, and all the output it may make', () => {
    // 1 494 bytes / 1.5 + 4 = 1 000 tokens at 0.15, 2 000 tokens at 0.60 USD a million.
    expect(asked('gpt-4o-mini', { maxOutputTokens: 2_000 })).toBeCloseTo(0.00015 + 0.0012, 10);
  });

  it('counts the configured output limit where the call names none, and is null without a price', () => {
    expect(asked('gpt-4o-mini')).toBeCloseTo(0.00015 + (4_096 * 0.6) / 1e6, 10);
    expect(asked('my-own-model')).toBeNull();
  });
});
