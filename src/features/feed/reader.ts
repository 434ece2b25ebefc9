import { Fault } from '../../kernel/fault.js';
import type { Ending } from '../../kernel/ending.js';
import type { EventBus } from '../../platform/events/bus.js';
import { type EventPosition, isAfter, type StoredEvent } from '../../platform/events/catalogue.js';
import type { EventLog } from '../../platform/events/log.js';
import type { PromptView } from '../prompts/schema.js';

/** Live events kept for one reader while it is busy; past it the reader catches up from the database. */
const queueLimit = 64;
/** Events of a page from the database: few at first, then as many as the last ones' length lets fit, and no more. */
const replayPage = { first: 8, most: 50, length: 262_144 } as const;
/** The wait before a page is asked for again while the database is away. */
const replayRetryMs = 500;

/** What a reader reads from. */
export interface ReaderDeps {
  bus: EventBus;
  events: EventLog;
  observer: { onOverflow(): void };
}

/** Takes an event at once, or answers false to have it yielded. Must not throw. */
export type Take = (event: StoredEvent<PromptView>) => boolean;

const takeNone: Take = () => false;

/** Reads one project's events: from the database until nothing is left, then live, and back when it fell behind. */
export class FeedReader {
  readonly #deps: ReaderDeps;
  readonly #projectId: string;
  #live: StoredEvent[] = [];
  #isBehind = true;
  #last: EventPosition = { xid: 0n, id: 0n };
  #take = takeNone;
  #isEnded = false;
  /** Set while everything before is yielded and used: nobody asks for the next event earlier. */
  #wake: (() => void) | undefined;
  #pageSize: number = replayPage.first;
  #leave: (() => void) | undefined;

  constructor(deps: ReaderDeps, projectId: string) {
    this.#deps = deps;
    this.#projectId = projectId;
  }

  /** Listens first, so that nothing can fall between replay and live. */
  async start(): Promise<void> {
    this.#leave = await this.#deps.bus.subscribe(this.#projectId, (event) => this.#receive(event));
  }

  /** Listens no longer. */
  stop(): void {
    this.#leave?.();
    this.#live = [];
  }

  /** Ends `read`, though its reader is still there. */
  end(): void {
    this.#isEnded = true;
    this.#awaken();
  }

  /** Whether `end` was called. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /**
   * The events after `from`, in order, each once, until `signal` fires.
   *
   * Shape: a live event that finds the reader waiting is offered to `take` before; what that takes is not yielded.
   */
  async *read(from: EventPosition, signal: Ending, take = takeNone): AsyncGenerator<StoredEvent<PromptView>> {
    this.#last = from;
    this.#take = take;
    const wake = (): void => this.#awaken();
    const isOver = (): boolean => signal.aborted || this.#isEnded;
    signal.addEventListener('abort', wake);
    try {
      while (!isOver()) {
        const events = this.#isBehind ? await this.#replayOrWait(signal) : this.#taken();
        for (const event of events) {
          if (isOver()) return;
          if (!isAfter(event.position, this.#last)) continue;
          this.#last = event.position;
          yield event as StoredEvent<PromptView>;
        }
        if (!this.#isBehind && this.#live.length === 0 && !isOver()) await this.#rung();
      }
    } finally {
      signal.removeEventListener('abort', wake);
    }
  }

  /** A stream outlives a database that is away for a while: it goes on where it was. */
  async #replayOrWait(signal: Ending): Promise<StoredEvent[]> {
    try {
      return await this.#replay();
    } catch (cause) {
      if (!(cause instanceof Fault) || (cause.kind !== 'overloaded' && cause.kind !== 'timeout')) throw cause;
      this.#isBehind = true;
      await this.#rest(signal);
      return [];
    }
  }

  #rest(signal: Ending): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(end, replayRetryMs);
      function end(): void {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        resolve();
      }
      signal.addEventListener('abort', end);
      if (signal.aborted) end();
    });
  }

  /** The next page from the database; a page that is not full means that the rest comes live. */
  async #replay(): Promise<StoredEvent[]> {
    this.#live = [];
    this.#isBehind = false;
    const events = await this.#deps.events.afterOf(this.#projectId, this.#last, this.#pageSize);
    if (events.length === this.#pageSize) this.#isBehind = true;
    this.#pageSize = pageSizeAfter(events);
    return events;
  }

  #taken(): StoredEvent[] {
    const events = this.#live;
    this.#live = [];
    return events;
  }

  #receive(event: StoredEvent): void {
    if (this.#isBehind || this.#isTaken(event)) return;
    if (this.#live.length >= queueLimit) {
      this.#isBehind = true;
      this.#live = [];
      this.#deps.observer.onOverflow();
    } else {
      this.#live.push(event);
    }
    this.#awaken();
  }

  /** While the reader waits, nothing is on its way that this event could overtake. */
  #isTaken(event: StoredEvent): boolean {
    if (this.#wake === undefined || !isAfter(event.position, this.#last)) return false;
    if (!this.#take(event as StoredEvent<PromptView>)) return false;
    this.#last = event.position;
    return true;
  }

  #rung(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #awaken(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}

/** A page is held while its reader takes nothing: fifty prompts of a megabyte for each of fifty readers would be too much. */
function pageSizeAfter(events: readonly StoredEvent[]): number {
  if (events.length === 0) return replayPage.first;
  const length = events.reduce((sum, { viewLength }) => sum + viewLength, 0);
  const fitting = Math.floor((replayPage.length * events.length) / Math.max(1, length));
  return Math.min(replayPage.most, Math.max(1, fitting));
}
