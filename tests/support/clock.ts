import { type Clock, systemClock } from '../../src/kernel/clock.js';

/** The machine's clock, which a test can turn forward. */
export class TurnedClock implements Clock {
  #aheadMs = 0;

  nowMs(): number {
    return systemClock.nowMs() + this.#aheadMs;
  }

  monotonicMs(): number {
    return systemClock.monotonicMs() + this.#aheadMs;
  }

  /** Turns the clock forward. */
  turnMs(aheadMs: number): void {
    this.#aheadMs += aheadMs;
  }
}
