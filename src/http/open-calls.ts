/** The calls under way, so that a closing door takes no new ones and waits for the others. */
export class OpenCalls {
  #count = 0;
  #isRefusing = false;
  #waiting: (() => void)[] = [];

  /** True once new calls are refused. */
  get isRefusing(): boolean {
    return this.#isRefusing;
  }

  /** Counts a call in; answers what counts it out, or null once new calls are refused. */
  enter(): (() => void) | null {
    if (this.#isRefusing) return null;
    this.#count += 1;
    return () => {
      this.#count -= 1;
      if (this.#count === 0) this.#release();
    };
  }

  /** Takes no call from now on. */
  refuse(): void {
    this.#isRefusing = true;
  }

  /** Resolves when no call is under way. */
  idle(): Promise<void> {
    if (this.#count === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #release(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
