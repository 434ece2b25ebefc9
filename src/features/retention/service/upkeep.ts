import type { Log } from '../../../platform/log.js';
import { type RetentionDeps, RetentionService } from './retention.js';

/** Source: retention counts days; an hour late is within them. */
const defaultIntervalMs = 3_600_000;

/** What the background work of retention is made of. */
export interface RetentionUpkeepDeps extends RetentionDeps {
  log: Log;
  intervalMs?: number;
}

/**
 * The service of retention, with the background work that removes what is past its days in every project, every hour.
 *
 * Shape: `stop` ends that work after the batch that runs.
 */
export function startRetention({ log, intervalMs = defaultIntervalMs, ...deps }: RetentionUpkeepDeps): {
  retention: RetentionService;
  stop: () => Promise<void>;
} {
  const retention = new RetentionService(deps);
  const closing = new AbortController();
  let running: Promise<void> = Promise.resolve();
  const apply = async (): Promise<void> => {
    if (closing.signal.aborted) return;
    try {
      const rows = await retention.applyAll(closing.signal);
      if (rows > 0) log.info({ rows }, 'removed what was past its retention');
    } catch (cause) {
      log.warn({ err: cause }, 'retention was not applied; trying again');
    }
  };
  const timer = setInterval(() => {
    running = running.then(apply);
  }, intervalMs);
  timer.unref();
  const stop = async (): Promise<void> => {
    clearInterval(timer);
    closing.abort();
    await running;
  };
  return { retention, stop };
}
