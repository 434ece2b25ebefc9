import type { Clock } from '../../kernel/clock.js';
import { reasonOf, Refusal, retryAfterMs } from './failures.js';

/**
 * Most bytes of an answer without one complete event among them; a line that never ends would otherwise be gathered
 * for ever. An event of an honest provider has some hundred bytes.
 */
const maxBytesBetweenEvents = 1_048_576;

/** Bytes received since the last complete event. */
export interface ByteCount {
  sinceEvent: number;
}

/**
 * A `fetch` that lets only the beginning of a streamed answer through.
 *
 * Shape: redirects are not followed; an answer that is no success is not read; HTML and plain JSON are no streams.
 * Faults: `Refusal`, or what fetch throws.
 */
export function upstreamFetch(count: ByteCount, clock: Clock): typeof fetch {
  return async (url, init) => {
    const response = await fetch(url, { ...init, redirect: 'manual' });
    const isStream = !/^(text\/html|application\/json)\b/iu.test(response.headers.get('content-type') ?? '');
    if (!response.ok || !isStream) {
      await response.body?.cancel();
      throw refusal(response, clock);
    }
    return new Response(response.body?.pipeThrough(counted(count)) ?? null, {
      status: response.status,
      headers: response.headers,
    });
  };
}

function refusal(response: Response, clock: Clock): Refusal {
  const { status } = response;
  if (response.ok) return new Refusal({ reason: 'malformed', status });
  // A date is meant by the provider's clock, which may not be ours.
  const saidMs = Date.parse(response.headers.get('date') ?? '');
  const waitMs = retryAfterMs(response.headers.get('retry-after'), Number.isNaN(saidMs) ? clock.nowMs() : saidMs);
  return new Refusal({ reason: reasonOf(status), status, ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }) });
}

const counted = (count: ByteCount): TransformStream<Uint8Array, Uint8Array> =>
  new TransformStream({
    transform(bytes, controller) {
      count.sinceEvent += bytes.byteLength;
      if (count.sinceEvent > maxBytesBetweenEvents) throw new Refusal({ reason: 'malformed' });
      controller.enqueue(bytes);
    },
  });
