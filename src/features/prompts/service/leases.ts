import { appendEvents, type NewEvent } from '../../../platform/events/outbox.js';
import type { Tx } from '../../../platform/db/database.js';
import { type InterruptedPrompt, LeaseStore } from '../store/leases.js';
import { leaseSeconds, PromptWrites } from '../store/writes.js';
import { promptView } from '../view.js';
import { type PromptDeps, tenantOf } from './deps.js';
import type { Generations } from './generations.js';

/** A third of a lease: two renewals may fail before it ends. */
const intervalMs = (leaseSeconds / 3) * 1_000;

/** Prompts that one sweep ends: its transaction holds up those who write them. */
const sweptAtOnce = 100;

const interrupted = {
  kind: 'interrupted',
  message: 'The process that asked the model ended before the answer.',
  details: {},
};

/** Keeps the leases of this process's pending prompts, and ends prompts whose process fell silent. */
export class PromptLeases {
  readonly #deps: PromptDeps;
  readonly #generations: Generations;
  readonly #store: LeaseStore;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #isClosing = false;
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
    this.#isClosing = true;
    clearInterval(this.#timer);
    await this.#unheed?.();
    await this.#running;
  }

  /** Ends up to 100 prompts past their lease as `failed`, with the reason `interrupted`. Answers how many. */
  async sweep(): Promise<number> {
    const responseIds = Array.from({ length: sweptAtOnce }, () => this.#deps.ids.uuid());
    const count = await this.#deps.db.transaction(async (tx) => {
      const ended = await this.#store.expire(tx, { responseIds, error: interrupted });
      await appendEvents(tx, await this.#eventsOf(tx, ended));
      return ended.length;
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
        // A process that fell silent with thousands of prompts leaves more than one sweep takes.
        if (!this.#wasAway) while ((await this.sweep()) === sweptAtOnce && !this.#isClosing);
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

  /** What the feed is told of prompts that ended, those that nobody keeps out of it. */
  async #eventsOf(tx: Tx, ended: readonly InterruptedPrompt[]): Promise<NewEvent[]> {
    const events: NewEvent[] = [];
    const told = ended.filter(({ isPushed }) => isPushed);
    for (const projectId of new Set(told.map((prompt) => prompt.projectId))) {
      const ids = told.filter((prompt) => prompt.projectId === projectId).map(({ id }) => id);
      const rows = await new PromptWrites(tx, tenantOf(this.#deps.spaces.active(), projectId)).byIds(ids);
      for (const row of rows)
        events.push({ projectId, kind: 'prompt.failed', promptId: row.id, view: promptView(row) });
    }
    return events;
  }
}
