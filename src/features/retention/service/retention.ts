import type { ProjectAccess } from '../../../kernel/access.js';
import { invalidField, notFound } from '../../../kernel/fault.js';
import type { Clock } from '../../../kernel/clock.js';
import type { Ids } from '../../../kernel/ids.js';
import { appendAudit } from '../../../platform/audit.js';
import type { CursorCodec, Seal } from '../../../platform/cursor.js';
import type { Database, Tx } from '../../../platform/db/database.js';
import type {
  AppliedView,
  PreviewRetentionInput,
  PreviewView,
  RetentionDays,
  RetentionPreview,
  RetentionView,
  SetRetentionInput,
  SetView,
} from '../schema.js';
import { RetentionStore, RetentionWrites } from '../store.js';

/** What retention needs, and what it tells the metrics. */
export interface RetentionDeps {
  db: Database;
  clock: Clock;
  ids: Ids;
  cursors: CursorCodec;
  /** How long the installation keeps events. */
  eventRetentionMs: number;
  /** Each removes one batch in a transaction and answers how many went; 0 when none are left. */
  removal: {
    removePrompts(tx: Tx, of: { projectId: string; olderThanDays: number }): Promise<number>;
    removeResponses(tx: Tx, of: { projectId: string; olderThanDays: number }): Promise<number>;
  };
  observer: { onRemoved(kind: 'prompts' | 'responses' | 'events', rows: number): void };
}

/** How long a preview may be confirmed. */
const confirmMs = 3_600_000;
const hourMs = 3_600_000;

/** How long a project keeps its prompts, responses and events, and the removal of what is past that. */
export class RetentionService {
  readonly #deps: RetentionDeps;
  readonly #store: RetentionStore;

  constructor(deps: RetentionDeps) {
    this.#deps = deps;
    this.#store = new RetentionStore(deps.db);
  }

  /** The settings. */
  async get({ projectId }: ProjectAccess): Promise<RetentionView> {
    return { ...(await this.#days(projectId)), installationEventHours: this.#deps.eventRetentionMs / hourMs };
  }

  /** What the stored days, or the given ones in their place, would remove now. Nothing is changed. */
  async preview({ projectId }: ProjectAccess, input: PreviewRetentionInput): Promise<PreviewView> {
    const stored = await this.#days(projectId);
    const { promptDays = stored.promptDays, responseDays = stored.responseDays, eventDays = stored.eventDays } = input;
    const days = { promptDays, responseDays, eventDays };
    return { days, preview: await this.#preview(projectId, days) };
  }

  /**
   * Stores the days, at once when they remove nothing yet; else answers what would go, and the token that confirms it.
   *
   * Shape: the token is good for an hour, for these days of this project alone. Removing is the background's work, or
   * `apply`'s. Faults: `invalid` for events kept longer than the installation keeps any, and for a token of other days.
   */
  async set({ projectId, userId }: ProjectAccess, input: SetRetentionInput): Promise<SetView> {
    const { promptDays, responseDays, eventDays, confirm } = input;
    const days = { promptDays, responseDays, eventDays };
    this.#refuseLongEvents(eventDays);
    const preview = await this.#preview(projectId, days);
    const isHarmless = Object.values(preview).every(({ count }) => count === 0);
    const seal = sealOf(projectId, days);
    if (confirm === undefined && !isHarmless) {
      const token = this.#deps.cursors.seal(seal, String(this.#deps.clock.nowMs()));
      return { isStored: false, days, preview, confirm: token };
    }
    if (confirm !== undefined) this.#requireFresh(seal, confirm);
    await this.#deps.db.within(projectId).transaction(async (tx) => {
      await new RetentionWrites(tx, projectId).setDays(days);
      await appendAudit(tx, this.#deps.ids, { projectId, userId, action: 'retention.changed', details: days });
    });
    return { isStored: true, days, preview, confirm: null };
  }

  /** Removes everything past its days now. Cost: transactions of 200 rows, one after another in the whole installation. */
  async apply({ projectId, userId }: ProjectAccess): Promise<AppliedView> {
    const wait = async (writes: RetentionWrites): Promise<boolean> => {
      await writes.lock();
      return true;
    };
    const { applied } = await this.#apply(projectId, { userId, lock: wait, signal: new AbortController().signal });
    return applied;
  }

  /** Does that for every project that says days; leaves it to whoever is at it already. Answers how many rows went. */
  async applyAll(signal: AbortSignal): Promise<number> {
    const lock = (writes: RetentionWrites): Promise<boolean> => writes.tryLock();
    let rows = 0;
    for (const projectId of await this.#store.projectsWithDays()) {
      const { applied, isInterrupted } = await this.#apply(projectId, { userId: null, lock, signal });
      rows += applied.prompts + applied.responses + applied.events;
      if (isInterrupted) break;
    }
    return rows;
  }

  async #apply(projectId: string, run: Run): Promise<{ applied: AppliedView; isInterrupted: boolean }> {
    const { promptDays, responseDays, eventDays } = await this.#days(projectId);
    const { removal } = this.#deps;
    const applied: AppliedView = { prompts: 0, responses: 0, events: 0 };
    const steps: [keyof AppliedView, number | null, Step][] = [
      ['prompts', promptDays, (tx, olderThanDays) => removal.removePrompts(tx, { projectId, olderThanDays })],
      ['responses', responseDays, (tx, olderThanDays) => removal.removeResponses(tx, { projectId, olderThanDays })],
      ['events', eventDays, (tx, olderThanDays) => new RetentionWrites(tx, projectId).deleteEvents(olderThanDays)],
    ];
    let isInterrupted = false;
    try {
      for (const [kind, olderThanDays, step] of steps) {
        if (olderThanDays === null) continue;
        for (;;) {
          const removed = run.signal.aborted
            ? null
            : await this.#batch(projectId, run, (tx) => step(tx, olderThanDays));
          if (removed === null) isInterrupted = true;
          if (removed === null || removed === 0) break;
          applied[kind] += removed;
          this.#deps.observer.onRemoved(kind, removed);
        }
      }
    } finally {
      await this.#record(projectId, run.userId, applied);
    }
    return { applied, isInterrupted };
  }

  /** One batch under the lock; null when somebody else has it. */
  #batch(projectId: string, run: Run, step: (tx: Tx) => Promise<number>): Promise<number | null> {
    return this.#deps.db
      .within(projectId)
      .transaction(async (tx) => ((await run.lock(new RetentionWrites(tx, projectId))) ? step(tx) : null));
  }

  /** One entry a run: each batch is a transaction of its own, and hundreds of entries would hide the others. */
  async #record(projectId: string, userId: string | null, applied: AppliedView): Promise<void> {
    if (applied.prompts + applied.responses + applied.events === 0) return;
    await this.#deps.db
      .within(projectId)
      .transaction((tx) =>
        appendAudit(tx, this.#deps.ids, { projectId, userId, action: 'retention.applied', details: { ...applied } }),
      );
  }

  async #days(projectId: string): Promise<RetentionDays> {
    const days = await this.#store.days(projectId);
    if (days === null) throw notFound('project');
    return days;
  }

  async #preview(projectId: string, days: RetentionDays): Promise<RetentionPreview> {
    const preview: RetentionPreview = { prompts: none, responses: none, events: none };
    for (const { kind, count, oldest } of await this.#store.doomed(projectId, days))
      preview[kind] = { count, oldest: oldest?.toISOString() ?? null };
    return preview;
  }

  #refuseLongEvents(eventDays: number | null): void {
    const hours = this.#deps.eventRetentionMs / hourMs;
    if (eventDays !== null && eventDays * 24 > hours)
      throw invalidField('eventDays', `must not pass the ${hours} hours that this installation keeps events`);
  }

  #requireFresh(seal: Seal, confirm: string): void {
    const sealedAtMs = Number(this.#deps.cursors.open(seal, confirm));
    if (this.#deps.clock.nowMs() - sealedAtMs > confirmMs)
      throw invalidField('confirm', 'is more than an hour old: look at a new preview');
  }
}

type Step = (tx: Tx, olderThanDays: number) => Promise<number>;

interface Run {
  /** Null for the background's. */
  userId: string | null;
  lock: (writes: RetentionWrites) => Promise<boolean>;
  signal: AbortSignal;
}

const none = { count: 0, oldest: null };

const sealOf = (projectId: string, { promptDays, responseDays, eventDays }: RetentionDays): Seal => ({
  field: 'confirm',
  scope: `${projectId}:${promptDays}:${responseDays}:${eventDays}`,
});
