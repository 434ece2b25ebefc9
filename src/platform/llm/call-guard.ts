import { Fault } from '../../kernel/fault.js';
import type { Clock } from '../../kernel/clock.js';

/** How long one call may take. */
export interface CallLimits {
  provider: string;
  /** The whole answer, retries and waits between them included. */
  timeoutMs: number;
  /** Silence after the answer has begun. */
  idleTimeoutMs: number;
}

/**
 * What may end a call early: its caller, the deadline of the whole answer, the silence of the provider.
 *
 * Shape: `signal` fires for the first of them and `fault` then says which: `cancelled` or `upstreamTimeout`. Disposing
 * it fires the signal too, so that a call left half-read closes its connection, and stops every timer.
 */
export class CallGuard {
  readonly #controller = new AbortController();
  readonly #limits: CallLimits;
  readonly #clock: Clock;
  readonly #callerSignal: AbortSignal;
  readonly #endsAtMs: number;
  readonly #deadline: ReturnType<typeof setTimeout>;
  readonly #cancel = (): void => this.#fire(new Fault('cancelled', 'The call was cancelled.'));
  #silence: ReturnType<typeof setTimeout> | undefined;
  #fault: Fault | undefined;

  constructor(limits: CallLimits, clock: Clock, callerSignal: AbortSignal) {
    this.#limits = limits;
    this.#clock = clock;
    this.#callerSignal = callerSignal;
    this.#endsAtMs = clock.monotonicMs() + limits.timeoutMs;
    this.#deadline = setTimeout(() => this.#expire(limits.timeoutMs), limits.timeoutMs);
    if (callerSignal.aborted) this.#cancel();
    else callerSignal.addEventListener('abort', this.#cancel);
  }

  /** Fires when the call is over. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Why the call ended early, once it has. */
  get fault(): Fault | undefined {
    return this.#fault;
  }

  /** Milliseconds left of the whole answer's deadline. */
  get remainingMs(): number {
    return this.#endsAtMs - this.#clock.monotonicMs();
  }

  /** What `next` resolves to; the provider's silence counts only meanwhile, never the time its reader takes. */
  async listen<T>(next: () => Promise<T>): Promise<T> {
    this.#silence = setTimeout(() => this.#expire(this.#limits.idleTimeoutMs), this.#limits.idleTimeoutMs);
    try {
      return await next();
    } finally {
      clearTimeout(this.#silence);
    }
  }

  /** Resolves after `ms`, or as soon as the call is over. */
  pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      if (this.signal.aborted) done();
      else this.signal.addEventListener('abort', done);
    });
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#deadline);
    clearTimeout(this.#silence);
    this.#callerSignal.removeEventListener('abort', this.#cancel);
    this.#controller.abort();
  }

  #expire(deadlineMs: number): void {
    const { provider } = this.#limits;
    this.#fire(
      new Fault('upstreamTimeout', `The model provider did not answer within ${deadlineMs} ms.`, {
        provider,
        deadlineMs,
      }),
    );
  }

  #fire(fault: Fault): void {
    this.#fault ??= fault;
    this.#controller.abort();
  }
}
