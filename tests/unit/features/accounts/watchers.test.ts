import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { isEndedBy, Watchers } from '../../../../src/features/accounts/watchers.js';
import { parseRevocation, revocationPayload } from '../../../../src/features/accounts/revocation.js';
import type { Principal } from '../../../../src/kernel/access.js';
import { systemClock } from '../../../../src/kernel/clock.js';

const dayMs = 86_400_000;
const principal = (expiresAtMs: number | null): Principal => ({
  kind: 'session',
  userId: 'u',
  sessionId: 's',
  apiKeyId: null,
  expiresAtMs,
  defaultProjectId: 'p',
  isAdministrator: false,
  roles: new Map(),
  scopes: null,
});

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('a watcher is told once, at the moment of expiry, even beyond the longest timer of Node', () => {
  const watchers = new Watchers(systemClock);
  const ends: string[] = [];
  watchers.add(principal(systemClock.nowMs() + 60 * dayMs), () => ends.push('far'));
  watchers.add(principal(systemClock.nowMs() + 1_000), () => ends.push('near'));
  watchers.add(principal(null), () => ends.push('never'));
  vi.advanceTimersByTime(999);
  expect(ends).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(ends).toEqual(['near']);
  vi.advanceTimersByTime(60 * dayMs - 1_001);
  expect(ends).toEqual(['near']);
  vi.advanceTimersByTime(1);
  expect(ends).toEqual(['near', 'far']);
  vi.advanceTimersByTime(400 * dayMs);
  expect(ends).toEqual(['near', 'far']);
  expect(watchers.size).toBe(1);
});

it('no timer is left when nobody watches', () => {
  const watchers = new Watchers(systemClock);
  const stop = watchers.add(principal(systemClock.nowMs() + 1_000), () => undefined);
  watchers.add(principal(systemClock.nowMs() + 1_000), () => undefined);
  stop();
  expect(vi.getTimerCount()).toBe(1);
  watchers.clear();
  expect(vi.getTimerCount()).toBe(0);
});

it('a revocation ends its own kind alone', () => {
  const ends = (payload: string): boolean => {
    const revocation = parseRevocation(payload);
    return revocation !== null && isEndedBy(principal(null), revocation);
  };
  expect(
    ['user:u', 'session:s', 'user:s', 'session:u', 'apiKey:s', 'membership:u', 'user', 'other:u', ''].map(ends),
  ).toEqual([true, true, false, false, false, false, false, false, false]);
  expect(parseRevocation(revocationPayload({ of: 'apiKey', id: 'k' }))).toEqual({ of: 'apiKey', id: 'k' });
});
