import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FeedReader } from '../../src/features/feed/reader.js';
import { systemClock } from '../../src/kernel/clock.js';
import { systemIds } from '../../src/kernel/ids.js';
import { EventBus } from '../../src/platform/events/bus.js';
import { type EventPosition, isAfter, type StoredEvent } from '../../src/platform/events/catalogue.js';
import { EventLog } from '../../src/platform/events/log.js';
import { appendEvents } from '../../src/platform/events/outbox.js';
import { createTestDatabase, engineUnderTest, type TestDatabase } from '../support/database.js';
import { until } from '../support/wait.js';

const ids = systemIds(() => systemClock.nowMs());
const writerCount = 4;
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
let database: TestDatabase;
let bus: EventBus;
let events: EventLog;
const writers: pg.Client[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  events = new EventLog(database.db);
  bus = new EventBus({ db: database.db, log: silent, events });
  await bus.start();
  if (engineUnderTest === 'embedded') return;
  for (let index = 0; index < writerCount; index += 1) {
    const client = new pg.Client({ connectionString: database.config.url });
    await client.connect();
    writers.push(client);
  }
});
afterAll(async () => {
  await bus.close();
  for (const writer of writers) await writer.end();
  await database[Symbol.asyncDispose]();
});

type Step = { do: 'write' | 'commit' | 'rollback'; writer: number; ofOther: boolean } | { do: 'cut' };
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom('write' as const, 'write' as const, 'commit' as const, 'rollback' as const),
      writer: fc.nat(writerCount - 1),
      ofOther: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'cut' as const }) },
);

/** A reader that reconnects from where it was, as a client with `lastEventId` does. */
class Resuming {
  readonly heard: StoredEvent[] = [];
  readonly #projectId: string;
  #last: EventPosition;
  #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(projectId: string, from: EventPosition) {
    this.#projectId = projectId;
    this.#last = from;
  }

  async connect(): Promise<void> {
    const reader = new FeedReader({ bus, events, observer: { onOverflow: () => undefined } }, this.#projectId);
    const { signal } = this.#stopping;
    await reader.start();
    this.#running = (async () => {
      for await (const event of reader.read(this.#last, signal)) {
        this.heard.push(event);
        this.#last = event.position;
      }
      reader.stop();
    })();
  }

  async disconnect(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    this.#stopping = new AbortController();
  }
}

/** Writers whose transactions overlap; `count` is how many events each has written and not committed. */
class OverlappingWriters {
  readonly committed: string[] = [];
  readonly #open = new Map<number, string[]>();
  readonly #projects: { own: string; other: string };

  constructor(projects: { own: string; other: string }) {
    this.#projects = projects;
  }

  async take(next: Extract<Step, { writer: number }>): Promise<void> {
    const client = writers[next.writer];
    if (client === undefined) return this.#writeAtOnce(next.ofOther);
    const open = this.#open.get(next.writer);
    if (next.do === 'write') {
      if (open === undefined) await client.query('BEGIN');
      const promptId = ids.uuid();
      const projectId = next.ofOther ? this.#projects.other : this.#projects.own;
      await client.query(
        `INSERT INTO event (project_id, kind, prompt_id, view) VALUES ($1, 'prompt.created', $2, '{}')`,
        [projectId, promptId],
      );
      await client.query(`SELECT pg_notify('promptwell_event', '')`);
      this.#open.set(next.writer, [...(open ?? []), ...(next.ofOther ? [] : [promptId])]);
    } else if (open !== undefined) {
      await client.query(next.do);
      if (next.do === 'commit') this.committed.push(...open);
      this.#open.delete(next.writer);
    }
  }

  async commitAll(): Promise<void> {
    for (const writer of [...this.#open.keys()]) await this.take({ do: 'commit', writer, ofOther: false });
  }

  async #writeAtOnce(ofOther: boolean): Promise<void> {
    const promptId = ids.uuid();
    const projectId = ofOther ? this.#projects.other : this.#projects.own;
    await database.db.transaction((tx) =>
      appendEvents(tx, [{ projectId, kind: 'prompt.created', promptId, view: {} }]),
    );
    if (!ofOther) this.committed.push(promptId);
  }
}

async function newProject(): Promise<string> {
  const id = ids.uuid();
  await database.db.read(`INSERT INTO project (id, name) VALUES ($1, 'feed')`, [id]);
  return id;
}

test('whatever transactions overlap and however often a reader is cut, it hears each committed event once, in order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
      const projects = { own: await newProject(), other: await newProject() };
      const overlapping = new OverlappingWriters(projects);
      const reader = new Resuming(projects.own, await events.head());
      await reader.connect();
      for (const next of steps) {
        if (next.do !== 'cut') await overlapping.take(next);
        else {
          await reader.disconnect();
          await reader.connect();
        }
      }
      await overlapping.commitAll();
      const wanted = overlapping.committed;
      await until(`${wanted.length} events`, () => (reader.heard.length >= wanted.length ? true : undefined), 4_000);
      await reader.disconnect();
      expect(reader.heard.map(({ promptId }) => promptId).toSorted()).toEqual(wanted.toSorted());
      const positions = reader.heard.map(({ position }) => position);
      for (const [index, position] of positions.entries()) {
        const before = positions[index - 1];
        if (before !== undefined) expect(isAfter(position, before)).toBe(true);
      }
    }),
    { numRuns: engineUnderTest === 'embedded' ? 8 : 25, endOnFailure: true },
  );
});
