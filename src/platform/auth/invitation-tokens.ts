import { createHash } from 'node:crypto';
import type { Ids } from '../../kernel/ids.js';

/** A new invitation's token: the one moment at which it is known whole. */
export interface NewInvitationToken {
  /** `pwi_` and 43 characters of base64url: shown once, never stored. */
  token: string;
  /** The first ten characters, shown in lists: 36 of the token's 256 bits. */
  prefix: string;
  /** What is stored. */
  hash: string;
}

/** 256 random bits: guessing is hopeless, so a fast hash without salt is enough, as for API keys (threats.md T17). */
const tokenSizeBytes = 32;
const tokenForm = /^pwi_[A-Za-z0-9_-]{43}$/;

/** Makes the tokens of invitations and knows them again by their hash. They open no door but the one to their project. */
export class InvitationTokens {
  readonly #ids: Ids;

  constructor(ids: Ids) {
    this.#ids = ids;
  }

  /** A new token. */
  mint(): NewInvitationToken {
    const token = `pwi_${this.#ids.secret(tokenSizeBytes)}`;
    return { token, prefix: token.slice(0, 10), hash: sha256(token) };
  }

  /** What is stored of a token, SHA-256 in hex; null for a text that has not the form of one. */
  hashOf(text: string): string | null {
    return tokenForm.test(text) ? sha256(text) : null;
  }
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
