/**
 * A queue of at most `limit` items between one writer and one reader.
 *
 * The reader iterates with `for await`; the writer never waits: `push` answers false when the queue is full, and the
 * writer decides what that means. `end()` lets the reader finish what is queued; `end(cause)` drops it and throws.
 */
export class BoundedQueue<T> implements AsyncIterable<T> {
  readonly #limit: number;
  #items: T[] = [];
  #wake: (() => void) | undefined;
  #isEnded = false;
  #cause: unknown;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** How many items wait. */
  get size(): number {
    return this.#items.length;
  }

  /** Adds an item; false when the queue is full or ended, and then nothing was added. */
  push(item: T): boolean {
    if (this.#isEnded || this.#items.length >= this.#limit) return false;
    this.#items.push(item);
    this.#wake?.();
    return true;
  }

  /** Ends the queue. With a cause, the waiting items are dropped and the reader throws it. The first call counts. */
  end(cause?: unknown): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#cause = cause;
    if (cause !== undefined) this.#items = [];
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (;;) {
      const batch = this.#items;
      if (batch.length > 0) {
        this.#items = [];
        for (const item of batch) {
          if (this.#cause !== undefined) break;
          yield item;
        }
      } else if (this.#isEnded) {
        if (this.#cause !== undefined) throw this.#cause;
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.#wake = undefined;
      }
    }
  }
}
