import { Fault } from '../../../kernel/fault.js';
import type { Database, Tx } from '../../../platform/db/database.js';
import type { EmbeddingLane } from '../../../platform/embedding/embedder.js';
import type { ServingSpace } from '../../../platform/embedding/spaces.js';
import type { Log } from '../../../platform/log.js';
import { type IndexedVector, IndexingStore, type UnindexedPrompt } from '../store.js';

/** Texts of one batch: an insert of so many vectors holds the embedded engine's one session for about 20 ms. */
const batchSize = 32;
/** How long a fill waits, each time and in all between two batches, while searches wait to be embedded. */
const giveWayMs = 20;
const mostGivenWayMs = 500;

/** What batches are made of. */
interface BatchDeps {
  db: Database;
  log: Log;
  space: ServingSpace;
  signal: AbortSignal;
}

/** Batches of prompts on their way to vectors in one space. */
export class FillBatches {
  readonly size = batchSize;
  /** Texts that cannot be embedded, by prompt: asking an endpoint again every few seconds would cost money. */
  readonly #refused = new Map<string, string>();
  readonly #deps: BatchDeps;
  readonly #store: IndexingStore;

  constructor(deps: BatchDeps) {
    this.#deps = deps;
    this.#store = new IndexingStore(deps.db, deps.space);
  }

  /** Texts are embedded by project: what one project embedded is never told to another, not even by its speed. */
  async store(prompts: readonly UnindexedPrompt[]): Promise<number> {
    let count = 0;
    const fresh = prompts.filter(({ id, textHash }) => this.#refused.get(id) !== textHash);
    for (const ofProject of byProject(fresh)) count += await this.#group(ofProject);
    return count;
  }

  /** The prompts whose texts cannot be embedded. */
  refused(): string[] {
    return [...this.#refused.keys()];
  }

  /** Lets what was refused be tried once more. */
  forgetRefused(): void {
    this.#refused.clear();
  }

  /** Lets searches go first, where they share this machine's cores with the fill. */
  async giveWay(active: ServingSpace): Promise<void> {
    for (let givenMs = 0; givenMs < mostGivenWayMs; givenMs += giveWayMs) {
      if (active.embedder.state().waiting.interactive === 0 || this.#deps.signal.aborted) return;
      await new Promise((resolve) => setTimeout(resolve, giveWayMs));
    }
  }

  /** A text that cannot be embedded costs its neighbours nothing: each is then tried alone. */
  async #group(prompts: readonly UnindexedPrompt[]): Promise<number> {
    try {
      return await this.#embedAndStore(prompts);
    } catch (cause) {
      if (!(cause instanceof Fault) || cause.kind !== 'unprocessable') throw cause;
      let count = 0;
      if (prompts.length > 1) for (const prompt of prompts) count += await this.#group([prompt]);
      else for (const prompt of prompts) this.#refuse(prompt, cause);
      return count;
    }
  }

  #refuse({ id, textHash }: UnindexedPrompt, cause: Fault): void {
    this.#refused.set(id, textHash);
    const space = this.#deps.space.name;
    this.#deps.log.warn({ err: cause, promptId: id, space }, 'a text cannot be embedded');
  }

  /** The same inside a transaction that waits for it: embedded before searches. Faults: those of `Embedder.embed`. */
  async storeIn(tx: Tx, prompts: readonly UnindexedPrompt[], signal: AbortSignal): Promise<void> {
    for (const ofProject of byProject(prompts))
      await this.#store.put(tx, await this.#embed(ofProject, 'interactive', signal));
  }

  async #embedAndStore(prompts: readonly UnindexedPrompt[]): Promise<number> {
    const vectors = await this.#embed(prompts, 'background', this.#deps.signal);
    return this.#deps.db.transaction((tx) => this.#store.put(tx, vectors));
  }

  async #embed(
    prompts: readonly UnindexedPrompt[],
    lane: EmbeddingLane,
    signal: AbortSignal,
  ): Promise<IndexedVector[]> {
    const texts = prompts.map(({ text }) => text);
    const scope = prompts[0]?.projectId ?? '';
    const embedded = await this.#deps.space.embedder.embed(texts, { lane, scope, signal });
    return prompts.flatMap((prompt, index) => {
      const one = embedded[index];
      return one === undefined ? [] : [{ prompt, ...one }];
    });
  }
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
