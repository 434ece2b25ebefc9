import type { IndexingStore } from '../store.js';

/** How often a turn is renewed while a batch takes long: three times before it would end. */
const renewalMs = 3_000;

/** One process's turn at filling a space: without it each process would embed the same prompts, and pay for them. */
export class FillTurn {
  readonly #store: IndexingStore;
  readonly #processId: string;
  #isMine = false;
  #renewal: NodeJS.Timeout | undefined;
  #renewing: Promise<unknown> = Promise.resolve();

  constructor(store: IndexingStore, processId: string) {
    this.#store = store;
    this.#processId = processId;
  }

  /** Takes or keeps the turn; false while another process has it. */
  async take(): Promise<boolean> {
    this.#isMine = await this.#store.claim(this.#processId);
    if (this.#isMine) this.#renewal ??= setInterval(() => this.#renew(), renewalMs).unref();
    return this.#isMine;
  }

  /** Ends it: at once for the next process with `isReleased`, else once it was not renewed for long enough. */
  async end({ isReleased }: { isReleased: boolean }): Promise<void> {
    clearInterval(this.#renewal);
    // One that is on its way would take again what is released here.
    await this.#renewing;
    if (this.#isMine && isReleased) await this.#store.release(this.#processId).catch(() => undefined);
  }

  #renew(): void {
    this.#renewing = this.#store.claim(this.#processId).catch(() => undefined);
  }
}
