import type { Config } from '../../config.js';
import type { Clock } from '../../kernel/clock.js';
import { Fault } from '../../kernel/fault.js';
import { lexicalSpace, neuralSpace } from './choose.js';
import type {
  Embedder,
  EmbedderState,
  EmbeddingLane,
  EmbeddingObserver,
  EmbeddingSpace,
  ForgottenTexts,
} from './embedder.js';
import { createEndpoint } from './endpoint.js';
import { endpointSpace } from './endpoint-call.js';
import { modelFolder } from './model-files.js';
import { createEmbedder } from './pool.js';

/** What the embedders of a process are made of. */
export interface EmbeddersDeps {
  config: Config['embedding'];
  clock: Clock;
  observer: EmbeddingObserver;
  /** See `EmbedderDeps.threadUrl`. */
  threadUrl?: URL;
  /** Takes the place of all others: what a test serves with. */
  fixed?: Embedder;
}

/** The embedders that this process can make, by their space; each is made, with its threads, when it is first asked for. */
export class Embedders {
  readonly #deps: EmbeddersDeps;
  readonly #made = new Map<string, Embedder>();
  readonly #makers = new Map<string, { space: EmbeddingSpace; make: () => Embedder }>();
  #isClosed = false;

  constructor(deps: EmbeddersDeps) {
    this.#deps = deps;
    const { fixed } = deps;
    if (fixed !== undefined) {
      this.#makers.set(fixed.space.name, { space: fixed.space, make: () => fixed });
      return;
    }
    this.#add(lexicalSpace, () => this.#threads('lexical', null));
    const { endpoint, isOffline, queueLimit } = deps.config;
    const { clock, observer } = deps;
    if (endpoint !== undefined && !isOffline)
      this.#add(endpointSpace(endpoint), () => createEndpoint({ endpoint, queueLimit, clock, observer }));
  }

  /** The neural model's files are complete from now on. */
  addNeural(): void {
    const path = modelFolder(this.#deps.config.modelDir);
    if (this.#deps.fixed === undefined) this.#add(neuralSpace, () => this.#threads('neural', path));
  }

  /** The spaces whose vectors can be made. */
  spaces(): EmbeddingSpace[] {
    return [...this.#makers.values()].map(({ space }) => space);
  }

  /** Whether vectors of a space can be made here; dimensions of another length make it another space. */
  has({ name, dimensions }: EmbeddingSpace): boolean {
    return this.#makers.get(name)?.space.dimensions === dimensions;
  }

  /** What makes a space's vectors; one that always refuses where this process cannot make them. */
  get(space: EmbeddingSpace): Embedder {
    const made = this.#made.get(space.name);
    if (made !== undefined) return made;
    const maker = this.#makers.get(space.name);
    if (maker === undefined || !this.has(space) || this.#isClosed) return absent(space);
    const embedder = maker.make();
    this.#made.set(space.name, embedder);
    return embedder;
  }

  /** Stops the embedder of a space that is no more; it is made anew if asked for. */
  async release(name: string): Promise<void> {
    const embedder = this.#made.get(name);
    this.#made.delete(name);
    await embedder?.close();
  }

  /** Keeps no vector of these texts any more, in any space. */
  forget(what?: ForgottenTexts): void {
    for (const embedder of this.#made.values()) embedder.forget(what);
  }

  /** Texts that wait, of all embedders. */
  waiting(): Record<EmbeddingLane, number> {
    const states = [...this.#made.values()].map((embedder) => embedder.state().waiting);
    const sum = (lane: EmbeddingLane): number => states.reduce((total, waiting) => total + waiting[lane], 0);
    return { interactive: sum('interactive'), background: sum('background') };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#made.values()].map((embedder) => embedder.close()));
  }

  #add(space: EmbeddingSpace, make: () => Embedder): void {
    this.#makers.set(space.name, { space, make });
  }

  #threads(kind: 'neural' | 'lexical', path: string | null): Embedder {
    const { config, clock, observer, threadUrl } = this.#deps;
    const space = kind === 'neural' ? neuralSpace : lexicalSpace;
    const { threads, queueLimit } = config;
    const thread = threadUrl === undefined ? {} : { threadUrl };
    return createEmbedder({ model: { kind, space, path }, threads, queueLimit, clock, observer, ...thread });
  }
}

/** How soon a process without the space's model may be asked again: fetching takes seconds to minutes. */
const absentRetryMs = 10_000;

function absent(space: EmbeddingSpace): Embedder {
  const state: EmbedderState = { space, isReady: false, waiting: { interactive: 0, background: 0 } };
  return {
    space,
    embed: () =>
      Promise.reject(
        new Fault('overloaded', `This process cannot make vectors of the space ${space.name} now.`, {
          reason: 'noModel',
          retryAfterMs: absentRetryMs,
        }),
      ),
    state: () => state,
    forget: () => undefined,
    close: () => Promise.resolve(),
  };
}
