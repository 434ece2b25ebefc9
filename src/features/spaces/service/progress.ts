import { Pace } from '../pace.js';
import type { SpacesView } from '../schema.js';
import { SpaceStore } from '../store.js';
import { spaceView } from '../view.js';
import type { SpaceDeps } from './deps.js';

/** How old the counts may be that monitoring is told: counting reads an index of all vectors. */
const glanceMs = 30_000;

/** What is counted: the prompts that are to have a vector, and the vectors by space. */
interface Counts {
  atMs: number;
  total: number;
  filled: Map<number, number>;
}

/** How full every space is, and how fast it fills. */
export class SpaceProgress {
  readonly #deps: SpaceDeps;
  readonly #store: SpaceStore;
  readonly #paces = new Map<number, Pace>();
  #counts: Counts | undefined;
  #counting: Promise<Counts> | undefined;

  constructor(deps: SpaceDeps) {
    this.#deps = deps;
    this.#store = new SpaceStore(deps.db);
  }

  /** Every space with its counts, taken now. Callers at the same time share them. */
  async view(): Promise<SpacesView> {
    const { total, filled } = await this.#count();
    const { spaces, makeable, fetchState } = this.#deps;
    const stored = spaces.stored();
    return {
      spaces: stored.map((space) =>
        spaceView({
          ...space,
          isServable: spaces.canServe(space),
          filled: filled.get(space.id) ?? 0,
          total,
          perSecond: this.#paces.get(space.id)?.perSecond ?? null,
        }),
      ),
      addable: makeable()
        .filter(({ name }) => !stored.some((space) => space.name === name))
        .map(({ name, dimensions }) => ({ name, dimensions })),
      fetch: fetchState(),
    };
  }

  /** Prompts missing by space name, as last counted; counts anew behind the caller's back when that was long ago. */
  missing(): { space: string; prompts: number }[] {
    const counts = this.#counts;
    const isOld = counts === undefined || this.#deps.clock.monotonicMs() - counts.atMs > glanceMs;
    if (isOld) this.#count().catch(() => undefined);
    if (counts === undefined) return [];
    return this.#deps.spaces
      .stored()
      .filter(({ isDropped }) => !isDropped)
      .map(({ id, name }) => ({ space: name, prompts: Math.max(0, counts.total - (counts.filled.get(id) ?? 0)) }));
  }

  #count(): Promise<Counts> {
    this.#counting ??= this.#read().finally(() => {
      this.#counting = undefined;
    });
    return this.#counting;
  }

  async #read(): Promise<Counts> {
    const filled = await this.#store.countVectors();
    const total = await this.#store.countWanted();
    const counts = { atMs: this.#deps.clock.monotonicMs(), total, filled };
    for (const { id } of this.#deps.spaces.stored()) {
      const pace = this.#paces.get(id) ?? new Pace();
      pace.mark({ atMs: counts.atMs, filled: filled.get(id) ?? 0 });
      this.#paces.set(id, pace);
    }
    this.#counts = counts;
    return counts;
  }
}
