import type { TRPCError } from '@trpc/server';
import type { Principal, ProjectAccess } from '../kernel/access.js';
import type { Fault } from '../kernel/fault.js';
import type { Log } from '../platform/log.js';

/** The socket a call came over, as far as a subscription must know it. */
export interface Connection {
  /** Resolves when the socket has room for more; at once over HTTP. Rejects never: a closed socket aborts the call's signal. */
  drained(): Promise<void>;
  /** False once the peer is gone: then a stopped subscription was cut, not ended by its client. */
  isOpen(): boolean;
  /** Counts a subscription in; answers what counts it out, or null when there are too many already. */
  enter(userId: string): (() => void) | null;
}

/** How a call ended, as tRPC's middleware tells it. */
export type Ended = { ok: true } | { ok: false; error: TRPCError };

/** Who is asking, and nothing else: services are not on the context. Over WebSocket it is made once per connection. */
export interface Context {
  requestId: string;
  log: Log;
  /** The client's address, past configured proxies. */
  address: string;
  transport: 'http' | 'websocket';
  connection: Connection;
  /** Checks the credential anew at each call (a cached check); null without one. Faults: `unauthenticated`. */
  identify(): Promise<Principal | null>;
  /** Calls back once when the principal's credential ends; answers what stops watching. */
  watch(principal: Principal, onEnd: () => void): () => void;
  /** Calls back once, with what a new call would meet, when the leave in the project ends; answers what stops watching. */
  watchAccess(access: ProjectAccess, onEnd: (refusal: Fault) => void): () => void;
  /** Counts a call in; answers what counts it out, or null when the service takes no new work. */
  enter(): (() => void) | null;
  /** Runs a query of a user when it is its turn. Faults: `rateLimited`, `overloaded`. */
  inTurn<Result extends Ended>(userId: string, query: () => Promise<Result>): Promise<Result>;
  /** Told of every finished call; a subscription counts when it has started. */
  onCall(call: { path: string; code: string; durationMs: number }): void;
  /** Milliseconds that never run backwards; for the durations of calls. */
  monotonicMs(): number;
}
