import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../kernel/clock.js';
import { Fault } from '../../kernel/fault.js';
import { isForgotten, VectorCache } from './cache.js';
import type {
  EmbeddedText,
  Embedder,
  EmbedderState,
  EmbeddingLane,
  EmbeddingObserver,
  EmbeddingSpace,
  EmbedOptions,
  ForgottenTexts,
} from './embedder.js';
import { cancelled, closing, full } from './faults.js';
import { EmbeddingThread, type ThreadPatience } from './embedding-thread.js';
import type { ModelChoice } from './protocol.js';
import { Strikes } from './strikes.js';
import { type Job, urgencies, WaitingRoom } from './waiting-room.js';

/** What the embedder is made of. */
export interface EmbedderDeps {
  model: ModelChoice;
  /** Threads that embed, each with the model in memory. */
  threads: number;
  /** Texts that may wait in each lane; a call with more new texts than that never gets in. */
  queueLimit: number;
  clock: Clock;
  observer: EmbeddingObserver;
  /** The compiled thread; default: the one beside this file. Tests, which run from source, name theirs. */
  threadUrl?: URL;
  /** Default: `patience` below. */
  patience?: ThreadPatience;
}

/** In seconds. A text that freezes its thread, alone and before with others, is given up within the minute. */
const patience: ThreadPatience = { silentLooks: 15, loadingLooks: 45 };

/** Waits between starts of a thread that dies while loading: first, and at most (doubling). */
const firstRestartMs = 100;
const longestRestartMs = 30_000;

/** Bounds of the `retryAfterMs` told to callers: below the first a retry is noise, beyond the second a guess. */
const shortestRetryMs = 100;
const longestRetryMs = 30_000;

/**
 * An embedder whose model runs in worker threads; starts loading at once and queues texts meanwhile.
 *
 * Shape: a text waits in one of two lanes, interactive always first; what queued while a thread was busy is its next
 * micro-batch. A batch whose thread died or froze, or which threw, is tried again once, text by text on an idle thread.
 * Cost: a cached text costs a hash; a text asked for twice at once within a scope is embedded once.
 * Faults: those of `Embedder.embed`, and `unprocessable` for a text that fails or kills its thread twice; asked for
 * again it has one more try, alone, and none after that.
 */
export function createEmbedder(deps: EmbedderDeps): Embedder {
  return new EmbeddingPool(deps);
}

/** A loaded thread with what it is doing. */
interface Seat {
  thread: EmbeddingThread;
  /** The urgencies of the batches it has, at most one of each. */
  busy: Set<number>;
  /** True while it tries a suspect text, which it does with nothing else at hand. */
  isTrying: boolean;
}

class EmbeddingPool implements Embedder {
  readonly space: EmbeddingSpace;
  readonly #deps: EmbedderDeps;
  readonly #room: WaitingRoom;
  readonly #cache: VectorCache;
  readonly #strikes = new Strikes();
  readonly #threads = new Set<EmbeddingThread>();
  readonly #seats = new Set<Seat>();
  readonly #keepers: Promise<void>[];
  readonly #stopping = new AbortController();
  /** Running mean of what a text costs, for `retryAfterMs`. */
  #textMs = 1;
  #startFailure: Error | undefined;
  #closing: Promise<void> | undefined;
  #onEmpty: (() => void) | undefined;

  constructor(deps: EmbedderDeps) {
    this.space = deps.model.space;
    this.#deps = deps;
    this.#room = new WaitingRoom(deps.queueLimit);
    this.#cache = new VectorCache(deps.observer);
    this.#keepers = Array.from({ length: deps.threads }, () => this.#keepThread());
  }

  async embed(texts: readonly string[], { lane, scope, signal }: EmbedOptions): Promise<EmbeddedText[]> {
    if (signal?.aborted === true) throw cancelled();
    if (this.#closing !== undefined) throw closing();
    return this.#cache.through(texts, scope, (missing) => {
      const jobs = this.#admit(missing, lane);
      return this.#room.outcomes(jobs, signal, () => this.#dispatch());
    });
  }

  state(): EmbedderState {
    const isReady = this.#closing === undefined && this.#seats.size > 0;
    return { space: this.space, isReady, waiting: this.#room.waiting() };
  }

  forget(what?: ForgottenTexts): void {
    this.#cache.forget(what);
    this.#strikes.forget(what);
    this.#room.forget((key) => isForgotten(key, what));
  }

  close(): Promise<void> {
    this.#closing ??= this.#drain();
    return this.#closing;
  }

  /** Texts by key in line. Faults: one that was given up, no thread, no room. */
  #admit(texts: ReadonlyMap<string, string>, lane: EmbeddingLane): Job[] {
    if ([...texts.keys()].some((key) => this.#strikes.isOut(key))) throw unembeddable(new Error('It failed before.'));
    if (this.#startFailure !== undefined && this.#seats.size === 0) throw cannotStart(this.#startFailure);
    const jobs = this.#room.admit(texts, lane);
    if (jobs === null) throw full(this.#retryAfterMs(lane));
    for (const job of jobs) if (this.#strikes.isSuspect(job.key)) this.#room.suspect(job);
    return jobs;
  }

  /** Gives every thread what it may take; called whenever work came or a thread became free. */
  #dispatch(): void {
    for (const seat of this.#seats) {
      if (!seat.thread.isGone && !seat.isTrying) this.#fill(seat);
    }
    if (this.#room.size === 0) this.#onEmpty?.();
  }

  /** While a suspect waits nothing else starts, so that some thread falls idle and can try it alone. */
  #fill(seat: Seat): void {
    if (this.#room.hasSuspects) {
      if (seat.busy.size === 0) void this.#run(seat, this.#room.takeSuspect(), 0);
      return;
    }
    for (let urgency = 0; urgency < urgencies; urgency += 1) {
      const jobs = seat.busy.has(urgency) ? [] : this.#room.take(urgency);
      if (jobs.length > 0) void this.#run(seat, jobs, urgency);
    }
  }

  async #run(seat: Seat, jobs: readonly Job[], urgency: number): Promise<void> {
    seat.busy.add(urgency);
    seat.isTrying = jobs.some(({ isSuspect }) => isSuspect);
    const startedMs = this.#deps.clock.monotonicMs();
    try {
      const embedded = await seat.thread.embed(
        jobs.map(({ text }) => text),
        urgency,
      );
      for (const [index, job] of jobs.entries()) this.#finish(job, embedded[index] ?? neverMade());
      this.#observe(jobs.length, urgency, this.#deps.clock.monotonicMs() - startedMs);
    } catch (cause) {
      for (const job of jobs) this.#blame(job, cause);
    }
    seat.busy.delete(urgency);
    seat.isTrying = false;
    this.#dispatch();
  }

  #finish(job: Job, embedded: EmbeddedText): void {
    if (job.isKept) this.#cache.set(job.key, embedded);
    this.#strikes.clear(job.key);
    this.#room.resolve(job, embedded);
  }

  #blame(job: Job, cause: unknown): void {
    if (job.isSuspect) this.#strikes.add(job.key);
    if (job.isSuspect) this.#room.reject(job, unembeddable(cause));
    else this.#room.retryAlone(job);
  }

  #observe(texts: number, urgency: number, durationMs: number): void {
    this.#textMs = 0.8 * this.#textMs + 0.2 * (durationMs / texts);
    this.#deps.observer.onBatch({ texts, durationMs, lane: urgency === urgencies - 1 ? 'background' : 'interactive' });
  }

  #retryAfterMs(lane: EmbeddingLane): number {
    const estimateMs = (this.#room.waiting()[lane] * this.#textMs) / this.#deps.threads;
    return Math.ceil(Math.min(longestRetryMs, Math.max(shortestRetryMs, estimateMs)));
  }

  /** Keeps one thread alive until the pool stops: one that dies is replaced, one that cannot start is tried ever later. */
  async #keepThread(): Promise<void> {
    let restartMs = firstRestartMs;
    while (!this.#stopping.signal.aborted) {
      const wasReady = await this.#superviseThread();
      if (this.#stopping.signal.aborted) return;
      this.#deps.observer.onThreadReplaced();
      if (wasReady) {
        restartMs = firstRestartMs;
      } else {
        await delay(restartMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
        restartMs = Math.min(2 * restartMs, longestRestartMs);
      }
    }
  }

  /** One thread's life; tells whether it ever loaded its model. */
  async #superviseThread(): Promise<boolean> {
    const url = this.#deps.threadUrl ?? new URL('./thread.js', import.meta.url);
    const thread = new EmbeddingThread({ url, model: this.#deps.model, patience: this.#deps.patience ?? patience });
    const seat: Seat = { thread, busy: new Set(), isTrying: false };
    this.#threads.add(thread);
    const isReady = await thread.ready;
    if (isReady) {
      this.#startFailure = undefined;
      this.#seats.add(seat);
      this.#dispatch();
    }
    const cause = await thread.gone;
    this.#threads.delete(thread);
    this.#seats.delete(seat);
    if (!isReady) this.#failStart(cause);
    return isReady;
  }

  /** With no thread left to serve, waiting would have no end: those who wait are told. */
  #failStart(cause: Error): void {
    this.#startFailure = cause;
    if (this.#seats.size > 0) return;
    this.#room.rejectWaiting(cannotStart(cause), 'all');
    this.#dispatch();
  }

  /** Waiting background texts are given back (the indexer finds them again); everything else is finished. */
  async #drain(): Promise<void> {
    this.#room.rejectWaiting(closing(), 'background');
    const isEmpty = new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
    this.#dispatch();
    await isEmpty;
    this.#stopping.abort();
    await Promise.all([...this.#threads].map((thread) => thread.stop()));
    await Promise.all(this.#keepers);
  }
}

const cannotStart = (cause: Error): Fault =>
  new Fault(
    'overloaded',
    'The embedder does not start.',
    { reason: 'noThread', retryAfterMs: longestRestartMs },
    cause,
  );

const unembeddable = (cause: unknown): Fault =>
  new Fault('unprocessable', 'The text cannot be embedded.', { reason: 'embedding' }, cause);

function neverMade(): never {
  throw new Error('The thread answered with fewer vectors than texts.');
}
