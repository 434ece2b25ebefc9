/** The only source of time: replaced by a test clock where a test must turn it. */
export interface Clock {
  /** Wall-clock time in milliseconds since the Unix epoch, UTC. Never used for leases or order: those use database time. */
  nowMs(): number;
  /** Milliseconds from an arbitrary start that never run backwards; for latencies and deadlines. */
  monotonicMs(): number;
}

/** The machine's clock. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};
