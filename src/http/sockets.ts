import type { Principal } from '../kernel/access.js';
import type { GuardedSocket } from './guarded-socket.js';
import { closeCodes, limits } from './limits.js';

/** How many sockets may be open, and what is told of it. */
export interface SocketsDeps {
  socketsPerUser: number;
  socketsPerAddress: number;
  /** See `Authenticator.watch`. */
  watch(principal: Principal, onEnd: () => void): () => void;
  onCount(open: number): void;
}

/** One admitted socket; `authenticated` is called once its credential was accepted. */
export interface AdmittedSocket {
  /** False when the user has too many sockets already or this one is closed; nothing is served on it then. */
  authenticated(principal: Principal): boolean;
}

const reconnectNotice = JSON.stringify({ id: null, method: 'reconnect' });

/**
 * The open WebSockets of this process: caps by address and by user, the deadline for a credential, the end with it.
 *
 * Shape: a socket without a credential counts against its address, one with a credential against its user.
 */
export class Sockets {
  readonly #deps: SocketsDeps;
  readonly #open = new Set<GuardedSocket>();
  readonly #byAddress = new Map<string, number>();
  readonly #byUser = new Map<string, number>();

  constructor(deps: SocketsDeps) {
    this.#deps = deps;
  }

  /** Whether an address may open another socket without a credential. */
  hasRoomFor(address: string): boolean {
    return (this.#byAddress.get(address) ?? 0) < this.#deps.socketsPerAddress;
  }

  /** Counts a socket in, until it closes. */
  admit(socket: GuardedSocket, address: string): AdmittedSocket {
    this.#open.add(socket);
    add(this.#byAddress, address, 1);
    this.#deps.onCount(this.#open.size);
    let leave = (): void => add(this.#byAddress, address, -1);
    let unwatch = (): void => undefined;
    let deadline: NodeJS.Timeout | undefined = setTimeout(
      () => socket.close(closeCodes.unauthenticated, 'no credential in time'),
      limits.socketAuthenticationMs,
    );
    socket.once('close', () => {
      clearTimeout(deadline);
      unwatch();
      leave();
      this.#open.delete(socket);
      this.#deps.onCount(this.#open.size);
    });
    const authenticated = (principal: Principal): boolean => {
      if (!this.#open.has(socket)) return false;
      if ((this.#byUser.get(principal.userId) ?? 0) >= this.#deps.socketsPerUser) {
        socket.close(closeCodes.policy, 'too many sockets');
        return false;
      }
      clearTimeout(deadline);
      // A timer that is over keeps its memory as long as somebody holds it.
      deadline = undefined;
      leave();
      add(this.#byUser, principal.userId, 1);
      leave = () => add(this.#byUser, principal.userId, -1);
      unwatch = this.#deps.watch(principal, () => socket.close(closeCodes.unauthenticated, 'credential ended'));
      return true;
    };
    return { authenticated };
  }

  /** Tells every client to open a new connection elsewhere; calls under way are still answered on the old one. */
  announceRestart(): void {
    for (const socket of this.#open) socket.send(reconnectNotice);
  }

  /** Closes every socket with the code for a restart. */
  closeAll(): void {
    for (const socket of this.#open) socket.close(closeCodes.restart, 'restart');
  }
}

function add(counts: Map<string, number>, key: string, by: number): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}
