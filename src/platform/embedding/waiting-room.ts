import type { EmbeddedText, EmbeddingLane } from './embedder.js';
import { cancelled } from './faults.js';

/**
 * The lines in which texts wait, most urgent first: a long interactive text (a prompt of many windows takes seconds)
 * gives way to short ones, so that a search waits behind neither it nor a backfill.
 */
const lines = ['interactive', 'interactiveLong', 'background'] as const;
type Line = (typeof lines)[number];

/** How many urgencies there are: 0 is the most urgent. */
export const urgencies = lines.length;

/** From here on an interactive text is long: about 8 windows, 0.15 s. */
const longCharacters = 8_000;

/**
 * Bounds of a micro-batch. Source: 64 texts amortise a message (0.1 ms) over 30 ms and more of work; the bound in
 * characters keeps what one crash can hit, and the time of tokenising, small.
 */
const batchTexts = 64;
const batchCharacters = 32_000;

interface Waiter {
  resolve(embedded: EmbeddedText): void;
  reject(cause: unknown): void;
}

/** One text to embed, however many wait for it. */
export interface Job {
  readonly key: string;
  readonly text: string;
  readonly waiters: Set<Waiter>;
  line: Line;
  /** True while it stands in line, false while a thread has it. */
  isWaiting: boolean;
  /** True once a batch with it has failed: from then on it runs alone, so that a second failure is its own. */
  isSuspect: boolean;
  /** False once its text is to be forgotten: those who wait get the vector, the cache does not. */
  isKept: boolean;
}

/** One caller's wait for one job. */
interface Wait {
  embedded: Promise<EmbeddedText>;
  /** Ends the wait with `cause`; a waiting text that nobody else wants leaves its line. */
  leave(cause: unknown): void;
}

const lineOf = (lane: EmbeddingLane, text: string): Line =>
  lane === 'interactive' && text.length >= longCharacters ? 'interactiveLong' : lane;

/**
 * The texts that wait or run, each key once: a text asked for again joins the job that is there.
 *
 * Shape: each lane holds at most `limit` waiting texts. Pure bookkeeping; the pool decides when to take.
 */
export class WaitingRoom {
  readonly #limit: number;
  readonly #jobs = new Map<string, Job>();
  readonly #lines: Record<Line, Set<Job>> = {
    interactive: new Set(),
    interactiveLong: new Set(),
    background: new Set(),
  };
  readonly #suspects = new Set<Job>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Texts that wait or run. */
  get size(): number {
    return this.#jobs.size;
  }

  /** True when a text waits to be tried alone. */
  get hasSuspects(): boolean {
    return this.#suspects.size > 0;
  }

  /** How many texts wait in each lane, those to be tried again left out: they were let in before. */
  waiting(): Record<EmbeddingLane, number> {
    const { interactive, interactiveLong, background } = this.#lines;
    return { interactive: interactive.size + interactiveLong.size, background: background.size };
  }

  /** The jobs of texts by key, in their order, joined or new; null, and nothing added, if the new ones do not fit. */
  admit(texts: ReadonlyMap<string, string>, lane: EmbeddingLane): Job[] | null {
    const fresh = [...texts.keys()].filter((key) => !this.#jobs.has(key)).length;
    if (fresh > 0 && this.waiting()[lane] + fresh > this.#limit) return null;
    return [...texts].map(([key, text]) => this.#join({ key, text }, lane));
  }

  /** The next micro-batch of a line; empty when nobody waits there. */
  take(urgency: number): Job[] {
    const line = lines[urgency];
    if (line === undefined) return [];
    const batch: Job[] = [];
    let characters = 0;
    for (const job of this.#lines[line]) {
      characters += job.text.length;
      if (batch.length > 0 && (batch.length === batchTexts || characters > batchCharacters)) break;
      this.#leaveLine(job);
      batch.push(job);
    }
    return batch;
  }

  /** The most urgent text to be tried alone, as a batch of one; empty when there is none. */
  takeSuspect(): Job[] {
    const suspects = [...this.#suspects];
    const job = lines
      .map((line) => suspects.find((suspect) => suspect.line === line))
      .find((found) => found !== undefined);
    if (job === undefined) return [];
    this.#leaveLine(job);
    return [job];
  }

  /** Puts a job of a failed batch in line to be tried alone; drops it if nobody waits for it any more. */
  retryAlone(job: Job): void {
    job.isSuspect = true;
    this.#enter(job);
    this.#forgetIfUnwanted(job);
  }

  /** Puts a waiting job of a text that failed before in line to be tried alone. */
  suspect(job: Job): void {
    if (!job.isWaiting || job.isSuspect) return;
    this.#leaveLine(job);
    job.isSuspect = true;
    this.#enter(job);
  }

  /** Marks the jobs whose vectors are not to be kept. */
  forget(isMeant: (key: string) => boolean): void {
    for (const job of this.#jobs.values()) if (isMeant(job.key)) job.isKept = false;
  }

  /** Ends a job with its vector. */
  resolve(job: Job, embedded: EmbeddedText): void {
    this.#jobs.delete(job.key);
    for (const waiter of job.waiters) waiter.resolve(embedded);
  }

  /** Ends a job without one. */
  reject(job: Job, cause: unknown): void {
    this.#leaveLine(job);
    this.#jobs.delete(job.key);
    for (const waiter of job.waiters) waiter.reject(cause);
  }

  /** Ends everything that waits, or only what waits in the background; what runs is left alone. */
  rejectWaiting(cause: unknown, which: 'all' | 'background'): void {
    for (const job of this.#jobs.values()) {
      if (job.isWaiting && (which === 'all' || job.line === which)) this.reject(job, cause);
    }
  }

  /**
   * The vectors of admitted jobs, by key, for one who waits for all of them and leaves when `signal` says so.
   *
   * Shape: `onChange` is told once they wait, and again when they leave. Rejects as soon as one of them fails; the others
   * run on and end in the cache. Faults: `cancelled` on `signal`.
   */
  async outcomes(
    jobs: readonly Job[],
    signal: AbortSignal | undefined,
    onChange: () => void,
  ): Promise<(readonly [key: string, embedded: EmbeddedText])[]> {
    const waits = jobs.map((job) => ({ key: job.key, ...this.wait(job) }));
    const leave = (): void => {
      for (const wait of waits) wait.leave(cancelled());
      onChange();
    };
    signal?.addEventListener('abort', leave, { once: true });
    onChange();
    try {
      return await Promise.all(waits.map(async ({ key, embedded }) => [key, await embedded] as const));
    } finally {
      signal?.removeEventListener('abort', leave);
    }
  }

  /** The vector of an admitted job, for one who waits for it and may leave. */
  wait(job: Job): Wait {
    let waiter: Waiter = { resolve: () => undefined, reject: () => undefined };
    const embedded = new Promise<EmbeddedText>((resolve, reject) => {
      waiter = { resolve, reject };
    });
    job.waiters.add(waiter);
    const leave = (cause: unknown): void => {
      if (job.waiters.delete(waiter)) this.#forgetIfUnwanted(job);
      waiter.reject(cause);
    };
    return { embedded, leave };
  }

  /** A text that waits in the background moves up when someone interactive asks for it. */
  #join({ key, text }: Pick<Job, 'key' | 'text'>, lane: EmbeddingLane): Job {
    const line = lineOf(lane, text);
    const known = this.#jobs.get(key);
    if (known !== undefined) {
      if (known.isWaiting && known.line === 'background') this.#move(known, line);
      return known;
    }
    const job: Job = { key, text, waiters: new Set(), line, isWaiting: false, isSuspect: false, isKept: true };
    this.#jobs.set(key, job);
    this.#enter(job);
    return job;
  }

  /** Takes a job that nobody wants any more out of its line; what runs runs on. */
  #forgetIfUnwanted(job: Job): void {
    if (job.waiters.size > 0 || !job.isWaiting) return;
    this.#leaveLine(job);
    this.#jobs.delete(job.key);
  }

  #move(job: Job, line: Line): void {
    this.#leaveLine(job);
    job.line = line;
    this.#enter(job);
  }

  #enter(job: Job): void {
    job.isWaiting = true;
    (job.isSuspect ? this.#suspects : this.#lines[job.line]).add(job);
  }

  #leaveLine(job: Job): void {
    job.isWaiting = false;
    this.#suspects.delete(job);
    this.#lines[job.line].delete(job);
  }
}
