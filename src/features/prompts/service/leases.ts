import { appendEvents } from '../../../platform/events/outbox.js';
import type { Tx } from '../../../platform/db/database.js';
import { type InterruptedPrompt, LeaseStore } from '../store/leases.js';
import { leaseSeconds, PromptWrites } from '../store/writes.js';
import { promptView } from '../view.js';
import { type PromptDeps, tenantOf } from './deps.js';
import type { Generations } from './generations.js';

/** A third of a lease: two renewals may fail before it ends. */
const intervalMs = (leaseSeconds / 3) * 1_000;

/** Keeps the leases of this process's pending prompts, and ends prompts whose process fell silent. */
export class PromptLeases {
  readonly #deps: PromptDeps;
  readonly #generations: Generations;
  readonly #store: LeaseStore;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #unheed: (() => Promise<void>) | undefined;
  /** The database did not answer the last time: leases ended meanwhile, and their owners are there to renew them. */
  #wasAway = false;

  constructor(deps: PromptDeps, generations: Generations) {
    this.#deps = deps;
    this.#generations = generations;
    this.#store = new LeaseStore(deps.db);
  }

  /** Hears who waits at other processes; sweeps once, then every ten seconds. */
  async start(): Promise<void> {
    this.#unheed = await this.#store.heed((promptId) => this.#generations.get(promptId)?.hold());
    this.#timer = setInterval(() => this.#tick(), intervalMs);
    this.#timer.unref();
    this.#tick();
  }

  /** Stops, after what runs. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#unheed?.();
    await this.#running;
  }

  /** Ends every prompt past its lease as `failed`, with the reason `interrupted`. Answers how many. */
  async sweep(): Promise<number> {
    const count = await this.#deps.db.transaction(async (tx) => {
      const interrupted = await this.#store.expire(tx);
      for (const prompt of interrupted) await this.#end(tx, prompt);
      return interrupted.length;
    });
    if (count > 0) {
      this.#deps.observer.onInterrupted(count);
      this.#deps.onUnindexed();
    }
    return count;
  }

  #tick(): void {
    this.#running = this.#running.then(async () => {
      try {
        await this.#renew();
        if (!this.#wasAway) await this.sweep();
        this.#wasAway = false;
      } catch (cause) {
        this.#wasAway = true;
        this.#deps.log.warn({ err: cause }, 'leases were not looked after; trying again');
      }
    });
  }

  /** Nobody can be given the answer to a prompt that is gone: its model is stopped. */
  async #renew(): Promise<void> {
    const running = [...this.#generations.running];
    if (running.length === 0) return;
    const own = await this.#store.renew(
      this.#deps.processId,
      running.map(([promptId]) => promptId),
    );
    for (const [promptId, generation] of running) if (!own.has(promptId)) generation.cancel();
  }

  async #end(tx: Tx, prompt: InterruptedPrompt): Promise<void> {
    const writes = new PromptWrites(tx, tenantOf(this.#deps.spaces.active(), prompt.projectId));
    await writes.insertResponse({
      ...noFigures,
      id: this.#deps.ids.uuid(),
      promptId: prompt.id,
      model: prompt.model ?? 'unknown',
      error: { kind: 'interrupted', message: 'The process that asked the model ended before the answer.', details: {} },
    });
    const row = await writes.get(prompt.id);
    if (row === null || !prompt.isPushed) return;
    const event = {
      projectId: prompt.projectId,
      kind: 'prompt.failed' as const,
      promptId: prompt.id,
      view: promptView(row),
    };
    await appendEvents(tx, [event]);
  }
}

/** Nothing is known of a call whose process is gone. */
const noFigures = {
  text: '',
  provider: 'unknown',
  finishReason: null,
  inputTokens: null,
  outputTokens: null,
  totalTokens: null,
  cachedInputTokens: null,
  isEstimated: false,
  costUsd: null,
  latencyMs: 0,
  timeToFirstTokenMs: null,
};
