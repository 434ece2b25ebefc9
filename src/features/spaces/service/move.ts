import { Fault } from '../../../kernel/fault.js';
import { SpaceStore } from '../store.js';
import type { SpaceService } from './spaces.js';
import type { SpaceDeps } from './deps.js';

/** The wait before a move that failed is tried again. */
const retryMs = 5_000;

/**
 * Moves the service to the neural model by itself: the space is added, filled in the background, compared, activated.
 *
 * It ends for good once a person has activated or dropped a space: from then on spaces change by hand only.
 */
export class SelfMove {
  readonly #deps: SpaceDeps;
  readonly #spaces: SpaceService;
  #goal: string | null;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #isFull = false;

  constructor(deps: SpaceDeps, spaces: SpaceService, goal: string | null) {
    this.#deps = deps;
    this.#spaces = spaces;
    this.#goal = goal;
  }

  /** Adds the space if it is new; called once this process can make its vectors. */
  begin(): void {
    this.#do(async (name) => {
      if (this.#deps.spaces.stored().some((space) => space.name === name)) return this.#deps.wakeIndexer();
      await this.#spaces.addSpace(name, null);
    });
  }

  /** Told when a look through all prompts found a space full. */
  onFull(name: string): void {
    if (name !== this.#goal) return;
    this.#isFull = true;
    this.#do(async (goal) => {
      if (this.#deps.spaces.active().name !== goal)
        await this.#spaces.activateSpace(goal, { userId: null, projects: new Set<string>() });
      this.#goal = null;
    });
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#goal = null;
    await this.#running;
  }

  #do(step: (goal: string) => Promise<void>): void {
    this.#running = this.#running.then(async () => {
      const goal = this.#goal;
      if (goal === null) return;
      try {
        if (await new SpaceStore(this.#deps.db).isDecidedByHand()) {
          this.#goal = null;
          this.#deps.log.info({ space: goal }, 'not moved by itself: a person has decided on spaces');
          return;
        }
        await step(goal);
      } catch (cause) {
        // Another process was first, or prompts came meanwhile.
        const isExpected = cause instanceof Fault && ['conflict', 'precondition', 'overloaded'].includes(cause.kind);
        if (!isExpected)
          this.#deps.log.warn({ err: cause, space: goal }, 'the move to another space failed; trying again');
        this.#again();
      }
    });
  }

  #again(): void {
    clearTimeout(this.#timer);
    const goal = this.#goal;
    if (goal === null) return;
    this.#timer = setTimeout(() => (this.#isFull ? this.onFull(goal) : this.begin()), retryMs);
    this.#timer.unref();
  }
}
