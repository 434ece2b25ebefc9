import type { Socket } from 'node:net';
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';
import cors from '@fastify/cors';
import helmet from '@fastify/helmet';
import websocket from '@fastify/websocket';
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { Fault } from '../kernel/fault.js';
import type { Log } from '../platform/log.js';
import { requestIdOf } from './context.js';
import type { Door, HttpDeps } from './door.js';
import { guardRequests } from './guard.js';
import { mountJoin } from './join.js';
import { limits } from './limits.js';
import { Contexts } from './context.js';
import { OpenCalls } from './open-calls.js';
import { mountMetrics, mountProbes } from './probes.js';
import { frameworkFault, refuse } from './refusals.js';
import { Sockets } from './sockets.js';
import { mountTrpc } from './trpc.js';
import { QueryTurns } from './turns.js';

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
  const calls = new OpenCalls();
  const door: Door = { ...deps, calls, contexts: new Contexts({ ...deps, calls, turns: new QueryTurns() }) };
  const sockets = new Sockets({
    socketsPerUser: config.socketsPerUser,
    socketsPerAddress: config.socketsPerAddress,
    watch: (principal, onEnd) => deps.authenticator.watch(principal, onEnd),
    onCount: (open) => deps.onSockets(open),
  });
  const server = boundedServer(deps);
  await acceptSockets(server, deps.log);
  // After the sockets' own hook, which marks upgrades: an unmarked one that is refused would stay open for ever.
  guardRequests(server, door);
  acceptOnlyJson(server);
  cutStalledReaders(server);
  await server.register(helmet);
  await server.register(cors, { origin: [...config.corsOrigins], maxAge: 600 });
  mountTrpc(server, door, sockets);
  mountJoin(server);
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
      const isProxied = config.trustProxy.length > 0;
      await Promise.all([
        atMost(limits.lastCallsMs, door.calls.idle()),
        isProxied ? pause(limits.lastRefusalsMs) : undefined,
      ]);
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

/** An answer that nobody reads stays in memory: its connection has so long to take something of it. */
function cutStalledReaders(server: FastifyInstance): void {
  server.addHook('onSend', async (_request, reply, payload) => {
    const isLong = typeof payload === 'string' && payload.length > limits.socketHighWaterBytes;
    // Node counts only time in which nothing is taken, and sets another time once all is sent.
    if (isLong) reply.raw.socket?.setTimeout(limits.answerStallMs);
    return payload;
  });
}

function boundedServer({ config, ids }: HttpDeps): FastifyInstance {
  return Fastify({
    logger: false,
    // tRPC answers HEAD by itself; a HEAD route made of a GET one cannot send what it answers.
    exposeHeadRoutes: false,
    http: { headersTimeout: limits.headersTimeoutMs, connectionsCheckingInterval: limits.timeoutCheckMs },
    bodyLimit: limits.bodyBytes,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: limits.pathCharacters },
    trustProxy: config.trustProxy.length > 0 ? [...config.trustProxy] : false,
    frameworkErrors: (error, request, reply) => {
      // No hook runs for these; nobody else would end an upgrade.
      if (request.raw.headers.upgrade !== undefined) request.raw.socket.destroy();
      else void refuse(reply, frameworkFault(error) ?? error);
    },
    genReqId: (request) => requestIdOf(request, ids) ?? '',
  });
}

async function acceptSockets(server: FastifyInstance, log: Log): Promise<void> {
  await server.register(websocket, {
    options: { maxPayload: limits.bodyBytes, maxFragments: limits.socketFragments, clientTracking: true },
    // Sockets are closed by `Sockets`, after their calls were answered.
    preClose: (done: () => void) => done(),
    // Also told of what peers send wrong: `ws` closes those by itself, with the code that says why.
    errorHandler: (error, socket, request) => {
      if (socket.readyState !== socket.OPEN) return;
      log.error({ err: error, requestId: request.id }, 'a socket could not be served');
      socket.terminate();
    },
  });
  // Node forgets its own timeouts with the upgrade; `ws` ends this one when the handshake is done.
  server.server.prependListener('upgrade', (_request, socket: Socket) =>
    socket.setTimeout(limits.headersTimeoutMs, () => socket.destroy()),
  );
}

async function atMost(limitMs: number, work: PromiseLike<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limitMs);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}

/** JSON in strict UTF-8 is the one media type; the text is handed on unparsed, for tRPC to parse. */
function acceptOnlyJson(server: FastifyInstance): void {
  const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  server.removeAllContentTypeParsers();
  server.addContentTypeParser(
    // As Fastify writes a type again: parameters in quotes.
    /^application\/json(?:; charset="utf-8")?$/i,
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
