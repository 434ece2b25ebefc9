import { networkOf } from './network.js';
import { keyedHash } from './secret.js';

/** Names for callers that tables may hold: whoever steals them learns no address and no username. */
export class Callers {
  readonly #key: Uint8Array;

  constructor(key: Uint8Array) {
    this.#key = key;
  }

  /** What stands for a client's network: its IPv4 address or its IPv6 /64. 43 characters. */
  address(address: string): string {
    return keyedHash(this.#key, `address ${networkOf(address)}`);
  }

  /** What stands for an account, whether it exists or not. 43 characters. */
  account(usernameKey: string): string {
    return keyedHash(this.#key, `account ${usernameKey}`);
  }
}
