import { expect, test } from 'vitest';
import { matches } from '../../../../src/features/feed/matching.js';
import type { PromptFilter, PromptView } from '../../../../src/features/prompts/schema.js';

const prompt = {
  id: 'p',
  userId: 'user',
  text: 'Ten % of_it',
  status: 'completed',
  response: { model: 'gpt-4o-mini' },
  conversationId: 'talk',
  environment: 'production',
  tags: ['a', 'b'],
  createdAt: '2026-01-02T03:04:05.678Z',
} as unknown as PromptView;

test.each<[PromptFilter, boolean]>([
  [{}, true],
  [{ status: 'completed' }, true],
  [{ status: 'failed' }, false],
  [{ model: 'gpt-4o-mini' }, true],
  [{ model: 'gpt-4o' }, false],
  [{ environment: 'production' }, true],
  [{ environment: 'Production' }, false],
  [{ tag: 'b' }, true],
  [{ tag: 'c' }, false],
  [{ userId: 'user' }, true],
  [{ userId: 'other' }, false],
  [{ conversationId: 'talk' }, true],
  [{ conversationId: 'tal' }, false],
  [{ createdFrom: '2026-01-02T04:04:05.678+01:00' }, true],
  [{ createdFrom: '2026-01-02T03:04:05.679Z' }, false],
  [{ createdTo: '2026-01-02T03:04:05.678Z' }, true],
  [{ createdTo: '2026-01-02T03:04:05Z' }, false],
  [{ text: 'TEN %' }, true],
  [{ text: 'f_i' }, true],
  [{ text: 'f%i' }, false],
  [{ tag: 'a', text: 'ten', environment: 'production' }, true],
  [{ tag: 'a', text: 'ten', environment: 'staging' }, false],
])('%j holds as it does in a list: %s', (filter, wanted) => {
  expect(matches(prompt, filter)).toBe(wanted);
});
