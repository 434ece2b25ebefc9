import { expect, it } from 'vitest';
import { systemClock } from '../../../../src/kernel/clock.js';
import { systemIds } from '../../../../src/kernel/ids.js';
import { ApiKeys } from '../../../../src/platform/auth/api-keys.js';

const apiKeys = new ApiKeys(systemIds(() => systemClock.nowMs()));

it('a new key is 256 random bits behind pw_, and neither prefix nor hash gives it away (T17)', () => {
  const made = apiKeys.mint();
  expect(made.key).toMatch(/^pw_[A-Za-z0-9_-]{43}$/);
  expect(made.key.startsWith(made.prefix)).toBe(true);
  expect(made.prefix).toHaveLength(10);
  expect(made.hash).toBe(apiKeys.hashOf(made.key));
  expect(made.hash).toMatch(/^[0-9a-f]{64}$/);
});

it('only the exact form of a key is taken for one', () => {
  const body = 'a'.repeat(43);
  expect(apiKeys.hashOf(`pw_${body}`)).not.toBeNull();
  for (const text of ['', 'pw_', `pw_${body}a`, `PW_${body}`, `pw_${body}\n`, ` pw_${body}`, `pw_${'é'.repeat(43)}`])
    expect(apiKeys.hashOf(text), text).toBeNull();
});
