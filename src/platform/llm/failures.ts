import { Fault } from '../../kernel/fault.js';

/** Why a provider failed, from a closed list; `details.reason` of an `upstream` fault. */
export type UpstreamReason =
  | 'rate_limited'
  | 'server_error'
  | 'auth'
  | 'bad_request'
  | 'not_found'
  | 'cut'
  | 'malformed'
  | 'unreachable'
  | 'empty'
  | 'circuit_open';

const words: Record<UpstreamReason, string> = {
  rate_limited: 'The model provider has too many requests from this key; try again later.',
  server_error: 'The model provider failed.',
  auth: 'The model provider refused the key or the account behind it.',
  bad_request: 'The model provider does not accept this request.',
  not_found: 'The model provider knows no such model or address.',
  cut: 'The model provider broke off in the middle of the answer.',
  malformed: "The model provider's answer is not one of a model.",
  unreachable: 'The model provider could not be reached.',
  empty: 'The model provider answered with nothing.',
  circuit_open: 'The model provider failed several times in a row and is not asked for the moment; try again shortly.',
};

/** A failure of the provider as it is noticed, before it is known whether the call goes on. */
export interface Failure {
  reason: UpstreamReason;
  status?: number;
  retryAfterMs?: number;
}

/** An answer that is refused before it is read as a stream; never leaves this folder. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.reason);
    this.failure = failure;
  }
}

/**
 * The fault that a caller gets for a failure.
 *
 * Shape: fixed words and no cause: what the SDK throws holds the request, its headers and the provider's body, and what
 * fetch throws may hold a URL with a password.
 */
export const upstreamFault = (provider: string, failure: Failure): Fault =>
  new Fault('upstream', words[failure.reason], { provider, ...failure });

/** What a status that is not a success means. */
export function reasonOf(status: number): UpstreamReason {
  if (status === 429) return 'rate_limited';
  if (status >= 500) return 'server_error';
  if (status === 401 || status === 402 || status === 403) return 'auth';
  if (status === 404) return 'not_found';
  // A redirect is not followed: the key would go along to wherever it points.
  return status >= 400 ? 'bad_request' : 'malformed';
}

/** What went wrong when a request threw before its answer began. */
export function openingFailure(error: unknown): Failure {
  const refusal = causes(error).find((cause) => cause instanceof Refusal);
  if (refusal !== undefined) return refusal.failure;
  const status = field(error, 'statusCode');
  if (typeof status === 'number')
    return status >= 400 ? { reason: reasonOf(status), status } : { reason: 'empty', status };
  return { reason: causes(error).some(isNetworkError) ? 'unreachable' : 'bad_request' };
}

/** What went wrong when the stream of an answer threw in the middle. */
export function readingFailure(error: unknown): Failure {
  const refusal = causes(error).find((cause) => cause instanceof Refusal);
  return refusal?.failure ?? { reason: 'cut' };
}

/**
 * What an error inside a stream means: a thrown-in error of the SDK's parser, or the provider's own error object.
 *
 * Source: error names of @ai-sdk/provider; OpenRouter puts an HTTP status into `error.code` of a 200.
 */
export function failureInStream(error: unknown, hasBegun: boolean): Failure {
  const name = field(error, 'name');
  if (name === 'AI_InvalidResponseDataError') return { reason: hasBegun ? 'cut' : 'empty' };
  if (typeof name === 'string') return { reason: 'malformed' };
  const code = field(error, 'code');
  return typeof code === 'number' && code >= 400 && code <= 599
    ? { reason: reasonOf(code), status: code }
    : { reason: 'server_error' };
}

/** Whether asking again may help and cannot be charged twice: the provider said no, or nobody was there. */
export const mayRetry = (failure: Failure, error: unknown): boolean =>
  failure.reason === 'rate_limited' ||
  failure.reason === 'server_error' ||
  (failure.reason === 'unreachable' && causes(error).some((cause) => field(cause, 'code') === 'ECONNREFUSED'));

/** Reasons with which a provider that is up says no to one request. */
const refusals: ReadonlySet<UpstreamReason> = new Set(['rate_limited', 'auth', 'bad_request', 'not_found']);

/** What a call that failed before its answer began tells of the provider itself: `down`, `up`, or nothing. */
export function signOf({ reason, status }: Failure): 'down' | 'up' | null {
  if (!refusals.has(reason)) return 'down';
  return status === undefined ? null : 'up';
}

/**
 * How long a provider asks to wait, in milliseconds; undefined when it says nothing that can be read.
 *
 * Source: RFC 9110 section 10.2.3: seconds or an HTTP date.
 */
export function retryAfterMs(header: string | null, nowMs: number): number | undefined {
  const text = header?.trim() ?? '';
  if (/^\d{1,9}$/u.test(text)) return Number(text) * 1_000;
  const dateMs = /[a-z]/iu.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(dateMs) ? undefined : Math.max(0, dateMs - nowMs);
}

/** fetch says `fetch failed` for everything from DNS to TLS; the system's errors carry a code. */
const isNetworkError = (error: unknown): boolean =>
  typeof field(error, 'code') === 'string' || (error instanceof TypeError && error.message === 'fetch failed');

/** An error, its cause, the cause of that, at most five deep: the SDK wraps what fetch wraps around the system's error. */
function causes(error: unknown): unknown[] {
  const chain: unknown[] = [];
  for (let next = error; next !== undefined && next !== null && chain.length < 5; next = field(next, 'cause'))
    chain.push(next);
  return chain;
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
