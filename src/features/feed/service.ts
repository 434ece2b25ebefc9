import type { ProjectAccess } from '../../kernel/access.js';
import type { Clock } from '../../kernel/clock.js';
import { Fault } from '../../kernel/fault.js';
import type { CursorCodec } from '../../platform/cursor.js';
import type { EventBus } from '../../platform/events/bus.js';
import type { EventKind, EventPosition, StoredEvent } from '../../platform/events/catalogue.js';
import type { EventLog } from '../../platform/events/log.js';
import type { PromptView } from '../prompts/schema.js';
import { matches } from './matching.js';
import { FeedReader } from './reader.js';
import type { FeedEvent, FollowInput } from './schema.js';

/** What the feed needs, and what it tells the metrics. */
export interface FeedDeps {
  bus: EventBus;
  events: EventLog;
  cursors: CursorCodec;
  clock: Clock;
  /** How long events are kept; an older `lastEventId` cannot be resumed. */
  retentionMs: number;
  observer: { onSubscriptions(open: number): void; onDelivered(kind: EventKind): void; onOverflow(): void };
}

/** One item of the feed with the token that resumes after it. */
export interface FeedItem {
  id: string;
  event: FeedEvent;
}

/** The live feed of a project's prompts. `INVARIANTS.md` beside this file numbers what it promises. */
export class FeedService {
  readonly #deps: FeedDeps;
  #open = 0;

  constructor(deps: FeedDeps) {
    this.#deps = deps;
  }

  /**
   * Every event after `input.lastEventId`, or from now on, in commit order, each once, until `signal` fires.
   *
   * Shape: first `ready`, whose id is the newest position; then the events that pass `kinds` and `filter`.
   * Cost: nothing while idle; memory for at most 64 events a reader, slower readers catch up from the database.
   * Faults: `invalid` for a `lastEventId` of another project; `precondition` for one older than events are kept.
   */
  async *follow(access: ProjectAccess, input: FollowInput, signal: AbortSignal): AsyncGenerator<FeedItem> {
    const reader = new FeedReader(this.#deps, access.projectId);
    const resumed = input.lastEventId == null ? null : this.#unseal(access, input.lastEventId);
    this.#count(1);
    try {
      await reader.start();
      let last = resumed ?? (await this.#deps.events.head());
      yield { id: this.#seal(access, last), event: { kind: 'ready' } };
      for await (const event of reader.read(last, signal)) {
        last = event.position;
        if (!isWanted(event, input)) continue;
        this.#deps.observer.onDelivered(event.kind);
        yield { id: this.#seal(access, last), event: { kind: event.kind, prompt: event.view } };
      }
    } finally {
      reader.stop();
      this.#count(-1);
    }
  }

  #count(by: number): void {
    this.#open += by;
    this.#deps.observer.onSubscriptions(this.#open);
  }

  #seal(access: ProjectAccess, position: EventPosition): string {
    const payload = `${position.xid}.${position.id}.${this.#deps.clock.nowMs()}`;
    return this.#deps.cursors.seal({ field: 'lastEventId', scope: access.projectId }, payload);
  }

  #unseal(access: ProjectAccess, token: string): EventPosition {
    const [xid = '', id = '', sealedAtMs = ''] = this.#deps.cursors
      .open({ field: 'lastEventId', scope: access.projectId }, token)
      .split('.');
    if (this.#deps.clock.nowMs() - Number(sealedAtMs) > this.#deps.retentionMs)
      throw new Fault(
        'precondition',
        'lastEventId is older than events are kept: list the prompts, then follow anew.',
        {
          state: 'expired',
        },
      );
    return { xid: BigInt(xid), id: BigInt(id) };
  }
}

const isWanted = (event: StoredEvent<PromptView>, input: FollowInput): boolean =>
  (input.kinds === undefined || input.kinds.includes(event.kind)) && matches(event.view, input.filter);
