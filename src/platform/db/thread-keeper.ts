import type { Duplex } from 'node:stream';
import { diskOf } from '../metrics/disk.js';
import type { DatabaseLog } from './engine.js';
import type { PgliteThread } from './pglite.js';

/** How often the thread is asked whether it still answers. */
const tickMs = 1_000;

/** How much longer than a statement may take the thread may be silent. */
const slackMs = 2_000;

/** A silence that is long enough when the disk is full: PGlite then spins for ever over the log that it cannot write. */
const fullDiskSilenceMs = 2_000;

/** With less room than this PostgreSQL cannot begin a new file of its log. Source: `wal_segment_size`, 16 MB. */
const fullDiskBytes = 16 * 2 ** 20;

/** The longest silence while an index is built, or tables are vacuumed or copied: nothing else bounds those. */
const longWorkMs = 60 * 60_000;

/** Waits before a database that did not open is tried again, in ms; the last one repeats. */
const reopenWaitsMs = [500, 1_000, 2_000] as const;

/** What a keeper is made of. */
export interface KeeperDeps {
  /** Opens the same cluster once more. */
  reopen(): Promise<PgliteThread>;
  /** A folder on the disk of the cluster. */
  folder: string;
  statementTimeoutMs: number;
  log: DatabaseLog;
  /** Told when another thread serves. */
  onReplaced: (() => void) | undefined;
}

/**
 * The embedded engine's thread, and another one in its place when it died or answers no more.
 *
 * Shape: a thread runs one statement at a time and answers nothing meanwhile, so it is ended once it was silent for
 * longer than any statement may take, or for 2 s on a full disk. What was acknowledged is in its files by then, as after
 * a kill. Until the next thread serves, connections fail at once.
 */
export class ThreadKeeper {
  readonly #deps: KeeperDeps;
  readonly #ticks: NodeJS.Timeout;
  #thread: PgliteThread;
  #silentTicks = 0;
  /** Room on the disk at the last tick, and the least since the tick before the silence. */
  #lastFreeBytes = Number.POSITIVE_INFINITY;
  #leastFreeBytes = Number.POSITIVE_INFINITY;
  #longWorks = 0;
  #isClosing = false;
  #stopWaiting: () => void = () => undefined;
  #reopening: Promise<void> = Promise.resolve();

  constructor(thread: PgliteThread, deps: KeeperDeps) {
    this.#deps = deps;
    this.#thread = thread;
    this.#heed(thread);
    this.#ticks = setInterval(() => this.#tick(), tickMs).unref();
  }

  /** False from when the thread ended until another one serves. */
  get isAlive(): boolean {
    return this.#thread.isAlive;
  }

  /** See `PgliteThread.connect`. */
  connect(): Duplex {
    return this.#thread.connect();
  }

  /** See `PgliteThread.dump`. */
  dump(file: string): Promise<void> {
    return this.long(() => this.#thread.dump(file));
  }

  /** See `PgliteThread.vacuum`. */
  vacuum(): Promise<void> {
    return this.long(() => this.#thread.vacuum());
  }

  /** Runs `work` that may take the thread for longer than a statement may. */
  async long<T>(work: () => Promise<T>): Promise<T> {
    this.#longWorks += 1;
    try {
      return await work();
    } finally {
      this.#longWorks -= 1;
    }
  }

  /** Closes the folder and ends the thread, whichever serves by now. Answers whether the folder was closed. */
  async close(): Promise<boolean> {
    this.#stopKeeping();
    await this.#reopening;
    return this.#thread.close();
  }

  /** Ends the thread at once, as a kill would: what was acknowledged is in its files. */
  async end(): Promise<void> {
    this.#stopKeeping();
    await this.#thread.end();
  }

  #stopKeeping(): void {
    this.#isClosing = true;
    clearInterval(this.#ticks);
    this.#stopWaiting();
  }

  #heed(thread: PgliteThread): void {
    this.#silentTicks = 0;
    void thread.ended.then((cause) => {
      if (this.#isClosing) return;
      this.#deps.log.error({ err: cause }, 'the thread of the embedded database has ended; it is opened anew');
      this.#reopening = this.#reopen();
    });
  }

  /** Ticks are counted, not time: a main thread that was busy or asleep itself has heard nothing either. */
  #tick(): void {
    const thread = this.#thread;
    if (!thread.isAlive) return;
    this.#lookAtDisk();
    this.#silentTicks += 1;
    if (this.#silentTicks === 1) {
      const heard = (): void => {
        if (this.#thread === thread) this.#silentTicks = 0;
      };
      void thread.ping().then(heard, () => undefined);
      return;
    }
    const silentMs = (this.#silentTicks - 1) * tickMs;
    if (silentMs < fullDiskSilenceMs) return;
    if (silentMs < this.#mostSilentMs()) return;
    const leastFreeBytes = this.#leastFreeBytes;
    this.#deps.log.error(
      { silentMs, leastFreeBytes },
      'the thread of the embedded database answers no more; it is ended',
    );
    this.#silentTicks = 0;
    void thread.end();
  }

  /** A thread that spins over a full disk goes on once there is room again. */
  #lookAtDisk(): void {
    const { freeBytes } = diskOf(this.#deps.folder);
    this.#leastFreeBytes = Math.min(this.#silentTicks === 0 ? this.#lastFreeBytes : this.#leastFreeBytes, freeBytes);
    this.#lastFreeBytes = freeBytes;
  }

  #mostSilentMs(): number {
    if (this.#leastFreeBytes < fullDiskBytes) return fullDiskSilenceMs;
    return this.#longWorks > 0 ? longWorkMs : this.#deps.statementTimeoutMs + slackMs;
  }

  async #reopen(): Promise<void> {
    for (let attempt = 0; !this.#isClosing; attempt += 1) {
      try {
        this.#thread = await this.#deps.reopen();
        this.#heed(this.#thread);
        this.#deps.onReplaced?.();
        this.#deps.log.info({}, 'the embedded database serves again');
        return;
      } catch (cause) {
        const { freeBytes } = diskOf(this.#deps.folder);
        this.#deps.log.error({ err: cause, freeBytes }, 'the embedded database does not open; trying again');
        await this.#wait(reopenWaitsMs[Math.min(attempt, reopenWaitsMs.length - 1)] ?? 0);
      }
    }
  }

  #wait(ms: number): Promise<void> {
    if (this.#isClosing) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#stopWaiting = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
