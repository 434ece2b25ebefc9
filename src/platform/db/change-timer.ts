interface ChangeTimerDeps {
  intervalMs: number;
  /** A mark that differs whenever something was written. */
  readMark: () => Promise<string>;
  /** What to do about changes; given the mark read before it. */
  work: (mark: string) => Promise<void>;
  onError: (cause: unknown) => void;
  /** The mark of the last time, when it is known. */
  lastMark?: string | undefined;
}

/** Work that is done every so often, but only where something changed since it was last done. One run at a time. */
export class ChangeTimer {
  readonly #deps: ChangeTimerDeps;
  readonly #timer: ReturnType<typeof setInterval>;
  #lastMark: string | undefined;
  #running: Promise<void> | undefined;

  constructor(deps: ChangeTimerDeps) {
    this.#deps = deps;
    this.#lastMark = deps.lastMark;
    this.#timer = setInterval(() => void this.runNow(), deps.intervalMs);
    this.#timer.unref();
  }

  /** Does the work now if there are changes, or waits for the run that is on. Never rejects: `onError` hears it. */
  runNow(): Promise<void> {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** The mark, if something changed since the work was last done. */
  async changed(): Promise<string | undefined> {
    const mark = await this.#deps.readMark();
    return mark === this.#lastMark ? undefined : mark;
  }

  /** Ends the timer; resolves when nothing runs. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#running;
  }

  async #run(): Promise<void> {
    try {
      const mark = await this.changed();
      if (mark === undefined) return;
      await this.#deps.work(mark);
      // Read again: the work may write, too (VACUUM does).
      this.#lastMark = await this.#deps.readMark();
    } catch (cause) {
      this.#deps.onError(cause);
    }
  }
}
