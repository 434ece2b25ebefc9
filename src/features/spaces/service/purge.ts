import type { StoredSpace } from '../../../platform/db/space.js';
import { SpaceStore, SpaceWrites } from '../store.js';
import type { SpaceDeps } from './deps.js';

/** How often dropped spaces are looked for. */
const intervalMs = 1_000;
/** From the drop to the first deletion: a search that began while the space served may still run. */
const graceMs = 2_000;
/** Vectors deleted by one statement: it holds the embedded engine's one session for a few milliseconds. */
const batchSize = 500;
const beforeAllIds = '00000000-0000-0000-0000-000000000000';

/** Deletes the vectors of dropped spaces in small batches, and then the spaces; any process goes on where one stopped. */
export class SpacePurge {
  readonly #deps: SpaceDeps;
  readonly #store: SpaceStore;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #isRunning = false;
  #isClosed = false;

  constructor(deps: SpaceDeps) {
    this.#deps = deps;
    this.#store = new SpaceStore(deps.db);
  }

  /** Begins to look for dropped spaces. */
  start(): void {
    this.#timer = setInterval(() => this.#tick(), intervalMs);
    this.#timer.unref();
  }

  /** Stops after the batch that runs. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    await this.#running;
  }

  #tick(): void {
    const dropped = this.#deps.spaces.stored().filter(({ isDropped }) => isDropped);
    if (dropped.length === 0 || this.#isRunning) return;
    this.#isRunning = true;
    this.#running = this.#purge(dropped)
      .catch((cause: unknown) => this.#deps.log.warn({ err: cause }, 'a space could not be dropped; trying again'))
      .finally(() => {
        this.#isRunning = false;
      });
  }

  async #purge(dropped: readonly StoredSpace[]): Promise<void> {
    for (const { id, name } of dropped) {
      if (!(await this.#store.mayPurge(id, graceMs))) continue;
      for (let after: string | null = beforeAllIds; after !== null && !this.#isClosed; )
        after = await this.#store.purge(id, after, batchSize);
      if (this.#isClosed) return;
      const isGone = await this.#deps.db.transaction(async (tx) => {
        const writes = new SpaceWrites(tx);
        await writes.ring();
        return writes.remove(id);
      });
      if (isGone) this.#deps.log.info({ space: name }, 'the space is gone');
    }
    await this.#deps.spaces.refresh();
  }
}
