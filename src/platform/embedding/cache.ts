import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { EmbeddedText, EmbeddingObserver, ForgottenTexts } from './embedder.js';

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
const copyOf = ({ vector, isTruncated }: EmbeddedText): EmbeddedText => ({
  vector: vector.slice(),
  isTruncated,
});

/** Makes the vectors of texts by key. */
type Make = (texts: ReadonlyMap<string, string>) => Promise<Iterable<readonly [key: string, embedded: EmbeddedText]>>;

/** The vectors of the texts embedded last, by `textKey`; the least recently used leave first. */
export class VectorCache {
  readonly #vectors = new LRUCache<string, EmbeddedText>({ max: cacheEntries });

  readonly #observer: Pick<EmbeddingObserver, 'onCache'>;

  constructor(observer: Pick<EmbeddingObserver, 'onCache'>) {
    this.#observer = observer;
  }

  /** The vectors of some texts of a scope, in their order; those not known come from `make`, each text once. */
  async through(texts: readonly string[], scope: string, make: Make): Promise<EmbeddedText[]> {
    const asked = texts.map((text) => ({ text, key: textKey(scope, text) }));
    const vectors = new Map<string, EmbeddedText>();
    const missing = new Map<string, string>();
    for (const { text, key } of asked) {
      const known = this.#vectors.get(key);
      this.#observer.onCache(known === undefined ? 'miss' : 'hit');
      if (known === undefined) missing.set(key, text);
      else vectors.set(key, known);
    }
    if (missing.size > 0) for (const [key, embedded] of await make(missing)) vectors.set(key, embedded);
    return asked.map(({ key }) => copyOf(vectors.get(key) ?? neverMade()));
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

function neverMade(): never {
  throw new Error('A text was asked for and never embedded.');
}
