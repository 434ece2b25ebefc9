import { describe, expect, it } from 'vitest';
import { mayRetry, openingFailure, retryAfterMs, upstreamFault } from '../../../../src/platform/llm/failures.js';

describe('Retry-After', () => {
  const nowMs = Date.UTC(2026, 0, 1, 12, 0, 0);

  it.each([
    ['0', 0],
    ['30', 30_000],
    [' 7 ', 7_000],
    ['Thu, 01 Jan 2026 12:00:05 GMT', 5_000],
    ['Thu, 01 Jan 2026 11:00:00 GMT', 0],
    ['soon', undefined],
    ['-5', undefined],
    ['1.5', undefined],
    ['', undefined],
    [null, undefined],
  ])('of %j means %j milliseconds', (header, expected) => {
    expect(retryAfterMs(header, nowMs)).toBe(expected);
  });
});

describe('a failure before the answer', () => {
  const fetchFailed = (code: string) =>
    new TypeError('fetch failed', { cause: Object.assign(new Error(code), { code }) });

  it.each([
    ['ECONNREFUSED', true],
    ['ECONNRESET', false],
    ['ENOTFOUND', false],
  ])('of %s is unreachable; asking again: %j', (code, expected) => {
    const error = fetchFailed(code);
    const failure = openingFailure(error);
    expect(failure).toEqual({ reason: 'unreachable' });
    expect(mayRetry(failure, error)).toBe(expected);
  });

  it('becomes a fault with fixed words and no cause', () => {
    const fault = upstreamFault('anthropic', { reason: 'rate_limited', status: 429, retryAfterMs: 1_000 });
    expect(fault.kind).toBe('upstream');
    expect(fault.cause).toBeUndefined();
    expect(fault.details).toEqual({ provider: 'anthropic', reason: 'rate_limited', status: 429, retryAfterMs: 1_000 });
  });
});
