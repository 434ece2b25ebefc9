import type * as app from '../../src/app.js';
import { loadConfig } from '../../src/config.js';
import { type FanoutServer, queueServer, rawServer, stockServer } from './fanout-peers.js';

// One contender of the live-feed bench as a process of its own; its parent asks by messages.

/** What the parent asks. */
export type Question = { ask: 'publish'; id: string; data: object } | { ask: 'usage' } | { ask: 'collect' };
/** CPU time so far and memory now. */
export interface Usage {
  cpuUs: number;
  rssBytes: number;
  heapBytes: number;
}

const peers: Record<string, () => Promise<FanoutServer>> = {
  stock: stockServer,
  queue: queueServer,
  ws: () => rawServer(false),
  'ws-shared': () => rawServer(true),
  service: serveOurs,
};

/** The real service as compiled: what it publishes is written into its database by the parent. */
async function serveOurs(): Promise<FanoutServer> {
  const compiled = (await import(new URL('../../dist/app.js', import.meta.url).href)) as typeof app;
  const { url } = await compiled.createApp(loadConfig(process.env));
  return { url, publish: () => undefined };
}

const server = await peers[process.argv[2] ?? '']?.();
if (server === undefined) throw new Error('No such contender.');
process.on('message', (question: Question) => {
  if (question.ask === 'publish') return server.publish(question);
  if (question.ask === 'collect') (globalThis as { gc?: () => void }).gc?.();
  process.send?.(usage());
});
process.once('SIGTERM', () => process.exit());
// A parent that was killed leaves nobody who could ask.
process.once('disconnect', () => process.exit());
process.send?.({ url: server.url });

function usage(): Usage {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { cpuUs: user + system, rssBytes: rss, heapBytes: heapUsed + external };
}
