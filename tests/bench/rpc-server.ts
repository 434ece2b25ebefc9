/** One server of the call bench, in a process of its own so that its CPU time is its own. Started by rpc-overhead.ts. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fastifyTRPCPlugin } from '@trpc/server/adapters/fastify';
import Fastify from 'fastify';
import { z } from 'zod';
import { createHttpServer } from '../../src/http/server.js';
import type { Principal } from '../../src/kernel/access.js';
import { systemClock } from '../../src/kernel/clock.js';
import { systemIds } from '../../src/kernel/ids.js';
import { loadConfig } from '../../src/config.js';
import type { Context } from '../../src/rpc/context.js';
import { t } from '../../src/rpc/init.js';
import { publicProcedure, router } from '../../src/rpc/procedures.js';

const Input = z.object({ id: z.string() });
const item = { text: 'a prompt of some length, as they are', tags: ['one', 'two'], status: 'completed', tokens: 128 };
const answer = ({ id }: z.infer<typeof Input>) => ({ id, ...item });

/** The same procedures without any middleware of the house. */
const bare = t.router({
  item: t.router({
    get: t.procedure.input(Input).query(({ input }) => answer(input)),
    put: t.procedure.input(Input).mutation(({ input }) => answer(input)),
  }),
});

const house = router({
  item: router({
    get: publicProcedure.input(Input).query(({ input }) => answer(input)),
    put: publicProcedure.input(Input).mutation(({ input }) => answer(input)),
  }),
});

const servers: Record<string, () => Promise<string>> = {
  async node() {
    const server = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8');
      request.on('data', (text: string) => {
        body += text;
      });
      request.on('end', () => {
        const id = body === '' ? 'of the query' : (JSON.parse(body) as { id: string }).id;
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({ result: { data: answer({ id }) } }));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  },
  async fastify() {
    const server = Fastify();
    server.get('/trpc/item.get', (request) => {
      const { input } = request.query as { input: string };
      return { result: { data: answer(Input.parse(JSON.parse(input))) } };
    });
    server.post('/trpc/item.put', (request) => ({ result: { data: answer(Input.parse(request.body)) } }));
    return server.listen({ port: 0, host: '127.0.0.1' });
  },
  async stock() {
    const server = Fastify();
    const createContext = (): Context => ({ requestId: 'stock' }) as Context;
    await server.register(fastifyTRPCPlugin, { prefix: '/trpc', trpcOptions: { router: bare, createContext } });
    return server.listen({ port: 0, host: '127.0.0.1' });
  },
  async ours() {
    const ids = systemIds(() => systemClock.nowMs());
    const nobody: Principal = {
      kind: 'session',
      userId: ids.uuid(),
      sessionId: ids.uuid(),
      apiKeyId: null,
      expiresAtMs: null,
      defaultProjectId: ids.uuid(),
      roles: new Map(),
      scopes: null,
      isAdministrator: false,
    };
    const stays = () => () => undefined;
    const server = await createHttpServer({
      config: loadConfig({ PORT: '0', SOCKETS_PER_USER: '64' }).http,
      metricsToken: undefined,
      router: house,
      clock: systemClock,
      ids,
      log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: console.error },
      authenticator: { authenticate: () => Promise.resolve(nobody), watch: stays, watchAccess: stays },
      readiness: () => Promise.resolve({ isReady: true, checks: {} }),
      renderMetrics: () => Promise.resolve({ body: '', contentType: 'text/plain' }),
      onCall: () => undefined,
      onSockets: () => undefined,
      onHttpResponse: () => undefined,
    });
    return server.listen();
  },
};

const url = await servers[process.argv[2] ?? '']?.();
process.on('message', () => process.send?.({ cpu: process.cpuUsage(), rss: process.memoryUsage.rss() }));
process.on('disconnect', () => process.exit());
process.send?.({ url });
