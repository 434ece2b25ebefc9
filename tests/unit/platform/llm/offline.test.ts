import { describe, expect, it } from 'vitest';
import { offlineProvider } from '../../../../src/platform/llm/offline.js';
import type { LlmChunk, LlmRequest } from '../../../../src/platform/llm/provider.js';

const never = new AbortController().signal;
const asked = (content: string, parameters: LlmRequest['parameters'] = {}): LlmRequest => ({
  model: 'gpt-4o',
  messages: [{ role: 'user', content }],
  parameters,
});

async function answered(request: LlmRequest) {
  const chunks: LlmChunk[] = [];
  for await (const chunk of offlineProvider().stream(request, never)) chunks.push(chunk);
  const deltas = chunks.flatMap((chunk) => (chunk.type === 'delta' ? [chunk.text] : []));
  const finishes = chunks.filter((chunk) => chunk.type === 'finish');
  return { deltas, text: deltas.join(''), finishes };
}

describe('the offline provider', () => {
  it('says first that it is not a model, and how to configure one', async () => {
    const { text } = await answered(asked('Why is the sky blue?'));
    expect(text).toMatch(/^This is not a model/u);
    for (const name of ['LLM_BASE_URL', 'LLM_MODEL', 'OPENAI_API_KEY', 'ANTHROPIC_API_KEY'])
      expect(text).toContain(name);
  });

  it('answers the same for the same prompt, and otherwise for another', async () => {
    const first = await answered(asked('Why is the sky blue?'));
    expect(await answered(asked('Why is the sky blue?'))).toEqual(first);
    expect((await answered(asked('Why is grass green?'))).text).not.toBe(first.text);
  });

  it('repeats the start of a long prompt and never half a character', async () => {
    const { text } = await answered(asked('😀'.repeat(50_000)));
    expect(text).toContain(`“${'😀'.repeat(160)}…”`);
    expect(text).toContain('1 words and 50000 characters');
  });

  it('streams several deltas, then one finish of the model `offline` that cost nothing', async () => {
    const { deltas, finishes, text } = await answered(asked('Why is the sky blue?'));
    expect(deltas.length).toBeGreaterThan(3);
    expect(finishes).toEqual([
      {
        type: 'finish',
        model: 'offline',
        finishReason: 'stop',
        usage: {
          inputTokens: 5,
          outputTokens: Math.ceil(text.length / 4),
          totalTokens: 5 + Math.ceil(text.length / 4),
          cachedInputTokens: 0,
          isEstimated: true,
        },
        costUsd: 0,
      },
    ]);
    expect(offlineProvider().estimateUsd(asked('Why?'))).toBe(0);
  });

  it('keeps to the output limit and says that it was cut', async () => {
    const { text, finishes } = await answered(asked('Why?', { maxOutputTokens: 6 }));
    expect(text).toBe('This is not a model: Pro');
    expect(finishes[0]).toMatchObject({ finishReason: 'length', usage: { outputTokens: 6 } });
  });

  it('stops before the earliest stop sequence', async () => {
    const { text, finishes } = await answered(asked('Why?', { stop: ['Promptwell', ' model', 'absent'] }));
    expect(text).toBe('This is not a');
    expect(finishes[0]).toMatchObject({ finishReason: 'stop' });
  });

  it('breaks off with `cancelled` when the caller leaves', async () => {
    const caller = new AbortController();
    const stream = offlineProvider().stream(asked('Why?'), caller.signal)[Symbol.asyncIterator]();
    await stream.next();
    caller.abort();
    await expect(stream.next()).rejects.toMatchObject({ kind: 'cancelled' });
  });
});
