import Fastify from 'fastify';

// A peer of the cold-start bench: Fastify alone, or with Prisma and its first query before it answers.
const [kind, port] = process.argv.slice(2);
const server = Fastify();
if (kind === 'prisma') {
  const { PrismaPg } = await import('@prisma/adapter-pg');
  const { PrismaClient } = await import('../../dist/platform/db/generated/client.js');
  const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: process.env['DATABASE_URL'] }) });
  server.get('/healthz', async () => ({ one: await prisma.$queryRaw`SELECT 1` }));
} else server.get('/healthz', async () => ({ status: 'ok' }));
await server.listen({ port: Number(port), host: '127.0.0.1' });
