import { Fault } from '../../kernel/fault.js';

/** How much may run at once, and how long and in what number the rest may wait. */
export interface SlotLimits {
  concurrency: number;
  maxWaiting: number;
  maxWaitMs: number;
}

/** A number of places; who finds none free waits in line, for a bounded time and behind a bounded number. */
export class Slots {
  readonly #limits: SlotLimits;
  readonly #waiting = new Set<() => void>();
  #taken = 0;

  constructor(limits: SlotLimits) {
    this.#limits = limits;
  }

  /**
   * A place, answered as the function that gives it back (harmless when called twice).
   *
   * Faults: `overloaded` when the line is full or the wait was too long; `cancelled` when `signal` fires first.
   */
  async take(signal: AbortSignal): Promise<() => void> {
    if (signal.aborted) throw cancelled();
    if (this.#taken < this.#limits.concurrency) this.#taken += 1;
    else await this.#wait(signal);
    let isHeld = true;
    return () => {
      if (isHeld) this.#giveBack();
      isHeld = false;
    };
  }

  #wait(signal: AbortSignal): Promise<void> {
    if (this.#waiting.size >= this.#limits.maxWaiting) return Promise.reject(this.#overloaded());
    return new Promise((resolve, reject) => {
      const leave = (settle: () => void): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', abort);
        this.#waiting.delete(enter);
        settle();
      };
      const enter = (): void => leave(resolve);
      const abort = (): void => leave(() => reject(cancelled()));
      const timer = setTimeout(() => leave(() => reject(this.#overloaded())), this.#limits.maxWaitMs);
      signal.addEventListener('abort', abort);
      this.#waiting.add(enter);
    });
  }

  /** The place goes straight to the first in line, so that a newcomer cannot slip in between. */
  #giveBack(): void {
    const [next] = this.#waiting;
    if (next === undefined) this.#taken -= 1;
    else next();
  }

  #overloaded(): Fault {
    return new Fault('overloaded', 'Too many model calls are running; try again shortly.', {
      retryAfterMs: this.#limits.maxWaitMs,
    });
  }
}

const cancelled = (): Fault => new Fault('cancelled', 'The call was cancelled.');
