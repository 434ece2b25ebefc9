import type { IncomingMessage } from 'node:http';
import type { AnyTRPCRouter, TRPCError } from '@trpc/server';
import { fastifyRequestHandler } from '@trpc/server/adapters/fastify';
import { getWSConnectionHandler, type WSSHandlerOptions } from '@trpc/server/adapters/ws';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { WebSocket, WebSocketServer } from 'ws';
import { Fault } from '../kernel/fault.js';
import type { Log } from '../platform/log.js';
import { faultOf, isBug } from '../rpc/faults.js';
import type { ProcedureMeta } from '../rpc/init.js';
import { answerCalls, plainCalls } from './calls.js';
import { bearerOf, type Contexts, HttpConnection } from './context.js';
import { encoderFor, Frames } from './frames.js';
import { GuardedSocket } from './guarded-socket.js';
import { closeCodes, limits } from './limits.js';
import type { Door } from './door.js';
import type { AdmittedSocket, Sockets } from './sockets.js';

/** Mounts the router at `/trpc`: calls and server-sent events over HTTP, everything over WebSocket. */
export function mountTrpc(server: FastifyInstance, door: Door, sockets: Sockets): void {
  const connection = new HttpConnection(door.config.socketsPerUser);
  const webSocketOnly = webSocketOnlyPaths(door.router);
  server.route({ method: ['GET', 'POST'], url: '/trpc/:path', handler: call });
  server.route({
    method: ['DELETE', 'PATCH', 'PUT', 'TRACE'],
    url: '/trpc/:path',
    handler: (_request, reply) => {
      reply.header('allow', 'GET, POST');
      throw new Fault('methodNotAllowed', 'Send GET or POST.');
    },
  });
  mountSockets(server, door, sockets);

  async function call(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { path } = request.params as { path: string };
    // Asked before tRPC is: it answers 200 to a subscription and tells of the refusal in the stream.
    const refused = path.split(',').find((name) => webSocketOnly.has(name));
    if (refused !== undefined) throw new Fault('methodNotAllowed', `${refused} runs over WebSocket only.`);
    const plain = plainCalls(door.router, request, path);
    if (plain !== null)
      return answerCalls(plain, reply, {
        router: door.router,
        createContext: () => httpContext(door.contexts, request, connection),
        onError: (failed) => logError(door.log, { ...failed, requestId: request.id }),
        headersFor: retryHeaders,
      });
    await fastifyRequestHandler({
      router: door.router,
      req: request,
      res: reply,
      path,
      maxBatchSize: limits.batchCalls,
      maxBodySize: limits.bodyBytes,
      allowMethodOverride: true,
      createContext: () => httpContext(door.contexts, request, connection),
      onError: ({ error, path: at }) => logError(door.log, { error, path: at, requestId: request.id }),
      responseMeta: ({ errors }) => ({ headers: new Headers(retryHeaders(errors)) }),
    });
    return reply;
  }
}

function webSocketOnlyPaths(router: AnyTRPCRouter): Set<string> {
  const procedures = Object.entries<{ _def: { meta?: unknown } }>(router._def.procedures as never);
  const isMeant = (meta: unknown): boolean => (meta as ProcedureMeta | undefined)?.isWebSocketOnly === true;
  return new Set(procedures.filter(([, { _def }]) => isMeant(_def.meta)).map(([path]) => path));
}

const httpContext = (contexts: Contexts, request: FastifyRequest, connection: HttpConnection) =>
  contexts.of({
    requestId: request.id,
    address: request.ip,
    credential: bearerOf(request.raw),
    transport: 'http',
    connection,
  });

function mountSockets(server: FastifyInstance, door: Door, sockets: Sockets): void {
  const admitted = new WeakMap<GuardedSocket, Admitted>();
  const frames = new Frames();
  // A literal, not a copy with one more property: V8 gives each such copy a shape of its own.
  const optionsFor = (encoder: ReturnType<typeof encoderFor>): WSSHandlerOptions<AnyTRPCRouter> => ({
    // The adapter's type asks for the server it is not used with here.
    wss: undefined as unknown as WebSocketServer,
    router: door.router,
    maxBatchSize: limits.batchCalls,
    keepAlive: { enabled: true, pingMs: limits.socketPingMs, pongWaitMs: limits.socketPongMs },
    createContext: async ({ res, info }) => {
      const guarded = res as unknown as GuardedSocket;
      const entry = admitted.get(guarded);
      if (entry === undefined) throw new Fault('unauthenticated', 'This socket is closed.', { reason: 'closed' });
      const token = info.connectionParams?.['token'] ?? entry.bearer;
      return socketContext(door.contexts, { ...entry, guarded, token });
    },
    onError: ({ error, path, ctx }) =>
      logError(door.log, { error, path, requestId: (ctx as { requestId?: string } | undefined)?.requestId }),
    experimental_encoder: encoder,
  });
  server.get('/trpc', { websocket: true, preHandler: detachResponse }, (socket: WebSocket, request: FastifyRequest) => {
    // The plugin's listener holds request and response; what it does, `GuardedSocket` does for open sockets.
    socket.removeAllListeners('error');
    const guarded = new GuardedSocket(socket, {
      clock: door.clock,
      maxSubscriptions: door.config.subscriptionsPerSocket,
    });
    if (!sockets.hasRoomFor(request.ip)) return guarded.close(closeCodes.policy, 'too many sockets');
    const { id: requestId, ip: address, raw } = request;
    admitted.set(guarded, { socket: sockets.admit(guarded, address), requestId, address, bearer: bearerOf(raw) });
    const onConnection = getWSConnectionHandler(optionsFor(encoderFor(guarded, frames)));
    onConnection(guarded as unknown as WebSocket, addressed(raw));
  });
}

/** What is known of a socket that was let in. Not its request: that is several kilobytes for as long as it is open. */
interface Admitted {
  socket: AdmittedSocket;
  requestId: string;
  address: string;
  bearer: string | null;
}

/** All that tRPC's adapter reads of an upgrade: where it went. */
const addressed = ({ url, headers }: IncomingMessage): IncomingMessage =>
  ({ url, headers: { host: headers.host } }) as IncomingMessage;

/** Node keeps a request alive with its response, and the response with its connection. An upgraded one has no more use. */
async function detachResponse(request: FastifyRequest, { raw }: FastifyReply): Promise<void> {
  if (request.headers.upgrade !== undefined && raw.socket !== null) raw.detachSocket(raw.socket);
}

/** The context of a socket, once its credential holds; a socket without a valid one is closed with 4401. */
async function socketContext(contexts: Contexts, entry: Admitted & { guarded: GuardedSocket; token: string | null }) {
  const { guarded, requestId, address } = entry;
  const context = contexts.of({
    requestId,
    address,
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

function retryHeaders(errors: readonly TRPCError[]): Record<string, string> {
  const waits = errors.map((error) => faultOf(error)?.details.retryAfterMs ?? 0);
  const longestMs = Math.max(0, ...waits);
  return longestMs > 0 ? { 'retry-after': String(Math.ceil(longestMs / 1_000)) } : {};
}

/** Each error once: expected ones at info without their input, bugs with stack and cause. */
function logError(
  log: Log,
  failed: { error: TRPCError; path: string | undefined; requestId: string | undefined },
): void {
  const { error, path, requestId } = failed;
  if (isBug(error)) log.error({ err: error.cause ?? error, path, requestId }, 'procedure failed');
  else log.info({ code: faultOf(error)?.kind ?? error.code, path, requestId }, 'refused');
}
