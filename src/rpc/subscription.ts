import type { Principal, ProjectAccess } from '../kernel/access.js';
import { type Ending, Stop } from '../kernel/ending.js';
import { Fault } from '../kernel/fault.js';
import type { Context } from './context.js';

/** What a subscription needs of its call. */
export interface SubscriptionCall {
  /** `access` where the subscription is one of a project. */
  ctx: Context & { principal: Principal; access?: ProjectAccess };
  /** Fires when the client stops or leaves. */
  signal: AbortSignal | undefined;
}

/**
 * Runs `source` as a subscription: at most so many at once, paused while the socket is full, ended with its credential
 * and with its leave in the project.
 *
 * `source` is told when it must stop for any reason; it then returns. `told` makes of an item what the
 * client gets: a generator around this one would cost a kilobyte while it waits. Faults: `rateLimited` when the
 * socket or user has too many subscriptions; `unauthenticated` once the credential ends, over HTTP; `notFound` or
 * `forbidden` once the member is removed or the role no longer gives the leave: the socket and its other calls live on.
 */
export async function* subscription<T, Told>(
  { ctx, signal }: SubscriptionCall,
  source: (ending: Ending) => AsyncIterable<T>,
  told: (item: T) => Told,
): AsyncGenerator<Told, void, undefined> {
  const leave = ctx.connection.enter(ctx.principal.userId);
  if (leave === null) throw new Fault('rateLimited', 'Too many subscriptions are open.', { retryAfterMs: 1_000 });
  const stop = new Stop();
  const end: { refusal: Fault | null } = { refusal: null };
  const endWith = (refusal: Fault): void => {
    end.refusal = refusal;
    stop.abort();
  };
  // A WebSocket is closed as a whole when its credential ends: its client comes back with a fresh one and resumes, which
  // an error sent just before would keep it from doing.
  const unwatch =
    ctx.transport === 'websocket'
      ? () => undefined
      : ctx.watch(ctx.principal, () =>
          endWith(new Fault('unauthenticated', 'The credential has ended.', { reason: 'expired' })),
        );
  const unwatchAccess = ctx.access === undefined ? () => undefined : ctx.watchAccess(ctx.access, endWith);
  const leaveCall = stopWith(signal, stop);
  try {
    for await (const item of source(stop)) {
      if (stop.aborted) break;
      yield told(item);
      await ctx.connection.drained();
    }
    if (end.refusal !== null) throw end.refusal;
  } finally {
    leaveCall();
    stop.abort();
    unwatch();
    unwatchAccess();
    leave();
  }
}

/** Stops with the call; answers what undoes that. `AbortSignal.any` does the same for several times the memory. */
function stopWith(signal: AbortSignal | undefined, stop: Stop): () => void {
  if (signal === undefined) return () => undefined;
  const onAbort = (): void => stop.abort();
  if (signal.aborted) stop.abort();
  signal.addEventListener('abort', onAbort, { once: true });
  return () => signal.removeEventListener('abort', onAbort);
}
