/** Lets `width` in at a time; at most `queueLimit` more wait, first come first served. */
export class Turnstile {
  readonly #queueLimit: number;
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(width: number, queueLimit: number) {
    this.#free = width;
    this.#queueLimit = queueLimit;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Resolves when it is the caller's turn, who must then `leave()`; null, at once, when the queue is full. */
  enter(): Promise<void> | null {
    if (this.#free > 0) {
      this.#free -= 1;
      return Promise.resolve();
    }
    if (this.#waiting.length >= this.#queueLimit) return null;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Hands the place to the next in line. */
  leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }
}
