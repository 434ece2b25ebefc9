import type { Database } from '../db/database.js';
import type { Log } from '../log.js';
import { type EventPosition, eventChannel, type StoredEvent } from './catalogue.js';
import type { EventLog, EventPage } from './log.js';

/** How often events are looked for although nothing rang: covers a bell that was lost. */
const safetyIntervalMs = 5_000;
/** The wait before events behind a running transaction are looked for again; doubled up to a quarter of a second. */
const gateRetryMs = 10;
const gateRetryMaxMs = 250;
/** A view is at most about a megabyte, so that a page is bounded by fifty. */
const pageSize = 50;

/** Receives each event of one project, in order, once each. Must not throw and must return at once. */
export type Subscriber = (event: StoredEvent) => void;

/**
 * The live end of the event log, read once per process and handed to every subscriber of the project.
 *
 * Nothing is read while nobody subscribes. A subscriber gets every event that was not readable before it subscribed;
 * it may get some that it has already replayed, and drops those by position.
 */
export class EventBus {
  readonly #deps: { db: Database; log: Log; events: EventLog };
  readonly #subscribers = new Map<string, Set<Subscriber>>();
  #position: EventPosition | undefined;
  #starting: Promise<void> = Promise.resolve();
  #reading: Promise<void> | undefined;
  #page: Promise<EventPage> | undefined;
  #isAgain = false;
  #timer: NodeJS.Timeout | undefined;
  #gateDelayMs = gateRetryMs;
  #unlisten: (() => Promise<void>) | undefined;
  #isClosed = false;

  constructor(deps: { db: Database; log: Log; events: EventLog }) {
    this.#deps = deps;
  }

  /** Begins to hear the bell. */
  async start(): Promise<void> {
    this.#unlisten = await this.#deps.db.listen(eventChannel, () => this.wake());
  }

  /** Hands the project's further events to `subscriber`; resolves with what stops that, once none can be missed. */
  async subscribe(projectId: string, subscriber: Subscriber): Promise<() => void> {
    const isFirst = this.#subscribers.size === 0;
    const ofProject = this.#subscribers.get(projectId) ?? new Set();
    this.#subscribers.set(projectId, ofProject.add(subscriber));
    const leave = (): void => {
      ofProject.delete(subscriber);
      if (ofProject.size === 0 && this.#subscribers.get(projectId) === ofProject) this.#subscribers.delete(projectId);
    };
    // One start after another: a late one would move the position past what the next has promised.
    if (isFirst) this.#starting = this.#starting.catch(() => undefined).then(() => this.#startReading());
    try {
      await this.#starting;
      // The page on its way was asked for without this project, and moves the position past its events.
      await this.#page?.catch(() => undefined);
    } catch (cause) {
      leave();
      throw cause;
    }
    return leave;
  }

  /** Looks for events now. */
  wake(): void {
    if (this.#isClosed || this.#subscribers.size === 0 || this.#position === undefined) return;
    if (this.#reading !== undefined) {
      this.#isAgain = true;
      return;
    }
    clearTimeout(this.#timer);
    this.#reading = this.#read()
      .catch((cause: unknown) => {
        this.#deps.log.warn({ err: cause }, 'events could not be read; trying again');
        this.#again(1_000);
      })
      .finally(() => {
        this.#reading = undefined;
        if (this.#isAgain) this.wake();
      });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#unlisten?.();
    await this.#reading;
  }

  /** After a time without subscribers the position is old: reading begins at the present head again. */
  async #startReading(): Promise<void> {
    this.#position = undefined;
    await this.#reading;
    this.#position = await this.#deps.events.head();
    this.wake();
  }

  async #read(): Promise<void> {
    let isGated: boolean | null = null;
    for (let isMore = true; isMore && !this.#isClosed; ) {
      this.#isAgain = false;
      const position = this.#position;
      if (position === undefined) return;
      this.#page = this.#deps.events.page(position, [...this.#subscribers.keys()], pageSize);
      const page = await this.#page;
      const { events } = page;
      isGated = page.isGated;
      this.#deliver(events);
      isMore = events.length === pageSize || this.#isAgain;
      if (events.length > 0) this.#gateDelayMs = gateRetryMs;
    }
    isGated ??= await this.#deps.events.hasGated();
    this.#again(isGated ? this.#gateDelayMs : safetyIntervalMs);
    this.#gateDelayMs = isGated ? Math.min(gateRetryMaxMs, this.#gateDelayMs * 2) : gateRetryMs;
  }

  #deliver(events: readonly StoredEvent[]): void {
    for (const event of events) {
      this.#position = event.position;
      for (const subscriber of this.#subscribers.get(event.projectId) ?? []) subscriber(event);
    }
  }

  #again(afterMs: number): void {
    clearTimeout(this.#timer);
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => this.wake(), afterMs);
    this.#timer.unref();
  }
}
