/** What rounds are made of. */
export interface RoundsDeps {
  /** One round of work; answers how long to rest after it. `isAsked` is false when only the rest was over. */
  run(isAsked: boolean): Promise<number>;
  /** Told why a round failed; answers how long to rest after it. Not told of what fails while closing. */
  onFailed(cause: unknown): number;
}

/** Rounds of work, one at a time: when asked, and after the rest that the round before asked for. */
export class Rounds {
  readonly #deps: RoundsDeps;
  readonly #closing = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> | undefined;
  #isAgain = false;

  constructor(deps: RoundsDeps) {
    this.#deps = deps;
  }

  /** Fires when the rounds are to end. */
  get signal(): AbortSignal {
    return this.#closing.signal;
  }

  /** Whether a round was asked for while the present one is on: it may make room for that. */
  get isAgain(): boolean {
    return this.#isAgain;
  }

  /** Begins a round now, or another once the present one is over. */
  wake(): void {
    this.#begin(true);
  }

  /** Begins no more rounds and waits for the present one. */
  async close(): Promise<void> {
    this.#closing.abort();
    clearTimeout(this.#timer);
    await this.#round;
  }

  #begin(isAsked: boolean): void {
    if (this.signal.aborted) return;
    if (this.#round !== undefined) {
      this.#isAgain = true;
      return;
    }
    clearTimeout(this.#timer);
    this.#isAgain = false;
    this.#round = this.#deps
      .run(isAsked)
      .catch((cause: unknown) => (this.signal.aborted ? 0 : this.#deps.onFailed(cause)))
      .then((restMs) => this.#rest(restMs));
  }

  #rest(restMs: number): void {
    this.#round = undefined;
    if (this.signal.aborted) return;
    if (this.#isAgain) return this.wake();
    this.#timer = setTimeout(() => this.#begin(false), restMs);
    this.#timer.unref();
  }
}
