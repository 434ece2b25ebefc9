import { createHmac, timingSafeEqual } from 'node:crypto';
import { invalidField } from '../kernel/fault.js';

/** What a token is for and whose it is; a token opens only with the seal it was made with. */
export interface Seal {
  /** The input field the token arrives in, which errors name. */
  field: string;
  /** Everything the token is bound to: project, filter, user. */
  scope: string;
}

/** Bytes of the signature kept: 128 bits, beyond guessing. */
const signatureBytes = 16;

/** Opaque tokens that clients carry back: signed, so that nobody can make, change or move one. */
export class CursorCodec {
  readonly #key: Uint8Array;

  constructor(key: Uint8Array) {
    this.#key = key;
  }

  /** The token for `payload`. */
  seal(seal: Seal, payload: string): string {
    const body = Buffer.from(payload, 'utf8').toString('base64url');
    return `${body}.${this.#sign(seal, body).toString('base64url')}`;
  }

  /** The payload of a token. Faults: `invalid` naming the field, for any token not made with this very seal. */
  open(seal: Seal, token: string): string {
    const [body = '', signature = '', ...rest] = token.split('.');
    const given = Buffer.from(signature, 'base64url');
    const wanted = this.#sign(seal, body);
    const isGenuine = rest.length === 0 && given.length === wanted.length && timingSafeEqual(given, wanted);
    // The text itself must match too: base64url has several spellings of the same bytes.
    if (!isGenuine || signature !== wanted.toString('base64url'))
      throw invalidField(seal.field, 'is not a token of this service for this call');
    return Buffer.from(body, 'base64url').toString('utf8');
  }

  #sign(seal: Seal, body: string): Buffer {
    const signature = createHmac('sha256', this.#key).update(`${seal.field}\n${seal.scope}\n${body}`).digest();
    return signature.subarray(0, signatureBytes);
  }
}
