import { expect, test } from 'vitest';
import { ConfigError, loadConfig } from '../../src/config.js';

const refusal = (env: Record<string, string>): string => {
  try {
    loadConfig(env);
  } catch (cause) {
    if (cause instanceof ConfigError) return cause.message;
    throw cause;
  }
  throw new Error('the configuration was accepted');
};

test('the key of OpenAI is never sent to another base URL', () => {
  const gateway = { LLM_BASE_URL: 'https://gateway.example/v1', LLM_MODEL: 'some-model' };
  expect(loadConfig({ ...gateway, OPENAI_API_KEY: 'sk-openai' }).llm.apiKey).toBeUndefined();
  expect(loadConfig({ ...gateway, OPENAI_API_KEY: 'sk-openai', LLM_API_KEY: 'own' }).llm.apiKey).toBe('own');
  expect(loadConfig({ OPENAI_API_KEY: 'sk-openai' }).llm.apiKey).toBe('sk-openai');
});

test('all problems are told at once, by variable and never by value', () => {
  const message = refusal({ PORT: 'seven', CORS_ORIGINS: 'nowhere', TRUST_PROXY: 'somebody', SIGNUP: 'perhaps' });
  for (const name of ['PORT', 'CORS_ORIGINS', 'TRUST_PROXY', 'SIGNUP']) expect(message).toContain(name);
  for (const value of ['seven', 'nowhere', 'somebody', 'perhaps']) expect(message).not.toContain(value);
});

test('a server needs a secret of at least 32 bytes that is no sample (T07)', () => {
  const server = { DATABASE_URL: 'postgresql://localhost/promptwell' };
  expect(refusal(server)).toContain('JWT_SECRET');
  expect(refusal({ ...server, JWT_SECRET: 'nineteen bytes long' })).toContain('32 bytes');
  expect(refusal({ ...server, JWT_SECRET: 'please-change-me-please-change-me-please' })).toContain('sample');
});

test('rates are generous on the embedded engine alone, unless they are set', () => {
  const server = { DATABASE_URL: 'postgresql://localhost/promptwell', JWT_SECRET: 'k'.repeat(32) };
  expect(loadConfig(server).limits).toEqual({ promptsPerSecond: 1, promptsPerMinute: 10, promptsBurst: 0 });
  expect(loadConfig({}).limits).toEqual({ promptsPerSecond: 20, promptsPerMinute: 600, promptsBurst: 100 });
  expect(loadConfig({ PROMPTS_PER_SECOND: '2' }).limits.promptsPerSecond).toBe(2);
});
