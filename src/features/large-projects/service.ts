import type { Clock } from '../../kernel/clock.js';
import { Rounds } from '../../kernel/rounds.js';
import type { Database } from '../../platform/db/database.js';
import type { Spaces } from '../../platform/embedding/spaces.js';
import type { Log } from '../../platform/log.js';
import { AnnBeliefs } from './service/beliefs.js';
import { type AnnObserver, keepIndexes } from './service/keeping.js';
import { AnnStore } from './store.js';

/** How often the indexes are tended although no search asked for it. */
const roundIntervalMs = 60_000;

/** What the keeper is made of. */
export interface LargeProjectsDeps {
  db: Database;
  spaces: Pick<Spaces, 'active'>;
  clock: Clock;
  log: Log;
  observer: AnnObserver;
  /** A project with as many vectors in the space that serves gets an index of its own. */
  minVectors: number;
  /** How long nothing must have been written before the embedded engine, which stands still meanwhile, may build. */
  quietMs: number;
}

/**
 * Keeps an approximate index for each project that has grown large, and knows which there are.
 *
 * Any number of processes may run it: they take turns by an advisory lock. Shape: `find` is only a belief, which may be
 * a moment old; the statement that searches looks whether the index is there.
 */
export class LargeProjects {
  readonly #deps: LargeProjectsDeps;
  readonly #beliefs: AnnBeliefs;
  readonly #rounds: Rounds;
  /** Projects that a search compared so many vectors of, by space. */
  readonly #noticed = new Map<string, number>();
  #afterId: string | undefined;
  #quiet: { mark: string; sinceMs: number } | undefined;

  constructor(deps: LargeProjectsDeps) {
    this.#deps = deps;
    this.#beliefs = new AnnBeliefs(deps);
    this.#rounds = new Rounds({
      run: () => this.#tend(),
      onFailed: (cause) => {
        deps.log.warn({ err: cause }, 'tending the indexes of large projects failed; trying again');
        return roundIntervalMs;
      },
    });
  }

  /** Learns which indexes there are, and begins to tend them. */
  async start(): Promise<void> {
    await this.#beliefs.start();
    this.wake();
  }

  /** How many vectors a project's own index has, as last counted; undefined when it has none. */
  find(projectId: string, spaceId: number): number | undefined {
    return this.#beliefs.find(projectId, spaceId);
  }

  /** How many indexes are in each state. */
  states(): { building: number; ready: number; failed: number } {
    return this.#beliefs.states();
  }

  /** Hears of a search that compared `vectors` one by one: a project that is asked and large is tended at once. */
  onCompared(projectId: string, spaceId: number, vectors: number): void {
    if (vectors < this.#deps.minVectors || this.#noticed.get(projectId) === spaceId) return;
    if (this.#beliefs.isKnown(projectId, spaceId)) return;
    this.#noticed.set(projectId, spaceId);
    this.wake();
  }

  /** Tends the indexes now, and again once the present round is over. */
  wake(): void {
    this.#rounds.wake();
  }

  /** Stops; a build that is on is cancelled (server) or waited for (embedded). */
  async close(): Promise<void> {
    const ended = this.#rounds.close();
    await this.#beliefs.close();
    await ended;
  }

  /** One round, if no other process is at it. Answers when the next is due. */
  #tend(): Promise<number> {
    const { db, minVectors, spaces, log, clock, observer } = this.#deps;
    return db.alone(this.#rounds.signal, async (connection) => {
      const store = new AnnStore(connection, db.engine);
      if (!(await store.tryLock())) return roundIntervalMs;
      try {
        const mayBuild = db.engine === 'server' || (await this.#isQuiet(store));
        const spaceId = spaces.active().id;
        const noticed = [...this.#noticed].flatMap(([projectId, of]) => (of === spaceId ? [projectId] : []));
        const keeping = { store, log, clock, observer, minVectors, spaceId, mayBuild, signal: this.#rounds.signal };
        const { nextAfterId, isWaiting } = await keepIndexes(keeping, { noticed, afterId: this.#afterId });
        this.#afterId = nextAfterId;
        if (!isWaiting) this.#noticed.clear();
        return isWaiting ? Math.min(this.#deps.quietMs, roundIntervalMs) : roundIntervalMs;
      } finally {
        await store.unlock();
      }
    });
  }

  async #isQuiet(store: AnnStore): Promise<boolean> {
    const mark = await store.writeMark();
    const nowMs = this.#deps.clock.monotonicMs();
    if (this.#quiet?.mark !== mark) this.#quiet = { mark, sinceMs: nowMs };
    return nowMs - this.#quiet.sinceMs >= this.#deps.quietMs;
  }
}
