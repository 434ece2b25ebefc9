import { Fault } from '../../kernel/fault.js';
import type { EventBus } from '../../platform/events/bus.js';
import { type EventPosition, isAfter, type StoredEvent } from '../../platform/events/catalogue.js';
import type { EventLog } from '../../platform/events/log.js';
import type { PromptView } from '../prompts/schema.js';

/** Live events kept for one reader while it is busy; past it the reader catches up from the database. */
const queueLimit = 64;
const replayPageSize = 50;
/** The wait before a page is asked for again while the database is away. */
const replayRetryMs = 500;

/** What a reader reads from. */
export interface ReaderDeps {
  bus: EventBus;
  events: EventLog;
  observer: { onOverflow(): void };
}

/** Reads one project's events: from the database until nothing is left, then live, and back when it fell behind. */
export class FeedReader {
  readonly #deps: ReaderDeps;
  readonly #projectId: string;
  #live: StoredEvent[] = [];
  #isBehind = true;
  #wake: () => void = () => undefined;
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

  /** The events after `from`, in order, each once, until `signal` fires. */
  async *read(from: EventPosition, signal: AbortSignal): AsyncGenerator<StoredEvent<PromptView>> {
    let last = from;
    const wake = (): void => this.#wake();
    signal.addEventListener('abort', wake);
    try {
      while (!signal.aborted) {
        const events = this.#isBehind ? await this.#replayOrWait(last, signal) : this.#take();
        for (const event of events) {
          if (signal.aborted) return;
          if (!isAfter(event.position, last)) continue;
          last = event.position;
          yield event as StoredEvent<PromptView>;
        }
        if (!this.#isBehind && this.#live.length === 0 && !signal.aborted) await this.#rung();
      }
    } finally {
      signal.removeEventListener('abort', wake);
    }
  }

  /** A stream outlives a database that is away for a while: it goes on where it was. */
  async #replayOrWait(last: EventPosition, signal: AbortSignal): Promise<StoredEvent[]> {
    try {
      return await this.#replay(last);
    } catch (cause) {
      if (!(cause instanceof Fault) || (cause.kind !== 'overloaded' && cause.kind !== 'timeout')) throw cause;
      this.#isBehind = true;
      await this.#rest(signal);
      return [];
    }
  }

  #rest(signal: AbortSignal): Promise<void> {
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
  async #replay(last: EventPosition): Promise<StoredEvent[]> {
    this.#live = [];
    this.#isBehind = false;
    const events = await this.#deps.events.afterOf(this.#projectId, last, replayPageSize);
    if (events.length === replayPageSize) this.#isBehind = true;
    return events;
  }

  #take(): StoredEvent[] {
    const events = this.#live;
    this.#live = [];
    return events;
  }

  #receive(event: StoredEvent): void {
    if (this.#isBehind) return;
    if (this.#live.length >= queueLimit) {
      this.#isBehind = true;
      this.#live = [];
      this.#deps.observer.onOverflow();
    } else {
      this.#live.push(event);
    }
    this.#wake();
  }

  #rung(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
