import type { Log } from '../log.js';
import type { EventLog } from './log.js';

const intervalMs = 10 * 60_000;

/** Deletes events older than `retentionMs` every ten minutes, some thousands at a time. Answers what stops it. */
export function startPruning(deps: { events: EventLog; log: Log; retentionMs: number }): () => Promise<void> {
  let running: Promise<void> = Promise.resolve();
  const prune = async (): Promise<void> => {
    try {
      while ((await deps.events.prune(deps.retentionMs)) > 0);
    } catch (cause) {
      deps.log.warn({ err: cause }, 'old events were not deleted; trying again');
    }
  };
  const timer = setInterval(() => {
    running = running.then(prune);
  }, intervalMs);
  timer.unref();
  return async () => {
    clearInterval(timer);
    await running;
  };
}
