/** One thing to close, with the time it may take. */
interface Closer {
  name: string;
  deadlineMs: number;
  close: () => Promise<void> | void;
}

/** What a closing left undone, by name. */
export interface CloseReport {
  failed: { name: string; cause: unknown }[];
}

/**
 * Closers, the last registered first, each with a deadline: what was built upon something closes before it.
 *
 * `close()` twice gives the same promise. A closer that throws or is late is reported and does not stop the others.
 */
export class Lifecycle {
  readonly #closers: Closer[] = [];
  #closing: Promise<CloseReport> | undefined;

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
    for (const closer of this.#closers.toReversed()) {
      try {
        await withDeadline(Promise.resolve(closer.close()), closer.deadlineMs);
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
