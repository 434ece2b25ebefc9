import { hash, verify } from '@node-rs/argon2';
import { Fault, invalidField } from '../../kernel/fault.js';
import { Turnstile } from './turnstile.js';

/** The longest password, in characters. Source: issue 2; every one fits in 1 024 bytes of UTF-8. */
const maxPasswordLength = 256;

/** Source: OWASP Password Storage Cheat Sheet: argon2id, 19 MiB, two passes, one lane; about 15 ms here. */
const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1, outputLen: 32 };

/** A hash that no password has, of the same cost: an unknown user takes as long as a known one. */
const nobody = `$argon2id$v=19$m=${cost.memoryCost},t=${cost.timeCost},p=${cost.parallelism}$${'A'.repeat(22)}$${'A'.repeat(43)}`;

/** Two at once keep memory under 40 MiB and one core free; 32 wait at most half a second. Source: threats.md T15. */
const concurrency = 2;
const queueLimit = 32;
const retryAfterMs = 1_000;

/** Length in characters as people count them, not UTF-16 units. */
const characterCount = (text: string): number => Array.from(text).length;

/** Hashes and checks passwords, off the event loop and a bounded number at once. */
export class Passwords {
  readonly #minLength: number;
  readonly #turnstile = new Turnstile(concurrency, queueLimit);
  #commonest: Promise<ReadonlySet<string>> | undefined;

  constructor(options: { minLength: number }) {
    this.#minLength = options.minLength;
  }

  /** How many calls wait for their password to be hashed. */
  get waiting(): number {
    return this.#turnstile.waiting;
  }

  /**
   * Refuses a new password that is too short, too long, among the commonest, or the username.
   *
   * Cost: the first call loads the list (about 30 ms), of which only those long enough to be chosen are kept.
   * Faults: `invalid` naming `field`.
   */
  async refuseWeak(password: string, about: { field: string; username: string }): Promise<void> {
    const length = characterCount(password);
    if (length < this.#minLength) throw invalidField(about.field, `must have at least ${this.#minLength} characters`);
    if (length > maxPasswordLength)
      throw invalidField(about.field, `must have at most ${maxPasswordLength} characters`);
    const plain = normalized(password).toLowerCase();
    if (plain === about.username.toLowerCase()) throw invalidField(about.field, 'must not be the username');
    this.#commonest ??= loadCommonest(this.#minLength);
    if ((await this.#commonest).has(plain)) throw invalidField(about.field, 'is among the most common passwords');
  }

  /** The argon2id hash, in PHC form with its own salt. Faults: `overloaded` when 32 wait already. */
  hash(password: string): Promise<string> {
    return this.#bounded(() => hash(normalized(password), cost));
  }

  /** Whether the password fits the hash; without a hash the same work is done for nothing. Faults: `overloaded`. */
  async verify(stored: string | null, password: string): Promise<boolean> {
    const fits = await this.#bounded(() => verify(stored ?? nobody, normalized(password)));
    return fits && stored !== null;
  }

  async #bounded<T>(work: () => Promise<T>): Promise<T> {
    const entry = this.#turnstile.enter();
    if (entry === null) throw new Fault('overloaded', 'Too many sign-ins at this moment.', { retryAfterMs });
    await entry;
    try {
      return await work();
    } finally {
      this.#turnstile.leave();
    }
  }
}

/** The same characters typed on different keyboards are the same password. Source: NIST SP 800-63B-4, 3.1.1.2. */
const normalized = (password: string): string => password.normalize('NFKC');

async function loadCommonest(minLength: number): Promise<ReadonlySet<string>> {
  const { dictionary } = await import('@zxcvbn-ts/language-common');
  return new Set(dictionary['passwords-common'].filter((password) => password.length >= minLength));
}
