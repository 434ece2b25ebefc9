import type { IncomingMessage } from 'node:http';
import type { Authenticator, Principal } from '../kernel/access.js';
import type { Ids } from '../kernel/ids.js';
import type { Log } from '../platform/log.js';
import type { Connection, Context } from '../rpc/context.js';

/** What every context is made from. */
export interface ContextDeps {
  authenticator: Authenticator;
  ids: Ids;
  log: Log;
  onCall: Context['onCall'];
}

/** The facts of one HTTP request or one WebSocket that a context needs. */
export interface Caller {
  requestId: string;
  address: string;
  credential: string | null;
  transport: Context['transport'];
  connection: Connection;
}

/** A connection that always has room: Node's streams hold HTTP responses back by themselves. */
export const roomyConnection: Connection = { drained: () => Promise.resolve() };

/** The context of one caller; the credential is checked anew at each `identify`, through the authenticator's cache. */
export function contextOf(deps: ContextDeps, caller: Caller): Context {
  const identify = async (): Promise<Principal | null> =>
    caller.credential === null ? null : deps.authenticator.authenticate(caller.credential);
  return {
    requestId: caller.requestId,
    log: deps.log,
    address: caller.address,
    transport: caller.transport,
    connection: caller.connection,
    identify,
    watch: (principal, onEnd) => deps.authenticator.watch(principal, onEnd),
    onCall: deps.onCall,
  };
}

const requestIdForm = /^[A-Za-z0-9_-]{1,64}$/;

/** The request id the caller sent, a new one when none was sent, or null when what was sent has another form. */
export function requestIdOf(request: IncomingMessage, ids: Ids): string | null {
  const sent = request.headers['x-request-id'];
  if (sent === undefined) return ids.uuid();
  return typeof sent === 'string' && requestIdForm.test(sent) ? sent : null;
}

/** The bearer token of an Authorization header; tokens in URLs are ignored. */
export function bearerOf(request: IncomingMessage): string | null {
  const match = /^Bearer ([^\s]{1,4096})$/i.exec(request.headers.authorization ?? '');
  if (match?.[1] !== undefined) return match[1];
  return request.headers.authorization === undefined ? null : '';
}
