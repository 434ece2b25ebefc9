import { type Clock, systemClock } from '../../../src/kernel/clock.js';

/** A machine whose wall clock is wrong by as much as a test says, and may be set back; its monotonic one never is. */
export class SkewedClock implements Clock {
  skewMs = 0;

  nowMs(): number {
    return systemClock.nowMs() + this.skewMs;
  }

  monotonicMs(): number {
    return systemClock.monotonicMs();
  }
}
