import { Fault } from '../../kernel/fault.js';
import type { Database } from '../../platform/db/database.js';
import type { ServingSpace, Spaces } from '../../platform/embedding/spaces.js';
import type { Log } from '../../platform/log.js';
import { IndexingStore, type UnindexedPrompt } from './store.js';

const batchSize = 32;
/** How often prompts without a vector are looked for although nobody said there are any. */
const sweepIntervalMs = 10 * 60_000;
/** The wait after a round that failed, because the embedder was full or the database away. */
const retryMs = 2_000;
const beforeAllIds = '00000000-0000-0000-0000-000000000000';

/** What the indexer is made of. */
export interface IndexingDeps {
  db: Database;
  spaces: Spaces;
  log: Log;
}

/** The safety net: gives a vector to every prompt that came in without one, in the background lane. */
export class IndexingService {
  readonly #deps: IndexingDeps;
  readonly #closing = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> | undefined;
  #isAgain = false;

  constructor(deps: IndexingDeps) {
    this.#deps = deps;
  }

  /** Looks for prompts without a vector now, and again once the present round is over. */
  wake(): void {
    if (this.#closing.signal.aborted) return;
    if (this.#round !== undefined) {
      this.#isAgain = true;
      return;
    }
    clearTimeout(this.#timer);
    this.#isAgain = false;
    this.#round = this.#index().then(
      (count) => this.#rest(count, sweepIntervalMs),
      (cause: unknown) => {
        this.#deps.log.warn({ err: cause }, 'indexing stopped; trying again');
        this.#rest(0, retryMs);
      },
    );
  }

  /** Stops after the batch that runs. */
  async close(): Promise<void> {
    this.#closing.abort();
    clearTimeout(this.#timer);
    await this.#round;
  }

  #rest(count: number, delayMs: number): void {
    if (count > 0) this.#deps.log.info({ prompts: count }, 'indexed prompts that had no vector');
    this.#round = undefined;
    if (this.#closing.signal.aborted) return;
    if (this.#isAgain) return this.wake();
    this.#timer = setTimeout(() => this.wake(), delayMs);
    this.#timer.unref();
  }

  async #index(): Promise<number> {
    const space = this.#deps.spaces.active();
    const store = new IndexingStore(this.#deps.db, space);
    let count = 0;
    let afterId = beforeAllIds;
    while (!this.#closing.signal.aborted) {
      const prompts = await store.next(afterId, batchSize);
      const last = prompts.at(-1);
      if (last === undefined) return count;
      count += await this.#indexBatch({ space, store }, prompts);
      afterId = last.id;
    }
    return count;
  }

  /** Texts are embedded by project: what one project embedded is never told to another, not even by its speed. */
  async #indexBatch(round: Round, prompts: readonly UnindexedPrompt[]): Promise<number> {
    let count = 0;
    for (const ofProject of byProject(prompts)) count += await this.#indexGroup(round, ofProject);
    return count;
  }

  /** A text that cannot be embedded costs its neighbours nothing: each is then tried alone. */
  async #indexGroup(round: Round, prompts: readonly UnindexedPrompt[]): Promise<number> {
    try {
      await this.#embedAndStore(round, prompts);
      return prompts.length;
    } catch (cause) {
      if (!(cause instanceof Fault) || cause.kind !== 'unprocessable') throw cause;
      let count = 0;
      if (prompts.length > 1) for (const prompt of prompts) count += await this.#indexGroup(round, [prompt]);
      else this.#deps.log.warn({ err: cause, promptId: prompts[0]?.id }, 'a text cannot be embedded');
      return count;
    }
  }

  async #embedAndStore({ space, store }: Round, prompts: readonly UnindexedPrompt[]): Promise<void> {
    const embedded = await space.embedder.embed(
      prompts.map(({ text }) => text),
      { lane: 'background', scope: prompts[0]?.projectId ?? '', signal: this.#closing.signal },
    );
    const vectors = prompts.flatMap((prompt, index) => {
      const one = embedded[index];
      return one === undefined ? [] : [{ prompt, ...one }];
    });
    await this.#deps.db.transaction((tx) => store.put(tx, vectors));
  }
}

/** One look for prompts without a vector, in one space. */
interface Round {
  space: ServingSpace;
  store: IndexingStore;
}

function byProject(prompts: readonly UnindexedPrompt[]): UnindexedPrompt[][] {
  const groups = new Map<string, UnindexedPrompt[]>();
  for (const prompt of prompts) {
    const group = groups.get(prompt.projectId);
    if (group === undefined) groups.set(prompt.projectId, [prompt]);
    else group.push(prompt);
  }
  return [...groups.values()];
}
