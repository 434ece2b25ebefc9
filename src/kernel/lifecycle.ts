/** One thing to close, with the time it may take. */
interface Closer {
  name: string;
  deadlineMs: number;
  close: (outOfTime: AbortSignal) => Promise<void> | void;
}

/** What a closing left undone, by name. */
export interface CloseReport {
  failed: { name: string; cause: unknown }[];
}

/**
 * Closers, the last registered first, each with a deadline: what was built upon something closes before it.
 *
 * `close()` twice gives the same promise. A closer that throws or is late is reported and does not stop the others. Each is
 * given a signal that fires once the whole closing has taken `totalMs`: what can be left out is left out then.
 */
export class Lifecycle {
  readonly #totalMs: number;
  readonly #closers: Closer[] = [];
  #closing: Promise<CloseReport> | undefined;

  constructor(totalMs: number) {
    this.#totalMs = totalMs;
  }

  /** True from the first call of `close()` on. */
  get isClosing(): boolean {
    return this.#closing !== undefined;
  }

  /** Registers a closer; `deadlineMs` bounds it. */
  onClose(name: string, deadlineMs: number, close: Closer['close']): void {
    this.#closers.push({ name, deadlineMs, close });
  }

  /** Runs every closer once. */
  close(): Promise<CloseReport> {
    this.#closing ??= this.#run();
    return this.#closing;
  }

  async #run(): Promise<CloseReport> {
    const report: CloseReport = { failed: [] };
    const outOfTime = AbortSignal.timeout(this.#totalMs);
    for (const closer of this.#closers.toReversed()) {
      try {
        await withDeadline(Promise.resolve(closer.close(outOfTime)), closer.deadlineMs);
      } catch (cause) {
        report.failed.push({ name: closer.name, cause });
      }
    }
    return report;
  }
}

async function withDeadline(work: Promise<void>, deadlineMs: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${deadlineMs} ms`)), deadlineMs);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
