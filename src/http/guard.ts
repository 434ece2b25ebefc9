import type { FastifyError, FastifyInstance, FastifyRequest } from 'fastify';
import { Fault } from '../kernel/fault.js';
import { isHostAllowed, isOriginAllowed } from './hosts.js';
import { probePaths } from './probes.js';
import { frameworkFault, refuse } from './refusals.js';
import type { Door } from './door.js';

/** What every request meets before its route: an id, the checks of its headers, and answers of one shape when it fails. */
export function guardRequests(server: FastifyInstance, door: Door): void {
  server.addHook('onRequest', async (request, reply) => {
    if (request.id !== '') reply.header('x-request-id', request.id);
    if (door.calls.isRefusing) reply.header('connection', 'close');
    const objection = requestObjection(request, door) ?? upgradeObjection(request, door);
    return objection === null ? undefined : refuse(reply, objection);
  });
  server.addHook('onResponse', async (request, reply) => {
    door.onHttpResponse(reply.statusCode);
    const { id: requestId, method, url } = request;
    const facts = { requestId, method, path: url.split('?')[0], status: reply.statusCode };
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

function requestObjection({ id, headers, url }: FastifyRequest, { config }: Door): Fault | null {
  if (id === '') return new Fault('invalid', 'x-request-id: must be 1 to 64 letters, digits, _ or -');
  // Probes come by address, whatever the service's public names are.
  if (!isHostAllowed(headers.host, probePaths.has(url) ? [] : config.publicHosts))
    return new Fault('invalid', 'Host: not a name of this service');
  if (headers['content-encoding'] !== undefined)
    return new Fault('unsupportedMedia', 'Content-Encoding: send the body as it is');
  return null;
}

/** Before the handshake: what is refused here was never a WebSocket. */
function upgradeObjection({ headers, routeOptions }: FastifyRequest, { config, calls }: Door): Fault | null {
  if (headers.upgrade === undefined) return null;
  if (!isOriginAllowed(headers.origin, headers.host, config.corsOrigins))
    return new Fault('forbidden', 'Origin: not one that may connect');
  if (calls.isRefusing) return new Fault('overloaded', 'This process is closing.', { retryAfterMs: 1_000 });
  return routeOptions.url === '/trpc' ? null : new Fault('notFound', 'No WebSocket is here.', { entity: 'path' });
}
