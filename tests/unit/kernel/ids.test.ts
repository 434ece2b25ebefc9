import { expect, test } from 'vitest';
import { systemIds, uuidV7 } from '../../../src/kernel/ids.js';

const form = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

test('an id is the one that RFC 9562 gives as its example', () => {
  const random = Uint8Array.from([0x0c, 0xc3, 0x18, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f]);
  expect(uuidV7(0x017f22e279b0, random)).toBe('017f22e2-79b0-7cc3-98c4-dc0c0c07398f');
});

test('ids ascend, within a millisecond and when the clock runs backwards', () => {
  const times = [5_000, 5_000, 4_000, 5_001, 5_001, 1];
  let at = 0;
  const ids = systemIds(() => times[Math.min(at++, times.length - 1)] ?? 0);
  const made = Array.from({ length: 10_000 }, () => ids.uuid());
  expect(made).toEqual(made.toSorted());
  expect(new Set(made).size).toBe(made.length);
  for (const id of made) expect(id).toMatch(form);
});

test('a secret is as long as asked, in letters that fit into a URL, and never the same', () => {
  const ids = systemIds(() => 0);
  const secrets = Array.from({ length: 100 }, () => ids.secret(32));
  for (const secret of secrets) expect(Buffer.from(secret, 'base64url')).toHaveLength(32);
  for (const secret of secrets) expect(secret).toMatch(/^[A-Za-z0-9_-]{43}$/);
  expect(new Set(secrets).size).toBe(100);
});
