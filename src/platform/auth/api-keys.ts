import { createHash } from 'node:crypto';
import type { Ids } from '../../kernel/ids.js';

/** A new API key: the one moment at which it is known whole. */
export interface NewApiKey {
  /** `pw_` and 43 characters of base64url: shown once, never stored. */
  key: string;
  /** The first ten characters, shown in lists: 42 of the key's 256 bits. */
  prefix: string;
  /** What is stored. */
  hash: string;
}

/** 256 random bits: guessing is hopeless, so a fast hash without salt is enough (threats.md T17). */
const keySizeBytes = 32;
const keyForm = /^pw_[A-Za-z0-9_-]{43}$/;

/** Makes API keys and knows them again by their hash. */
export class ApiKeys {
  readonly #ids: Ids;

  constructor(ids: Ids) {
    this.#ids = ids;
  }

  /** A new key. */
  mint(): NewApiKey {
    const key = `pw_${this.#ids.secret(keySizeBytes)}`;
    return { key, prefix: key.slice(0, 10), hash: sha256(key) };
  }

  /** What is stored of a key, SHA-256 in hex; null for a credential that has not the form of one. */
  hashOf(credential: string): string | null {
    return keyForm.test(credential) ? sha256(credential) : null;
  }
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
