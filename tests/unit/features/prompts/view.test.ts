import { expect, test } from 'vitest';
import {
  type PromptRow,
  promptView,
  type ResponseRow,
  responseView,
  tombstoneView,
} from '../../../../src/features/prompts/view.js';

const response: ResponseRow = {
  id: 'r',
  text: 'answer',
  model: 'm',
  provider: 'offline',
  finishReason: 'stop',
  inputTokens: 1,
  outputTokens: 2,
  totalTokens: null,
  cachedInputTokens: null,
  isEstimated: true,
  costUsd: null,
  latencyMs: 3,
  timeToFirstTokenMs: null,
  error: null,
  createdAt: '2026-01-02T03:04:05.678+00:00',
};
const row: PromptRow = {
  id: 'p',
  projectId: 'project',
  userId: 'user',
  text: 'secret words',
  system: 'secret system',
  status: 'completed',
  model: 'm',
  parameters: { temperature: 1 },
  isPushed: true,
  conversationId: null,
  environment: 'development',
  tags: ['secret'],
  metadata: { secret: 1 },
  createdAt: new Date('2026-01-02T03:04:05.678Z'),
  updatedAt: new Date('2026-01-02T03:04:05.679Z'),
  response,
  responses: 1,
  space: 'lexical-1',
  dimensions: 384,
  isTruncated: false,
};

test('times are ISO 8601 in UTC, sums and absences are made explicit', () => {
  expect(responseView(response)).toMatchObject({
    createdAt: '2026-01-02T03:04:05.678Z',
    usage: { inputTokens: 1, outputTokens: 2, totalTokens: 3, cachedInputTokens: 0, isEstimated: true },
  });
  expect(responseView({ ...response, outputTokens: null }).usage).toBeNull();
  expect(promptView({ ...row, space: null, dimensions: null }).embedding).toBeNull();
  expect(promptView({ ...row, response: null }).response).toBeNull();
});

test('an error crosses the wire with its kind and reason, and nothing else of its details', () => {
  const error = { kind: 'upstream', message: 'failed', details: { reason: 'cut', status: 500, provider: 'x' } };
  expect(responseView({ ...response, error }).error).toEqual({ kind: 'upstream', reason: 'cut', message: 'failed' });
  expect(responseView({ ...response, error: { kind: 'interrupted', message: 'm' } }).error?.reason).toBeNull();
});

test('a view holds nothing of the row that is not said in its type, and a tombstone none of its texts', () => {
  expect(Object.keys(promptView(row))).not.toContain('isPushed');
  const tombstone = tombstoneView(row);
  expect(tombstone).toMatchObject({ id: 'p', projectId: 'project', createdAt: '2026-01-02T03:04:05.678Z' });
  expect(JSON.stringify(tombstone)).not.toMatch(/secret|answer/);
});
