import type { ProjectAccess } from '../../kernel/access.js';
import type { Ending } from '../../kernel/ending.js';
import type { Clock } from '../../kernel/clock.js';
import { Fault } from '../../kernel/fault.js';
import type { CursorCodec } from '../../platform/cursor.js';
import type { Database } from '../../platform/db/database.js';
import type { EventBus } from '../../platform/events/bus.js';
import {
  type EventKind,
  type EventPosition,
  erasedChannel,
  type StoredEvent,
} from '../../platform/events/catalogue.js';
import type { EventLog } from '../../platform/events/log.js';
import type { PromptView } from '../prompts/schema.js';
import { matches, mayHaveMatched } from './matching.js';
import { FeedReader } from './reader.js';
import type { FeedEvent, FollowInput } from './schema.js';

/** What the feed needs, and what it tells the metrics. */
export interface FeedDeps {
  bus: EventBus;
  events: EventLog;
  cursors: CursorCodec;
  clock: Clock;
  /** How long events are kept at most; a project may say less. An older `lastEventId` cannot be resumed. */
  retentionMs: number;
  observer: { onSubscriptions(open: number): void; onDelivered(kind: EventKind): void; onOverflow(): void };
}

/** One item of the feed with the token that resumes after it. */
export interface FeedItem {
  id: string;
  data: FeedEvent;
}

/** How a reader takes what it follows. */
export interface Following {
  /** Fires when the reader leaves. */
  signal: Ending;
  /** Takes an item at once, when everything before it is taken; false when it must be waited for instead. */
  push: (item: FeedItem) => boolean;
}

/** The live feed of a project's prompts. `INVARIANTS.md` beside this file numbers what it promises. */
export class FeedService {
  readonly #deps: FeedDeps;
  readonly #readers = new Map<string, Set<FeedReader>>();
  readonly #items = new WeakMap<StoredEvent, FeedItem>();
  #open = 0;

  constructor(deps: FeedDeps) {
    this.#deps = deps;
  }

  /**
   * Every event after `input.lastEventId`, or from now on, in commit order, each once, until `signal` fires.
   *
   * Shape: first `ready`, whose id is the newest position; then the events that pass `kinds` and `filter`.
   * Cost: nothing while idle; memory for at most 64 events a reader, slower readers catch up from the database.
   * Faults: `invalid` for a `lastEventId` of another project; `precondition` for one older than events are kept, and
   * when the project is erased.
   */
  async *follow(access: ProjectAccess, input: FollowInput, { signal, push }: Following): AsyncGenerator<FeedItem> {
    const reader = new FeedReader(this.#deps, access.projectId);
    const resumed = typeof input.lastEventId === 'string' ? await this.#unseal(access, input.lastEventId) : null;
    this.#enter(access.projectId, reader);
    try {
      await reader.start();
      const last = resumed ?? (await this.#deps.events.head());
      yield { id: this.#seal(access.projectId, last, this.#deps.clock.nowMs()), data: { kind: 'ready' } };
      const take = (event: StoredEvent<PromptView>): boolean => this.#take(event, input, push);
      for await (const event of reader.read(last, signal, take)) {
        if (!isWanted(event, input)) continue;
        this.#delivered(event);
        yield this.#itemOf(event);
      }
      if (reader.isEnded) throw erased();
    } finally {
      reader.stop();
      this.#leave(access.projectId, reader);
    }
  }

  /** From now on every stream of a project that is erased, by whichever process, ends. Answers what stops that. */
  heedErasures(db: Pick<Database, 'listen'>): Promise<() => Promise<void>> {
    return db.listen(erasedChannel, (projectId) => {
      for (const reader of this.#readers.get(projectId) ?? []) reader.end();
    });
  }

  #enter(projectId: string, reader: FeedReader): void {
    const ofProject = this.#readers.get(projectId) ?? new Set();
    this.#readers.set(projectId, ofProject.add(reader));
    this.#count(1);
  }

  #leave(projectId: string, reader: FeedReader): void {
    const ofProject = this.#readers.get(projectId);
    ofProject?.delete(reader);
    if (ofProject?.size === 0) this.#readers.delete(projectId);
    this.#count(-1);
  }

  #count(by: number): void {
    this.#open += by;
    this.#deps.observer.onSubscriptions(this.#open);
  }

  /** What goes wrong with an event is left to its reader's own turn: here others wait. */
  #take(event: StoredEvent<PromptView>, input: FollowInput, push: Following['push']): boolean {
    try {
      return !isWanted(event, input) || (push(this.#itemOf(event)) && this.#delivered(event));
    } catch {
      return false;
    }
  }

  #delivered({ kind }: StoredEvent): true {
    this.#deps.observer.onDelivered(kind);
    return true;
  }

  /** One item for all readers of an event, with one seal: a live event is the same object to each. */
  #itemOf(event: StoredEvent<PromptView>): FeedItem {
    const known = this.#items.get(event);
    if (known !== undefined) return known;
    const item: FeedItem = {
      id: this.#seal(event.projectId, event.position, event.createdAtMs),
      data: { kind: event.kind, prompt: event.view },
    };
    this.#items.set(event, item);
    return item;
  }

  /** One event, one id, at every process: a client that moves between two drops by it what both have told. */
  #seal(projectId: string, position: EventPosition, atMs: number): string {
    const payload = `${position.xid}.${position.id}.${atMs}`;
    return this.#deps.cursors.seal({ field: 'lastEventId', scope: projectId }, payload);
  }

  async #unseal(access: ProjectAccess, token: string): Promise<EventPosition> {
    const [xid = '', id = '', sealedAtMs = ''] = this.#deps.cursors
      .open({ field: 'lastEventId', scope: access.projectId }, token)
      .split('.');
    const { days, keptFromMs } = await this.#deps.events.keeping(access.projectId);
    const keptMs = Math.min(this.#deps.retentionMs, days === null ? Infinity : days * dayMs);
    const isKept = this.#deps.clock.nowMs() - Number(sealedAtMs) <= keptMs && Number(sealedAtMs) >= keptFromMs;
    if (!isKept) throw expired();
    return { xid: BigInt(xid), id: BigInt(id) };
  }
}

const dayMs = 86_400_000;

const expired = (): Fault =>
  new Fault('precondition', 'lastEventId is older than events are kept: list the prompts, then follow anew.', {
    state: 'expired',
  });

const erased = (): Fault => new Fault('precondition', 'The project was erased.', { state: 'erased' });

const isWanted = ({ kind, view }: StoredEvent<PromptView>, { kinds, filter }: FollowInput): boolean =>
  (kinds === undefined || kinds.includes(kind)) &&
  (kind === 'prompt.deleted' ? mayHaveMatched(view, filter) : matches(view, filter));
