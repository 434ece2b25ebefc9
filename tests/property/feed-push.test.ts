import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FeedReader } from '../../src/features/feed/reader.js';
import type { EventBus } from '../../src/platform/events/bus.js';
import { type EventPosition, isAfter, type StoredEvent } from '../../src/platform/events/catalogue.js';
import type { EventLog } from '../../src/platform/events/log.js';

const projectId = 'p';
const eventAt = (id: number): StoredEvent => ({
  position: { xid: BigInt(id), id: 0n },
  projectId,
  kind: 'prompt.created',
  promptId: String(id),
  createdAtMs: 0,
  view: {},
  viewLength: 2,
});

/** An event log and its live end in memory: what the reader needs of both, in the order a step of the test says. */
class MemoryFeed {
  readonly stored: StoredEvent[] = [];
  #subscriber: (event: StoredEvent) => void = () => undefined;
  readonly bus = {
    subscribe: (_projectId: string, subscriber: (event: StoredEvent) => void) => {
      this.#subscriber = subscriber;
      return Promise.resolve(() => {
        this.#subscriber = () => undefined;
      });
    },
  } as unknown as EventBus;
  readonly events = {
    afterOf: (_projectId: string, position: EventPosition, limit: number) =>
      Promise.resolve(this.stored.filter((event) => isAfter(event.position, position)).slice(0, limit)),
  } as unknown as EventLog;

  write(): void {
    const event = eventAt(this.stored.length + 1);
    this.stored.push(event);
    this.#subscriber(event);
  }
}

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('write' as const), count: fc.integer({ min: 1, max: 90 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('use' as const), count: fc.integer({ min: 1, max: 20 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('room' as const), isThere: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('turn' as const) }) },
);

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('16: pushed or yielded, each event is heard once and in order, whatever has room and however slow the reader is', async () => {
  let pushed = 0;
  let yielded = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 40 }), async (steps) => {
      const feed = new MemoryFeed();
      const reader = new FeedReader({ ...feed, observer: { onOverflow: () => undefined } }, projectId);
      await reader.start();
      const stop = new AbortController();
      const heard: string[] = [];
      let hasRoom = true;
      const items = reader.read({ xid: 0n, id: 0n }, stop.signal, ({ promptId }) => {
        if (hasRoom) pushed += heard.push(promptId) > 0 ? 1 : 0;
        return hasRoom;
      });
      let allowed = 0;
      let allow = (): void => undefined;
      const using = (async () => {
        for await (const { promptId } of items) {
          heard.push(promptId);
          yielded += 1;
          allowed -= 1;
          if (allowed <= 0) await new Promise<void>((resolve) => (allow = resolve));
        }
      })();
      const use = (count: number): void => {
        allowed = count;
        allow();
      };
      for (const next of steps) {
        if (next.do === 'write') for (let index = 0; index < next.count; index += 1) feed.write();
        else if (next.do === 'use') use(next.count);
        else if (next.do === 'room') hasRoom = next.isThere;
        else await turn();
      }
      for (let tries = 0; heard.length < feed.stored.length && tries < 1_000; tries += 1) {
        use(1_000);
        await turn();
      }
      stop.abort();
      const before = heard.length;
      feed.write();
      use(1_000);
      await using;
      expect(heard).toEqual(feed.stored.slice(0, -1).map(({ promptId }) => promptId));
      expect(heard).toHaveLength(before);
    }),
    { numRuns: 300 },
  );
  // Both ways were gone.
  expect(pushed).toBeGreaterThan(100);
  expect(yielded).toBeGreaterThan(100);
});
