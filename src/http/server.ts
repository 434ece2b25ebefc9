import cors from '@fastify/cors';
import helmet from '@fastify/helmet';
import websocket from '@fastify/websocket';
import type { AnyTRPCRouter } from '@trpc/server';
import { TRPCError } from '@trpc/server';
import type { Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Config } from '../config.js';
import { Fault } from '../kernel/fault.js';
import { errorShape } from '../rpc/faults.js';
import { type ContextDeps, type ContextSource, requestIdOf } from './context.js';
import { isHostAllowed, isOriginAllowed } from './hosts.js';
import { limits } from './limits.js';
import { OpenCalls } from './open-calls.js';
import { mountMetrics, mountProbes, type ProbeDeps, probePaths } from './probes.js';
import { Sockets } from './sockets.js';
import { mountTrpc } from './trpc.js';

/** What the door is given. */
export interface HttpDeps extends ContextDeps, ProbeDeps {
  config: Config['http'];
  metricsToken: string | undefined;
  router: AnyTRPCRouter;
  onSockets(open: number): void;
}

/** What the parts of the door share. */
export interface Door extends HttpDeps, ContextSource {}

/** The door: HTTP and WebSocket on one port. */
export interface HttpServer {
  /** Opens the port; answers the service's URL. */
  listen(): Promise<string>;
  /** Refuses new calls and sockets with `overloaded`, tells open sockets to reconnect elsewhere; probes still answer. */
  beginDrain(): void;
  /** Answers the calls under way, then cuts sockets (code 1012) and streams, which resume elsewhere. Takes at most 3 s. */
  close(): Promise<void>;
}

/** Builds the door over a router. Cost: one Fastify instance; nothing listens before `listen()`. */
export async function createHttpServer(deps: HttpDeps): Promise<HttpServer> {
  const { config } = deps;
  const door: Door = { ...deps, calls: new OpenCalls() };
  const server = Fastify({
    logger: false,
    http: { headersTimeout: limits.headersTimeoutMs, connectionsCheckingInterval: limits.timeoutCheckMs },
    bodyLimit: limits.bodyBytes,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 2_000 },
    trustProxy: config.trustProxy.length > 0 ? [...config.trustProxy] : false,
    frameworkErrors: (error, request, reply) => {
      // No hook runs for these; nobody else would end an upgrade.
      if (request.raw.headers.upgrade !== undefined) request.raw.socket.destroy();
      else void refuse(reply, frameworkFault(error) ?? error);
    },
    genReqId: (request) => requestIdOf(request, deps.ids) ?? '',
  });
  const sockets = new Sockets({
    socketsPerUser: config.socketsPerUser,
    socketsPerAddress: config.socketsPerAddress,
    watch: (principal, onEnd) => deps.authenticator.watch(principal, onEnd),
    onCount: deps.onSockets,
  });
  await server.register(websocket, {
    options: { maxPayload: limits.bodyBytes, maxFragments: limits.socketFragments, clientTracking: true },
    // Sockets are closed by `Sockets`, after their calls were answered.
    preClose: (done: () => void) => done(),
    // Also told of what peers send wrong: `ws` closes those by itself, with the code that says why.
    errorHandler: (error, socket, request) => {
      if (socket.readyState !== socket.OPEN) return;
      deps.log.error({ err: error, requestId: request.id }, 'a socket could not be served');
      socket.terminate();
    },
  });
  // Node forgets its own timeouts with the upgrade; `ws` ends this one when the handshake is done.
  server.server.prependListener('upgrade', (_request, socket: Socket) =>
    socket.setTimeout(limits.headersTimeoutMs, () => socket.destroy()),
  );
  // After the sockets' own hook, which marks upgrades: an unmarked one that is refused would stay open for ever.
  guardRequests(server, door);
  acceptOnlyJson(server);
  await server.register(helmet);
  await server.register(cors, { origin: [...config.corsOrigins], maxAge: 600 });
  mountTrpc(server, door, sockets);
  mountProbes(server, deps);
  if (deps.metricsToken !== undefined) mountMetrics(server, deps, deps.metricsToken);
  return {
    listen: () => server.listen({ host: config.host, port: config.port }),
    beginDrain() {
      door.calls.refuse();
      sockets.announceRestart();
    },
    async close() {
      door.calls.refuse();
      await atMost(limits.lastCallsMs, door.calls.idle());
      // The replies of the last calls are written in this turn.
      await turn();
      sockets.closeAll();
      const closed = server.close();
      await atMost(limits.lastBytesMs, closed);
      server.server.closeAllConnections();
      await closed;
    },
  };
}

async function atMost(limitMs: number, work: PromiseLike<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limitMs);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}

function guardRequests(server: FastifyInstance, door: Door): void {
  const { config } = door;
  server.addHook('onRequest', async (request, reply) => {
    if (request.id === '')
      return refuse(reply, new Fault('invalid', 'x-request-id: must be 1 to 64 letters, digits, _ or -'));
    reply.header('x-request-id', request.id);
    if (door.calls.isRefusing) reply.header('connection', 'close');
    const { host, origin } = request.headers;
    // Probes come by address, whatever the service's public names are.
    const isProbe = probePaths.has(request.url);
    if (!isHostAllowed(host, isProbe ? [] : config.publicHosts))
      return refuse(reply, new Fault('invalid', 'Host: not a name of this service'));
    const isUpgrade = request.headers.upgrade !== undefined;
    if (isUpgrade && !isOriginAllowed(origin, host, config.corsOrigins))
      return refuse(reply, new Fault('forbidden', 'Origin: not one that may connect'));
    if (isUpgrade && door.calls.isRefusing)
      return refuse(reply, new Fault('overloaded', 'This process is closing.', { retryAfterMs: 1_000 }));
    if (isUpgrade && request.routeOptions.url !== '/trpc')
      return refuse(reply, new Fault('notFound', 'No WebSocket is here.', { entity: 'path' }));
    if (request.headers['content-encoding'] !== undefined)
      return refuse(reply, new Fault('unsupportedMedia', 'Content-Encoding: send the body as it is'));
    return undefined;
  });
  server.addHook('onResponse', async (request, reply) => {
    const facts = {
      requestId: request.id,
      method: request.method,
      path: request.url.split('?')[0],
      status: reply.statusCode,
    };
    door.log.debug({ ...facts, durationMs: Math.round(reply.elapsedTime) }, 'answered');
  });
  server.setNotFoundHandler((_request, reply) =>
    refuse(reply, new Fault('notFound', 'Nothing is here.', { entity: 'path' })),
  );
  server.setErrorHandler((error: FastifyError, request, reply) => {
    const fault = frameworkFault(error);
    if (fault === null) door.log.error({ err: error, requestId: request.id }, 'request failed');
    return refuse(reply, fault ?? error);
  });
}

/** Fastify's own refusals as faults; null when the error is a bug. */
function frameworkFault(error: FastifyError): Fault | null {
  if (error instanceof Fault) return error;
  if (error.statusCode === 413)
    return new Fault('tooLarge', `The body is larger than ${limits.bodyBytes} bytes.`, {
      limitBytes: limits.bodyBytes,
    });
  if (error.statusCode === 415) return new Fault('unsupportedMedia', 'Content-Type: send application/json');
  const status = error.statusCode ?? 500;
  return status >= 400 && status < 500 ? new Fault('invalid', 'The request is malformed.') : null;
}

/** Whatever of the body was not read yet is not read any more: the connection ends with the answer. */
function refuse(reply: FastifyReply, cause: Error): FastifyReply {
  if (!reply.request.raw.complete) reply.header('connection', 'close');
  const error = new TRPCError({ code: 'INTERNAL_SERVER_ERROR', message: cause.message, cause });
  const requestId = reply.request.id === '' ? null : reply.request.id;
  const shape = errorShape(error, undefined, requestId);
  return reply.code(shape.data.httpStatus).send({ error: shape });
}

/** JSON in strict UTF-8 is the one media type; the text is handed on unparsed, for tRPC to parse. */
function acceptOnlyJson(server: FastifyInstance): void {
  const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  server.removeAllContentTypeParsers();
  server.addContentTypeParser(
    /^application\/json(?:; ?charset=utf-8)?$/i,
    { parseAs: 'buffer' },
    (_request: FastifyRequest, body: Buffer, done) => {
      try {
        done(null, body.length === 0 ? undefined : utf8.decode(body));
      } catch {
        done(new Fault('invalid', 'The body is not valid UTF-8.'));
      }
    },
  );
}
