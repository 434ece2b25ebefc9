import { Fault } from '../../../kernel/fault.js';
import type { PromptDeps } from './deps.js';
import { Generation, type GenerationJob } from './generation.js';

/** The generations of this process, by prompt. */
export class Generations {
  readonly #deps: PromptDeps;
  readonly #running = new Map<string, Generation>();
  #state: 'open' | 'draining' | 'drained' = 'open';

  constructor(deps: PromptDeps) {
    this.#deps = deps;
  }

  /** Those that run, by prompt. */
  get running(): ReadonlyMap<string, Generation> {
    return this.#running;
  }

  /** Faults: `overloaded` once the process is closing: another one, or this one started anew, takes the call. */
  requireOpen(): void {
    if (this.#state !== 'open')
      throw new Fault('overloaded', 'This process is closing; try again shortly.', { retryAfterMs: 1_000 });
  }

  /** The running generation of a prompt, if this process has it. */
  get(promptId: string): Generation | undefined {
    return this.#running.get(promptId);
  }

  /** Begins a job whose pending row is committed. */
  begin(job: GenerationJob): Generation {
    const generation = new Generation(this.#deps, job);
    this.#running.set(job.promptId, generation);
    const forget = (): void => {
      // The prompt may be asked again before this runs.
      if (this.#running.get(job.promptId) === generation) this.#running.delete(job.promptId);
    };
    generation.done.then(forget, forget);
    if (this.#state === 'drained') generation.cancel();
    return generation;
  }

  /** Waits for all that run, at most `deadlineMs`; then stops their models and waits for what they said to be stored. */
  async drain(deadlineMs: number): Promise<void> {
    this.#state = 'draining';
    // Their readers are moving to another process: that ends no model.
    for (const generation of this.#running.values()) generation.pin();
    const all = (): Promise<unknown> => Promise.allSettled([...this.#running.values()].map(({ done }) => done));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, deadlineMs);
    });
    await Promise.race([all(), late]);
    clearTimeout(timer);
    this.#state = 'drained';
    for (const generation of this.#running.values()) generation.cancel();
    await all();
  }
}
