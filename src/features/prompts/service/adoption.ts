import { LeaseStore } from '../store/leases.js';
import type { PromptDeps } from './deps.js';
import type { Generation, GenerationJob } from './generation.js';
import type { Generations } from './generations.js';

/**
 * Finds work for pending prompts of this process that nobody works at: their row was committed, but the connection broke
 * before saying so.
 */
export class PromptAdoption {
  readonly #processId: string;
  readonly #leases: LeaseStore;
  readonly #generations: Generations;
  /** The id of each prompt that is being stored right now, once for each call: its generation begins in a moment. */
  readonly #beginning = new Set<{ promptId: string }>();
  readonly #adopting = new Map<string, Promise<Generation | null>>();

  constructor({ db, processId }: Pick<PromptDeps, 'db' | 'processId'>, generations: Generations) {
    this.#processId = processId;
    this.#leases = new LeaseStore(db);
    this.#generations = generations;
  }

  /** Runs `work`, which stores a pending prompt and begins its generation; nobody adopts it meanwhile. */
  async beginning<T>(promptId: string, work: () => Promise<T>): Promise<T> {
    const begun = { promptId };
    this.#beginning.add(begun);
    try {
      return await work();
    } finally {
      this.#beginning.delete(begun);
    }
  }

  /**
   * The generation of a pending prompt, begun here if nobody works at it: one for all who ask.
   *
   * Shape: null when the prompt is another process's, begins by itself in a moment, or has ended. Cost: one statement.
   */
  async adopt(promptId: string, job: () => GenerationJob): Promise<Generation | null> {
    const running = this.#generations.get(promptId);
    if (running !== undefined) return running;
    const isBeginning = [...this.#beginning].some((begun) => begun.promptId === promptId);
    if (isBeginning) return null;
    const adopting =
      this.#adopting.get(promptId) ?? this.#adopt(promptId, job).finally(() => this.#adopting.delete(promptId));
    this.#adopting.set(promptId, adopting);
    return adopting;
  }

  async #adopt(promptId: string, job: () => GenerationJob): Promise<Generation | null> {
    const own = await this.#leases.renew(this.#processId, [promptId]);
    if (!own.has(promptId)) return null;
    // It may have been asked again meanwhile.
    return this.#generations.get(promptId) ?? this.#generations.begin(job());
  }
}
