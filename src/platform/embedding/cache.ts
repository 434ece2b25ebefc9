import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { EmbeddedText, ForgottenTexts } from './embedder.js';

/** Vectors kept. Source: 10 000 of 384 dimensions with their keys are about 20 MB. */
const cacheEntries = 10_000;

/** The name of a text within a scope: scope and SHA-256 in hex, so that the cache never holds the text itself. */
export const textKey = (scope: string, text: string): string =>
  `${scope}:${createHash('sha256').update(text).digest('hex')}`;

/** Whether a key names one of the texts to forget; all do when none are named. */
export const isForgotten = (key: string, what: ForgottenTexts | undefined): boolean =>
  what === undefined ||
  (what.textHash === undefined ? key.startsWith(`${what.scope}:`) : key === `${what.scope}:${what.textHash}`);

/** The same vector in a buffer of its own. */
export const copyOf = ({ vector, isTruncated }: EmbeddedText): EmbeddedText => ({
  vector: vector.slice(),
  isTruncated,
});

/**
 * The vectors of the texts embedded last, by `textKey`; the least recently used leave first.
 *
 * Shape: what `get` answers is shared: copy it before handing it on.
 */
export class VectorCache {
  readonly #vectors = new LRUCache<string, EmbeddedText>({ max: cacheEntries });

  /** What is known under `key`. */
  get(key: string): EmbeddedText | undefined {
    return this.#vectors.get(key);
  }

  /** Keeps a copy of `embedded`, so that the large buffer it arrived in can go. */
  set(key: string, embedded: EmbeddedText): void {
    this.#vectors.set(key, copyOf(embedded));
  }

  /** Drops the vectors of some texts. */
  forget(what: ForgottenTexts | undefined): void {
    for (const key of this.#vectors.keys()) if (isForgotten(key, what)) this.#vectors.delete(key);
  }
}
