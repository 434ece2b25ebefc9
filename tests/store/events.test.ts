import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../src/kernel/clock.js';
import { systemIds } from '../../src/kernel/ids.js';
import { type EventPosition, isAfter, type StoredEvent } from '../../src/platform/events/catalogue.js';
import { EventLog } from '../../src/platform/events/log.js';
import { appendEvents, redactEvents } from '../../src/platform/events/outbox.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { untilReadable } from '../support/feed.js';

const ids = systemIds(() => systemClock.nowMs());
let database: TestDatabase;
let log: EventLog;
let projectId: string;

beforeAll(async () => {
  database = await createTestDatabase();
  log = new EventLog(database.db);
});
afterAll(() => database[Symbol.asyncDispose]());
beforeEach(async () => {
  projectId = await newProject();
});

async function newProject(): Promise<string> {
  const id = ids.uuid();
  await database.db.read(`INSERT INTO project (id, name) VALUES ($1, 'events')`, [id]);
  return id;
}
async function append(project: string, promptId: string, count = 1): Promise<void> {
  await database.db.transaction((tx) =>
    appendEvents(
      tx,
      Array.from({ length: count }, (_, index) => ({
        projectId: project,
        kind: 'prompt.updated' as const,
        promptId,
        view: { text: `secret ${index}` },
      })),
    ),
  );
  await untilReadable(database.db);
}
const everything: EventPosition = { xid: 0n, id: 0n };

test('pages follow each other in the order of their numbers, past 9, 99 and 999, within and across transactions', async () => {
  for (let index = 0; index < 15; index += 1) await append(projectId, ids.uuid(), 75);
  const read: StoredEvent[] = [];
  for (let last = everything; ; ) {
    const page = await log.after(last, [projectId], 50);
    read.push(...page);
    last = page.at(-1)?.position ?? last;
    if (page.length < 50) break;
  }
  expect(read).toHaveLength(15 * 75);
  for (const [index, { position }] of read.entries())
    expect(index === 0 || isAfter(position, read[index - 1]?.position ?? position)).toBe(true);
  expect(read.slice(0, 75).map(({ view }) => (view as { text: string }).text)).toEqual(
    Array.from({ length: 75 }, (_, index) => `secret ${index}`),
  );
});

test('only the projects asked for are read, and nothing before the position', async () => {
  const other = await newProject();
  const head = await log.head();
  await append(projectId, ids.uuid());
  await append(other, ids.uuid());
  expect(await log.after(head, [projectId], 50)).toHaveLength(1);
  expect(await log.after(head, [projectId, other], 50)).toHaveLength(2);
  expect(await log.after(head, [], 50)).toEqual([]);
  expect(await log.after(await log.head(), [projectId, other], 50)).toEqual([]);
});

test("redaction reaches every event of a prompt and none of another prompt's or project's", async () => {
  const [promptId, neighbour] = [ids.uuid(), ids.uuid()];
  const other = await newProject();
  await append(projectId, promptId, 2);
  await append(projectId, neighbour);
  await append(other, promptId);
  await database.db.transaction((tx) => redactEvents(tx, [{ projectId, promptId, view: { text: '' } }]));
  const textsOf = async (project: string): Promise<string[]> =>
    (await log.after(everything, [project], 50)).map(({ view }) => (view as { text: string }).text);
  expect(await textsOf(projectId)).toEqual(['', '', 'secret 0']);
  expect(await textsOf(other)).toEqual(['secret 0']);
});

test('pruning deletes what is older than asked, in database time, and keeps the rest', async () => {
  await append(projectId, ids.uuid(), 3);
  await database.db.read(`UPDATE event SET created_at = now() - interval '2 hours' WHERE project_id = $1`, [projectId]);
  await append(projectId, ids.uuid(), 2);
  expect(await log.prune(3_600_000)).toBe(3);
  expect(await log.prune(3_600_000)).toBe(0);
  expect(await log.after(everything, [projectId], 50)).toHaveLength(2);
});
