import type { IncomingMessage } from 'node:http';
import type { Authenticator, Principal } from '../kernel/access.js';
import type { Clock } from '../kernel/clock.js';
import type { Ids } from '../kernel/ids.js';
import type { Log } from '../platform/log.js';
import type { Connection, Context } from '../rpc/context.js';
import type { OpenCalls } from './open-calls.js';
import type { QueryTurns } from './turns.js';

/** What every context is made from. */
export interface ContextDeps {
  authenticator: Authenticator;
  clock: Clock;
  ids: Ids;
  log: Log;
  onCall: Context['onCall'];
}

/** What contexts are made from once the door stands. */
interface ContextSource extends ContextDeps {
  calls: OpenCalls;
  turns: QueryTurns;
}

/** The facts of one HTTP request or one WebSocket that a context needs. */
export interface Caller {
  requestId: string;
  address: string;
  credential: string | null;
  transport: Context['transport'];
  connection: Connection;
}

/**
 * HTTP as a connection: Node's streams hold responses back by themselves, so it always has room. Its subscriptions
 * (server-sent events) count against their user, `maxPerUser` at once.
 */
export class HttpConnection implements Connection {
  readonly #maxPerUser: number;
  readonly #byUser = new Map<string, number>();

  constructor(maxPerUser: number) {
    this.#maxPerUser = maxPerUser;
  }

  drained(): Promise<void> {
    return Promise.resolve();
  }

  isOpen(): boolean {
    return true;
  }

  enter(userId: string): (() => void) | null {
    const count = this.#byUser.get(userId) ?? 0;
    if (count >= this.#maxPerUser) return null;
    this.#byUser.set(userId, count + 1);
    return () => {
      const left = (this.#byUser.get(userId) ?? 1) - 1;
      if (left > 0) this.#byUser.set(userId, left);
      else this.#byUser.delete(userId);
    };
  }
}

/** Makes the contexts of callers. */
export class Contexts {
  readonly #deps: ContextSource;
  /** The same functions for all: thousands of sockets keep their contexts. */
  readonly #shared: Omit<Context, keyof Caller | 'identify'>;

  constructor(deps: ContextSource) {
    this.#deps = deps;
    this.#shared = {
      log: deps.log,
      watch: (principal, onEnd) => deps.authenticator.watch(principal, onEnd),
      watchAccess: (access, onEnd) => deps.authenticator.watchAccess(access, onEnd),
      enter: () => deps.calls.enter(),
      inTurn: (userId, query) => deps.turns.take(userId, query),
      onCall: deps.onCall,
      monotonicMs: () => deps.clock.monotonicMs(),
    };
  }

  /** The context of one caller; the credential is checked anew at each `identify`, through the authenticator's cache. */
  of({ credential, requestId, address, transport, connection }: Caller): Context {
    const { authenticator } = this.#deps;
    const { log, watch, watchAccess, enter, inTurn, onCall, monotonicMs } = this.#shared;
    return {
      requestId,
      log,
      address,
      transport,
      connection,
      identify: async (): Promise<Principal | null> =>
        credential === null ? null : authenticator.authenticate(credential),
      watch,
      watchAccess,
      enter,
      inTurn,
      onCall,
      monotonicMs,
    };
  }
}

const requestIdForm = /^[A-Za-z0-9_-]{1,64}$/;

/** The request id the caller sent, a new one when none was sent, or null when what was sent has another form. */
export function requestIdOf(request: IncomingMessage, ids: Ids): string | null {
  const sent = request.headers['x-request-id'];
  if (sent === undefined) return ids.uuid();
  return typeof sent === 'string' && requestIdForm.test(sent) ? sent : null;
}

/** The bearer token of an Authorization header, empty when it has another form; tokens in URLs are ignored. */
export function bearerOf(request: IncomingMessage): string | null {
  const { authorization } = request.headers;
  if (authorization === undefined) return null;
  return /^Bearer (\S+)$/i.exec(authorization)?.[1] ?? '';
}
