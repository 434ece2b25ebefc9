import { LRUCache } from 'lru-cache';
import { isForgotten } from './cache.js';
import type { ForgottenTexts } from './embedder.js';

/**
 * Failures of a text alone after which no thread is given it again: with the one before, which may have been a
 * neighbour's, they are three. Source: F16 of the plan of faults.
 */
const most = 2;

/** Texts remembered; the least recently failed are tried anew. */
const maxTexts = 10_000;

/** How often each text has failed alone, or killed its thread, by `textKey`: a memory that ends with the process. */
export class Strikes {
  readonly #counts = new LRUCache<string, number>({ max: maxTexts });

  /** Counts a failure of a text that was tried alone. */
  add(key: string): void {
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  /** The text was embedded after all: what failed before was not its doing. */
  clear(key: string): void {
    this.#counts.delete(key);
  }

  /** Whether the text has failed before: it runs alone then, so that it harms no neighbour again. */
  isSuspect(key: string): boolean {
    return (this.#counts.get(key) ?? 0) > 0;
  }

  /** Whether the text is given up. */
  isOut(key: string): boolean {
    return (this.#counts.get(key) ?? 0) >= most;
  }

  /** Drops what is known of some texts. */
  forget(what: ForgottenTexts | undefined): void {
    for (const key of this.#counts.keys()) if (isForgotten(key, what)) this.#counts.delete(key);
  }
}
