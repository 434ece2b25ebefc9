import type { Clock } from '../../kernel/clock.js';

/** Failures in a row, and within how long, after which a model is left alone. Source: F09 of the plan of faults. */
const failuresToOpen = 5;
const windowMs = 10_000;

/** How long it is left alone, and how far apart the calls are that try whether it answers again. */
const openMs = 10_000;

/** Models known at once: callers name them, so their number must have a bound. */
const maxModels = 1_000;

interface ModelState {
  /** When it failed, oldest first; nothing older than the window. */
  failuresMs: number[];
  /** Set while it is left alone: when the next call may try it. */
  nextTryMs?: number;
}

/**
 * Spares a provider that is down, and those who would wait for it, the calls that would fail.
 *
 * Shape: by model, since behind a gateway one can be down and another well, and since whoever names a broken one must
 * not close the others. Five failures within 10 s with no answer between them open it; then one call each 10 s goes
 * through, and the first that is answered closes it.
 * Cost: nothing for a model that answers.
 */
export class Circuit {
  readonly #clock: Clock;
  readonly #models = new Map<string, ModelState>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Undefined when the model may be asked now, and by this call; else milliseconds until one may try. */
  refusalMs(model: string): number | undefined {
    const state = this.#models.get(model);
    if (state?.nextTryMs === undefined) return undefined;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs < state.nextTryMs) return Math.ceil(state.nextTryMs - nowMs);
    state.nextTryMs = nowMs + openMs;
    return undefined;
  }

  /** The model's provider gave a sign of life, be it a refusal. */
  answered(model: string): void {
    this.#models.delete(model);
  }

  /** A call ended without any. */
  failed(model: string): void {
    const nowMs = this.#clock.monotonicMs();
    const state = this.#models.get(model) ?? { failuresMs: [] };
    state.failuresMs = [...state.failuresMs.filter((atMs) => nowMs - atMs < windowMs), nowMs].slice(-failuresToOpen);
    if (state.nextTryMs !== undefined || state.failuresMs.length === failuresToOpen) state.nextTryMs = nowMs + openMs;
    // Last again: what failed longest ago is forgotten first.
    this.#models.delete(model);
    this.#models.set(model, state);
    const [oldest] = this.#models.keys();
    if (this.#models.size > maxModels && oldest !== undefined) this.#models.delete(oldest);
  }
}
