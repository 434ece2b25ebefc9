import type { Clock } from '../../kernel/clock.js';
import { Fault } from '../../kernel/fault.js';
import { Rounds } from '../../kernel/rounds.js';
import type { Database, Tx } from '../../platform/db/database.js';
import type { ServingSpace, Spaces } from '../../platform/embedding/spaces.js';
import type { Log } from '../../platform/log.js';
import { FillBatches } from './service/batches.js';
import { FillTurn } from './service/turn.js';
import { IndexingStore } from './store.js';
import { beforeAllIds, idAt } from './sweep.js';

/** How often prompts without a vector are looked for although nobody said there are any. */
const sweepIntervalMs = 10 * 60_000;
/** How often kept spaces are given the prompts of late, so that going back to one of them is complete at once. */
const tailIntervalMs = 3_000;
/** How far back such a look goes: a prompt is answered long before, and whatever is older waits for the sweep. */
const tailMs = 15 * 60_000;
/** The wait after a round that failed, because the embedder was full or the database away, or that had not its turn. */
const retryMs = 2_000;

/** What is filled while writers wait: the prompts of the last moments, and how long that may take. */
const fillInMost = 64;
const fillInMs = 2_000;

/** What the indexer is made of. */
export interface IndexingDeps {
  db: Database;
  /** Which space serves, and the others that this process can fill. */
  spaces: Spaces & { others(): ServingSpace[]; canServe(space: ServingSpace): boolean };
  clock: Clock;
  log: Log;
  /** This process: the owner of the claims it makes on spaces. */
  processId: string;
  /** Told when a space was given vectors, and when a look through all prompts found it full. */
  onFilled: (space: ServingSpace, progress: { isFull: boolean }) => void;
}

/** Looks through the prompts of one space. */
interface Sweeps {
  batches: FillBatches;
  /** How far the present whole one is. */
  afterId: string;
  /** When the last whole one ended, in monotonic milliseconds; null before the first. */
  doneMs: number | null;
}

/**
 * The safety net: gives a vector to every prompt that came in without one, first in the space that serves, then in every
 * other one that is kept, in the background lane and in small batches.
 *
 * Shape: resumed anywhere, since the missing row is the only note of what is to be done. One process at a time fills a
 * space; another takes over at the end of its turn, or 10 s after it fell silent.
 */
export class IndexingService {
  readonly #deps: IndexingDeps;
  readonly #sweeps = new Map<number, Sweeps>();
  readonly #rounds: Rounds;
  /** A whole look was asked for while another process had the turn. */
  #isOwed = false;

  constructor(deps: IndexingDeps) {
    this.#deps = deps;
    this.#rounds = new Rounds({
      run: (isAsked) => this.#index(isAsked),
      onFailed: (cause) => {
        deps.log.warn({ err: cause }, 'indexing stopped; trying again');
        return retryMs;
      },
    });
  }

  /** Looks for prompts without a vector now, and again once the present round is over. */
  wake(): void {
    this.#rounds.wake();
  }

  /**
   * Gives the prompts that lack a vector in `space` theirs now, at most `limit`; answers those that have none after all,
   * because their texts cannot be embedded.
   */
  async fillNow(space: ServingSpace, limit: number): Promise<string[]> {
    const batches = this.#batches(space);
    await batches.store(await new IndexingStore(this.#deps.db, space).next(beforeAllIds, limit));
    return batches.refused();
  }

  /**
   * Fills what lacks a vector inside a transaction that keeps writers out meanwhile, those left out that get none; false,
   * and nothing stored, when there are more than `fillInMost`, or when they cannot be embedded in `fillInMs`.
   */
  async fillIn(tx: Tx, space: ServingSpace, refusedIds: readonly string[]): Promise<boolean> {
    const missing = await new IndexingStore(this.#deps.db, space).missing(tx, refusedIds, fillInMost + 1);
    if (missing.length > fillInMost) return false;
    const signal = AbortSignal.any([this.#rounds.signal, AbortSignal.timeout(fillInMs)]);
    try {
      await this.#batches(space).storeIn(tx, missing, signal);
      return true;
    } catch (cause) {
      const isEmbedder = cause instanceof Fault && ['cancelled', 'unprocessable', 'overloaded'].includes(cause.kind);
      if (!isEmbedder) throw cause;
      return false;
    }
  }

  /** Stops after the batch that runs. */
  close(): Promise<void> {
    return this.#rounds.close();
  }

  /** One round; answers how long to rest after it. */
  async #index(isAsked: boolean): Promise<number> {
    const { spaces } = this.#deps;
    const active = spaces.active();
    // A process without the model of the space that serves leaves it to the others.
    const hadTurn = !spaces.canServe(active) || (await this.#fillServing(active, isAsked || this.#isOwed));
    this.#isOwed = !hadTurn && (isAsked || this.#isOwed);
    for (const space of spaces.others()) {
      if (this.#rounds.isAgain || this.#rounds.signal.aborted) break;
      await this.#fill(space);
    }
    if (!hadTurn) return retryMs;
    return spaces.others().length > 0 ? tailIntervalMs : sweepIntervalMs;
  }

  /** Fills the space that serves; false when another process is at it: looking meanwhile would cost, and find the same. */
  async #fillServing(active: ServingSpace, isAsked: boolean): Promise<boolean> {
    const { db, log, processId } = this.#deps;
    const store = new IndexingStore(db, active);
    if (await store.isTaken(processId)) return false;
    const turn = new FillTurn(store, processId);
    // Taken with the first prompt that lacks a vector: a round that finds none writes nothing.
    let isMine = true;
    try {
      const count = await this.#sweep(active, isAsked, async () => {
        isMine = await turn.take();
        return isMine;
      });
      if (count > 0) log.info({ prompts: count, space: active.name }, 'indexed prompts that had no vector');
      return isMine;
    } finally {
      await turn.end({ isReleased: true });
    }
  }

  /** Goes on with a space until it is full, or until the one that serves has work, or another process has the claim. */
  async #fill(space: ServingSpace): Promise<void> {
    const { db, processId } = this.#deps;
    const turn = new FillTurn(new IndexingStore(db, space), processId);
    try {
      await this.#sweep(space, false, async () => !this.#rounds.isAgain && (await turn.take()));
    } finally {
      await turn.end({ isReleased: this.#rounds.signal.aborted });
    }
  }

  /**
   * Looks through the prompts, all of them when that is due or asked for, else those of late; goes on with a whole look
   * that was stopped. Stores while `mayStore`; answers how many got a vector.
   */
  async #sweep(space: ServingSpace, isAsked: boolean, mayStore: () => Promise<boolean>): Promise<number> {
    const { clock, onFilled } = this.#deps;
    const sweeps = this.#sweepsOf(space);
    const isWhole = isAsked || this.#isDue(sweeps);
    const from = isWhole ? sweeps.afterId : idAt(clock.nowMs() - tailMs);
    if (isWhole && from === beforeAllIds) sweeps.batches.forgetRefused();
    const { count, isDone, lastId } = await this.#walk(space, from, mayStore);
    if (isWhole) sweeps.afterId = isDone ? beforeAllIds : lastId;
    if (!isWhole || !isDone) return count;
    sweeps.doneMs = clock.monotonicMs();
    onFilled(space, { isFull: true });
    return count;
  }

  /** A whole look that was stopped goes on; a new one is due every ten minutes. */
  #isDue({ doneMs, afterId }: Sweeps): boolean {
    return doneMs === null || afterId !== beforeAllIds || this.#deps.clock.monotonicMs() - doneMs >= sweepIntervalMs;
  }

  /** Stores batch after batch until nothing is missing; `isDone` is false when it was stopped before. */
  async #walk(space: ServingSpace, fromId: string, mayStore: () => Promise<boolean>) {
    const { db, onFilled, spaces } = this.#deps;
    const { batches } = this.#sweepsOf(space);
    const store = new IndexingStore(db, space);
    let count = 0;
    for (let lastId = fromId; ; ) {
      const prompts = await store.next(lastId, batches.size);
      const last = prompts.at(-1);
      if (last === undefined) return { count, isDone: true, lastId };
      if (this.#rounds.signal.aborted || !(await mayStore())) return { count, isDone: false, lastId };
      count += await batches.store(prompts);
      lastId = last.id;
      onFilled(space, { isFull: false });
      await batches.giveWay(spaces.active());
    }
  }

  #sweepsOf(space: ServingSpace): Sweeps {
    const known = this.#sweeps.get(space.id);
    if (known !== undefined) return known;
    const sweeps = { batches: this.#batches(space), afterId: beforeAllIds, doneMs: null };
    this.#sweeps.set(space.id, sweeps);
    return sweeps;
  }

  #batches(space: ServingSpace): FillBatches {
    const { db, log } = this.#deps;
    return new FillBatches({ db, log, space, signal: this.#rounds.signal });
  }
}
