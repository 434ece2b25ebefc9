import { expect, test } from 'vitest';
import { openAiCompatible } from '../../src/platform/llm/openai-compatible.js';
import { answers, fakeUpstream, rateLimited } from '../support/fake-upstream.js';
import { SkewedClock } from '../support/fault/skewed-clock.js';

test('a Retry-After that is a date is read by the provider’s clock, whatever ours says (F08, F23)', async () => {
  await using upstream = await fakeUpstream();
  const clock = new SkewedClock();
  const limits = { timeoutMs: 20_000, idleTimeoutMs: 10_000, maxRetries: 2, maxOutputTokens: 256 };
  const provider = openAiCompatible({ baseUrl: upstream.baseUrl, apiKey: 'sk', defaultModel: 'm', limits, clock });
  const request = { model: 'm', messages: [{ role: 'user' as const, content: 'Hello?' }], parameters: {} };
  for (const skewMs of [-86_400_000, 86_400_000]) {
    clock.skewMs = skewMs;
    upstream.script(rateLimited(new Date(Date.now() + 2_000).toUTCString()), answers('Now.'));
    const beganMs = performance.now();
    let text = '';
    for await (const chunk of provider.stream(request, new AbortController().signal))
      if (chunk.type === 'delta') text += chunk.text;
    expect(text).toBe('Now.');
    expect(performance.now() - beganMs).toBeGreaterThan(900);
  }
});
