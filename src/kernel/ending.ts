/** What tells that something is to stop: the part of an `AbortSignal` that those who wait need. */
export interface Ending {
  readonly aborted: boolean;
  addEventListener(type: 'abort', listener: () => void): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/**
 * An ending for its owner to bring about, once.
 *
 * Cost: a hundred bytes. An `AbortController` takes ten times as much, which thousands of subscriptions feel.
 */
export class Stop implements Ending {
  #listeners: (() => void)[] = [];
  #isOver = false;

  get aborted(): boolean {
    return this.#isOver;
  }

  addEventListener(_type: 'abort', listener: () => void): void {
    if (!this.#isOver) this.#listeners.push(listener);
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners = this.#listeners.filter((other) => other !== listener);
  }

  /** Tells all who listen. */
  abort(): void {
    const listeners = this.#listeners;
    this.#isOver = true;
    this.#listeners = [];
    for (const listener of listeners) listener();
  }
}
