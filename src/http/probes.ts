import { timingSafeEqual } from 'node:crypto';
import Fastify, { type FastifyInstance } from 'fastify';

/** What the probes tell. */
export interface ProbeDeps {
  /** Each part that must work for the service to be ready, with a word on its state. */
  readiness(): Promise<{ isReady: boolean; checks: Record<string, string> }>;
  renderMetrics(): Promise<{ body: string; contentType: string }>;
}

/** Where monitoring asks. */
export const probePaths: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/metrics']);

/** `/healthz`: the process lives. `/readyz`: database, migrations and embedder work; 503 while not, or while draining. */
export function mountProbes(server: FastifyInstance, deps: ProbeDeps): void {
  server.get('/healthz', { exposeHeadRoute: true }, async () => ({ status: 'ok' }));
  server.get('/readyz', { exposeHeadRoute: true }, async (_request, reply) => {
    const { isReady, checks } = await deps.readiness();
    return reply.code(isReady ? 200 : 503).send({ status: isReady ? 'ready' : 'not ready', checks });
  });
}

/** `/metrics` for whoever bears `token`; to everyone else it does not exist. */
export function mountMetrics(server: FastifyInstance, deps: ProbeDeps, token: string): void {
  const wanted = Buffer.from(`Bearer ${token}`);
  server.get('/metrics', async (request, reply) => {
    const given = Buffer.from(request.headers.authorization ?? '');
    if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return reply.callNotFound();
    const { body, contentType } = await deps.renderMetrics();
    return reply.header('content-type', contentType).send(body);
  });
}

/** A listener of its own for `/metrics`, meant for an address that only the scraper reaches. */
export function createMetricsServer(deps: ProbeDeps, address: { host: string; port: number }) {
  const server = Fastify({ logger: false, forceCloseConnections: true });
  server.get('/metrics', async (_request, reply) => {
    const { body, contentType } = await deps.renderMetrics();
    return reply.header('content-type', contentType).send(body);
  });
  return { listen: () => server.listen({ ...address }), close: () => server.close() };
}
