import type { Principal } from '../../kernel/access.js';
import type { Clock } from '../../kernel/clock.js';
import type { Revocation } from './revocation.js';

interface Watcher {
  principal: Principal;
  onEnd: () => void;
  timer: ReturnType<typeof setTimeout> | undefined;
}

/** Node fires a longer timer at once. Source: Node's timers documentation, `setTimeout`. */
const longestTimerMs = 2 ** 31 - 1;

/** Those who want to know when a credential ends; each is told once. */
export class Watchers {
  readonly #clock: Clock;
  readonly #watchers = new Set<Watcher>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many watch. */
  get size(): number {
    return this.#watchers.size;
  }

  /** The principals that are watched. */
  principals(): Principal[] {
    return Array.from(this.#watchers, ({ principal }) => principal);
  }

  /** Calls `onEnd` when the principal expires or is ended; answers what stops watching. */
  add(principal: Principal, onEnd: () => void): () => void {
    const watcher: Watcher = { principal, onEnd, timer: undefined };
    this.#watchers.add(watcher);
    this.#arm(watcher);
    return () => this.#remove(watcher);
  }

  /** Ends every watched principal of which `isOver` holds. */
  endWhere(isOver: (principal: Principal) => boolean): void {
    for (const watcher of this.#watchers) if (isOver(watcher.principal)) this.#end(watcher);
  }

  /** Forgets everyone; nobody is told. */
  clear(): void {
    for (const watcher of this.#watchers) this.#remove(watcher);
  }

  #arm(watcher: Watcher): void {
    const { expiresAtMs } = watcher.principal;
    if (expiresAtMs === null) return;
    const remainingMs = expiresAtMs - this.#clock.nowMs();
    const onTimer = (): void => (remainingMs > longestTimerMs ? this.#arm(watcher) : this.#end(watcher));
    watcher.timer = setTimeout(onTimer, Math.min(Math.max(remainingMs, 0), longestTimerMs)).unref();
  }

  #end(watcher: Watcher): void {
    this.#remove(watcher);
    watcher.onEnd();
  }

  #remove(watcher: Watcher): void {
    clearTimeout(watcher.timer);
    this.#watchers.delete(watcher);
  }
}

/** Whether a revocation ends a principal. */
export function isEndedBy(principal: Principal, { of, id }: Revocation): boolean {
  const ended = { user: principal.userId, session: principal.sessionId, apiKey: principal.apiKeyId, membership: null };
  return ended[of] === id;
}
