import { expect, it } from 'vitest';
import { systemClock } from '../../../../src/kernel/clock.js';
import { systemIds } from '../../../../src/kernel/ids.js';
import { apiKeyHash, isApiKey, newApiKey } from '../../../../src/platform/auth/api-key.js';

it('a new key is 256 random bits behind pw_, and neither prefix nor hash gives it away (T17)', () => {
  const made = newApiKey(systemIds(systemClock.nowMs));
  expect(made.key).toMatch(/^pw_[A-Za-z0-9_-]{43}$/);
  expect(made.key.startsWith(made.prefix)).toBe(true);
  expect(made.prefix).toHaveLength(10);
  expect(made.hash).toBe(apiKeyHash(made.key));
  expect(made.hash).toMatch(/^[0-9a-f]{64}$/);
});

it('only the exact form of a key is taken for one', () => {
  const body = 'a'.repeat(43);
  expect(isApiKey(`pw_${body}`)).toBe(true);
  for (const text of ['', 'pw_', `pw_${body}a`, `PW_${body}`, `pw_${body}\n`, ` pw_${body}`, `pw_${'é'.repeat(43)}`])
    expect(isApiKey(text), text).toBe(false);
});
