import type { IncomingMessage } from 'node:http';
import type { AnyTRPCRouter, TRPCError } from '@trpc/server';
import { fastifyRequestHandler } from '@trpc/server/adapters/fastify';
import { getWSConnectionHandler } from '@trpc/server/adapters/ws';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { WebSocket, WebSocketServer } from 'ws';
import { Fault } from '../kernel/fault.js';
import type { ProcedureMeta } from '../rpc/init.js';
import { faultOf, isBug } from '../rpc/faults.js';
import { bearerOf, contextOf, HttpConnection } from './context.js';
import { GuardedSocket } from './guarded-socket.js';
import { closeCodes, limits } from './limits.js';
import type { HttpDeps } from './server.js';
import type { AdmittedSocket, Sockets } from './sockets.js';

/** Mounts the router at `/trpc`: calls and server-sent events over HTTP, everything over WebSocket. */
export function mountTrpc(server: FastifyInstance, deps: HttpDeps, sockets: Sockets): void {
  const webSocketOnly = webSocketOnlyPaths(deps.router);
  const connection = new HttpConnection(deps.config.socketsPerUser);
  server.all('/trpc/:path', async (request, reply) => {
    const { path } = request.params as { path: string };
    if (webSocketOnly.has(path)) throw new Fault('methodNotAllowed', `${path} runs over WebSocket only.`);
    await fastifyRequestHandler({
      router: deps.router,
      req: request,
      res: reply,
      path,
      maxBatchSize: limits.batchCalls,
      maxBodySize: limits.bodyBytes,
      allowMethodOverride: true,
      createContext: () => httpContext(deps, request, connection),
      onError: ({ error, path: at }) => logError(deps, { error, path: at, requestId: request.id }),
      responseMeta: ({ errors }) => ({ headers: retryHeaders(errors) }),
    });
    return reply;
  });
  mountSockets(server, deps, sockets);
}

function webSocketOnlyPaths(router: AnyTRPCRouter): Set<string> {
  const procedures = Object.entries<{ _def: { meta?: unknown } }>(router._def.procedures as never);
  return new Set(
    procedures
      .filter(([, { _def }]) => (_def.meta as ProcedureMeta | undefined)?.isWebSocketOnly)
      .map(([path]) => path),
  );
}

const httpContext = (deps: HttpDeps, request: FastifyRequest, connection: HttpConnection) =>
  contextOf(deps, {
    requestId: request.id,
    address: request.ip,
    credential: bearerOf(request.raw),
    transport: 'http',
    connection,
  });

function mountSockets(server: FastifyInstance, deps: HttpDeps, sockets: Sockets): void {
  const admitted = new WeakMap<GuardedSocket, { socket: AdmittedSocket; request: FastifyRequest }>();
  const onConnection = getWSConnectionHandler({
    // The adapter's type asks for the server it is not used with here.
    wss: undefined as unknown as WebSocketServer,
    router: deps.router,
    maxBatchSize: limits.batchCalls,
    keepAlive: { enabled: true, pingMs: limits.socketPingMs, pongWaitMs: limits.socketPongMs },
    createContext: async ({ res, info }) => {
      const guarded = res as unknown as GuardedSocket;
      const entry = admitted.get(guarded);
      if (entry === undefined) throw new Fault('unauthenticated', 'This socket is closed.', { reason: 'closed' });
      const token = info.connectionParams?.['token'] ?? bearerOf(entry.request.raw);
      return socketContext(deps, { ...entry, guarded, token });
    },
    onError: ({ error, path, ctx }) =>
      logError(deps, { error, path, requestId: (ctx as { requestId?: string } | undefined)?.requestId }),
  });
  server.get('/trpc', { websocket: true }, (socket: WebSocket, request: FastifyRequest) => {
    if (!sockets.hasRoomFor(request.ip)) return socket.close(closeCodes.policy, 'too many sockets');
    const guarded = new GuardedSocket(socket, {
      clock: deps.clock,
      maxSubscriptions: deps.config.subscriptionsPerSocket,
    });
    admitted.set(guarded, { socket: sockets.admit(guarded, request.ip), request });
    onConnection(guarded as unknown as WebSocket, request.raw as IncomingMessage);
  });
}

/** The context of a socket, once its credential holds; a socket without a valid one is closed with 4401. */
async function socketContext(
  deps: HttpDeps,
  entry: { guarded: GuardedSocket; socket: AdmittedSocket; request: FastifyRequest; token: string | null },
) {
  const { guarded, request } = entry;
  const context = contextOf(deps, {
    requestId: request.id,
    address: request.ip,
    credential: entry.token,
    transport: 'websocket',
    connection: guarded,
  });
  try {
    const principal = await context.identify();
    if (principal === null)
      throw new Fault('unauthenticated', 'Send a token in connectionParams.', { reason: 'missing' });
    if (!entry.socket.authenticated(principal))
      throw new Fault('rateLimited', 'Too many sockets are open.', { retryAfterMs: 1_000 });
    return context;
  } catch (cause) {
    const fault = faultOf(cause);
    if (fault?.kind === 'unauthenticated')
      setImmediate(() => guarded.close(closeCodes.unauthenticated, 'not signed in'));
    throw cause;
  }
}

function retryHeaders(errors: readonly TRPCError[]): Headers {
  const headers = new Headers();
  const waits = errors.map((error) => faultOf(error)?.details.retryAfterMs ?? 0);
  const longestMs = Math.max(0, ...waits);
  if (longestMs > 0) headers.set('retry-after', String(Math.ceil(longestMs / 1_000)));
  return headers;
}

/** Each error once: expected ones at info without their input, bugs with stack and cause. */
function logError(
  deps: HttpDeps,
  failed: { error: TRPCError; path: string | undefined; requestId: string | undefined },
): void {
  const { error, path, requestId } = failed;
  if (isBug(error)) deps.log.error({ err: error.cause ?? error, path, requestId }, 'procedure failed');
  else deps.log.info({ code: faultOf(error)?.kind ?? error.code, path, requestId }, 'refused');
}
