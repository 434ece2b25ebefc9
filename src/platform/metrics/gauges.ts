import type { Database } from '../db/database.js';
import type { Embedder } from '../embedding/embedder.js';
import { diskOf } from './disk.js';
import type { Metrics } from './registry.js';

const annStates = ['building', 'ready', 'failed'] as const;

/** What gauges are read from. */
export interface Gauged {
  version: string;
  dataDir: string;
  db: Database;
  annIndexes: { states(): Record<(typeof annStates)[number], number> };
  embedder: Embedder;
  space: string;
  passwords: { readonly waiting: number };
}

/** Sets the gauges whose truth lives elsewhere, each time that Prometheus asks. */
export function collectGauges(metrics: Metrics, gauged: Gauged): void {
  const { version, dataDir, db, annIndexes, embedder, space, passwords } = gauged;
  metrics.buildInfo.set({ version, engine: db.engine, space }, 1);
  metrics.collect('databasePool', (gauge) => {
    const { totalCount, idleCount, waitingCount } = db.pool;
    gauge.set({ state: 'active' }, totalCount - idleCount);
    gauge.set({ state: 'idle' }, idleCount);
    gauge.set({ state: 'waiting' }, waitingCount);
  });
  metrics.collect('annIndexes', (gauge) => {
    const counts = annIndexes.states();
    for (const state of annStates) gauge.set({ state }, counts[state]);
  });
  metrics.collect('dataDisk', (gauge) => {
    const { sizeBytes, freeBytes } = diskOf(dataDir);
    gauge.set({ state: 'size' }, sizeBytes);
    gauge.set({ state: 'free' }, freeBytes);
  });
  metrics.collect('passwordQueue', (gauge) => gauge.set(passwords.waiting));
  metrics.collect('embeddingQueue', (gauge) => {
    const { waiting } = embedder.state();
    gauge.set({ lane: 'interactive' }, waiting.interactive);
    gauge.set({ lane: 'background' }, waiting.background);
  });
}
