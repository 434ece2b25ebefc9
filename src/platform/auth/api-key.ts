import { createHash } from 'node:crypto';
import type { Ids } from '../../kernel/ids.js';

/** A new API key: the one moment at which it is known whole. */
export interface NewApiKey {
  /** `pw_` and 43 characters of base64url: shown once, never stored. */
  key: string;
  /** The first ten characters, shown in lists. */
  prefix: string;
  /** What is stored. */
  hash: string;
}

/** 256 random bits: guessing is hopeless, so a fast hash without salt is enough. Source: ASVS 5.0, 11.4 and 13.3. */
const keySizeBytes = 32;
const keyForm = /^pw_[A-Za-z0-9_-]{43}$/;

/** Whether a credential has the form of an API key; asked before any SQL. */
export const isApiKey = (credential: string): boolean => keyForm.test(credential);

/** The SHA-256 of an API key, in hex. */
export const apiKeyHash = (key: string): string => createHash('sha256').update(key).digest('hex');

/** Makes an API key. The prefix gives away 42 of its 256 bits. */
export function newApiKey(ids: Ids): NewApiKey {
  const key = `pw_${ids.secret(keySizeBytes)}`;
  return { key, prefix: key.slice(0, 10), hash: apiKeyHash(key) };
}
