import type { ComposedSpaces } from './app-spaces.js';
import type { SystemInfo } from './features/system/router.js';
import type { Lifecycle } from './kernel/lifecycle.js';
import type { Database } from './platform/db/database.js';
import type { Metrics } from './platform/metrics/registry.js';
import { version } from './version.js';

/** What readiness is made of. */
export interface Readiness {
  db: Database;
  spaces: ComposedSpaces;
  lifecycle: Lifecycle;
}

/** Each part that must work for the service to be ready, with a word on its state; a fetch under way is told, not waited for. */
export async function readiness({ db, spaces: { directory, fetchState }, lifecycle }: Readiness) {
  const database = await db.check().then(
    () => 'ok',
    () => 'away',
  );
  const { name, embedder } = directory.active();
  const { isReady } = embedder.state();
  const fetch = fetchState();
  const checks = {
    database,
    embedder: isReady ? `ok: ${name}` : `loading: ${name}`,
    ...(fetch === null ? {} : { model: `${isReady ? name : 'nothing'} serves; ${fetch.message}` }),
    draining: String(lifecycle.isClosing),
  };
  return { isReady: database === 'ok' && isReady && !lifecycle.isClosing, checks };
}

/** What `system.info` says of the space that serves. */
export function embeddingInfo({ directory, fetchState }: ComposedSpaces): SystemInfo['embedding'] {
  const { name, dimensions, embedder } = directory.active();
  return { space: name, dimensions, isReady: embedder.state().isReady, fetch: fetchState() };
}

/** What gauges are read from. */
export interface Gauged {
  db: Database;
  spaces: ComposedSpaces;
  passwords: { readonly waiting: number };
}

/** Gauges whose truth lives elsewhere are read when Prometheus asks. */
export function collectGauges(metrics: Metrics, { db, spaces, passwords }: Gauged): void {
  metrics.collect('buildInfo', (gauge) => {
    gauge.reset();
    gauge.set({ version, engine: db.engine, space: spaces.directory.active().name }, 1);
  });
  metrics.collect('spaceMissing', (gauge) => {
    gauge.reset();
    for (const { space, prompts } of spaces.service.progress.missing()) gauge.set({ space }, prompts);
  });
  metrics.collect('modelFetch', (gauge) => gauge.set((spaces.fetchState()?.percent ?? 100) / 100));
  metrics.collect('databasePool', (gauge) => {
    const { totalCount, idleCount, waitingCount } = db.pool;
    gauge.set({ state: 'active' }, totalCount - idleCount);
    gauge.set({ state: 'idle' }, idleCount);
    gauge.set({ state: 'waiting' }, waitingCount);
  });
  metrics.collect('passwordQueue', (gauge) => gauge.set(passwords.waiting));
  metrics.collect('embeddingQueue', (gauge) => {
    const waiting = spaces.embedders.waiting();
    gauge.set({ lane: 'interactive' }, waiting.interactive);
    gauge.set({ lane: 'background' }, waiting.background);
  });
}
