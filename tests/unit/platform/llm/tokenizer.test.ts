import { describe, expect, it } from 'vitest';
import { countedTokens } from '../../../../src/platform/llm/tokenizer.js';
import { mostInputTokens } from '../../../../src/platform/llm/tokens.js';

describe('counted tokens', () => {
  it('are exact for short text', async () => {
    expect(await countedTokens('Hello world, how are you?')).toBe(7);
    expect(await countedTokens('')).toBe(0);
  });

  it('take control words for the text they are', async () => {
    expect(await countedTokens('<|endoftext|>')).toBeGreaterThan(1);
  });

  it('are a quarter of the length above 20 000 characters', async () => {
    expect(await countedTokens('x'.repeat(100_000))).toBe(25_000);
  });

  it.each([
    ['prose', 'The quick brown fox jumps over the lazy dog. '.repeat(100)],
    [
      'base64',
      Buffer.from(
        Uint8Array.from({ length: 3_000 }, (_, index) => (index * 7_919 + index * index * 31) % 256),
      ).toString('base64'),
    ],
    ['Chinese', '東京都渋谷区'.repeat(500)],
    ['emoji', '😀👨‍👩‍👧'.repeat(200)],
  ])('of %s stay below the most that is reserved for them', async (_, content) => {
    const most = mostInputTokens({ model: 'm', messages: [{ role: 'user', content }], parameters: {} });
    expect(await countedTokens(content)).toBeLessThanOrEqual(most);
  });
});
