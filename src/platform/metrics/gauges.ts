import type { Database } from '../db/database.js';
import type { Embedders } from '../embedding/embedders.js';
import type { Spaces } from '../embedding/spaces.js';
import { diskOf } from './disk.js';
import type { Metrics } from './registry.js';

const annStates = ['building', 'ready', 'failed'] as const;

/** What gauges are read from. */
export interface Gauged {
  version: string;
  dataDir: string;
  db: Database;
  annIndexes: { states(): Record<(typeof annStates)[number], number> };
  embedders: Pick<Embedders, 'waiting'>;
  spaces: Pick<Spaces, 'active'>;
  /** How many prompts have no vector in each space. */
  missing(): { space: string; prompts: number }[];
  /** How much of the neural model is here, from 0 to 1. */
  fetchedShare(): number;
  passwords: { readonly waiting: number };
}

/** Sets the gauges whose truth lives elsewhere, each time that Prometheus asks. */
export function collectGauges(metrics: Metrics, gauged: Gauged): void {
  const { version, dataDir, db, annIndexes, embedders, spaces, passwords } = gauged;
  metrics.collect('buildInfo', (gauge) => {
    gauge.reset();
    gauge.set({ version, engine: db.engine, space: spaces.active().name }, 1);
  });
  metrics.collect('spaceMissing', (gauge) => {
    gauge.reset();
    for (const { space, prompts } of gauged.missing()) gauge.set({ space }, prompts);
  });
  metrics.collect('modelFetch', (gauge) => gauge.set(gauged.fetchedShare()));
  metrics.collect('databaseRowSecurity', (gauge) => gauge.set(db.rowSecurity.missing === null ? 1 : 0));
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
    const waiting = embedders.waiting();
    gauge.set({ lane: 'interactive' }, waiting.interactive);
    gauge.set({ lane: 'background' }, waiting.background);
  });
}
