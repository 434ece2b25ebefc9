import { createHash } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { removePrompts } from '../../src/features/prompts/service/removal.js';
import { systemClock } from '../../src/kernel/clock.js';
import { systemIds } from '../../src/kernel/ids.js';
import { scrub } from '../../src/platform/db/scrub.js';
import { createTestDatabase, engineUnderTest, type TestDatabase } from '../support/database.js';
import { textsInTableFiles } from '../support/table-files.js';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const ids = systemIds(() => systemClock.nowMs());
let database: TestDatabase;
let projectId: string;

beforeAll(async () => {
  database = await createTestDatabase();
  projectId = ids.uuid();
  await database.db.read(`INSERT INTO project (id, name) VALUES ($1, 'files')`, [projectId]);
});
afterAll(() => database[Symbol.asyncDispose]());

/** Text that no compression hides: SHA-256 after SHA-256, in hex. */
function incompressible(seed: string, characters: number): string {
  let text = '';
  for (let index = 0; text.length < characters; index += 1)
    text += createHash('sha256').update(`${seed} ${index}`).digest('hex');
  return text.slice(0, characters);
}

/** Stores a prompt whose text stands in all the places where it can, and answers its id. */
async function store(text: string): Promise<string> {
  const id = ids.uuid();
  const { db } = database;
  const hash = createHash('sha256').update(text).digest('hex');
  const short = text.slice(0, 60);
  await db.read(
    `INSERT INTO prompt (id, project_id, user_id, text, text_hash, system, status, conversation_id, tags, metadata, idempotency_key)
     VALUES ($1, $2, $3, $4, $5, $4, 'completed', $6, ARRAY[$6], jsonb_build_object('note', $6::text), $6)`,
    [id, projectId, ids.uuid(), text, hash, short],
  );
  await db.read(
    `INSERT INTO response (id, project_id, prompt_id, text, model, provider, latency_ms) VALUES ($1, $2, $3, $4, 'm', 'p', 1)`,
    [ids.uuid(), projectId, id, text],
  );
  for (const kind of ['prompt.created', 'prompt.completed'])
    await db.read('INSERT INTO event (project_id, kind, prompt_id, view) VALUES ($1, $2, $3, $4)', [
      projectId,
      kind,
      id,
      JSON.stringify({ text, response: { text }, conversationId: short, tags: [short] }),
    ]);
  return id;
}

const erase = (id: string): Promise<number> => database.db.transaction((tx) => removePrompts(tx, { projectId, id }));
const checkpoint = () => database.db.read('CHECKPOINT', []);
const scrubAll = () => scrub({ db: database.db, config: database.config, clock: systemClock });

test('an erased text leaves the table files with scrub, and not before, however short or long; its neighbours stay', async () => {
  const canaries = { short: incompressible('short', 60), long: incompressible('long', 40_000) };
  const kept = incompressible('kept', 60);
  await store(kept);
  // The last rows of their pages: room given free there is not written over.
  for (let index = 0; index < 20; index += 1) await store(incompressible(`filler ${index}`, 300));
  const doomed = [await store(canaries.short), await store(canaries.long)];
  await store(incompressible('after', 20_000));
  await checkpoint();
  await database.db.read('ANALYZE', []);
  const looked = {
    short: canaries.short.slice(0, 50),
    long: canaries.long.slice(20_000, 20_050),
    kept: kept.slice(0, 50),
  };
  const stored = await textsInTableFiles(database.db, looked);
  for (const name of ['short in prompt', 'short in response', 'short in event', 'kept in prompt'])
    expect(stored).toContain(name);
  expect(stored.filter((place) => place.startsWith('long in pg_toast_'))).toHaveLength(3);
  expect(stored.filter((place) => place.endsWith('pg_statistic'))).toEqual([]);

  for (const id of doomed) expect(await erase(id)).toBe(1);
  await database.db.read('VACUUM', []);
  await checkpoint();
  const vacuumed = await textsInTableFiles(database.db, looked);
  expect(
    vacuumed.filter((place) => !place.startsWith('kept')),
    'plain VACUUM is not enough',
  ).not.toEqual([]);

  const tables = await scrubAll();
  expect(tables.filter(({ failure, remaining }) => failure !== null || remaining > 0)).toEqual([]);
  expect(tables.map(({ table }) => table)).toEqual(
    expect.arrayContaining(['public.prompt', 'public.response', 'public.event', 'public.embedding']),
  );
  const scrubbed = await textsInTableFiles(database.db, looked);
  expect(scrubbed.filter((place) => !place.startsWith('kept'))).toEqual([]);
  expect(scrubbed).toContain('kept in prompt');
});

test.runIf(engineUnderTest === 'server')(
  'scrub says so when an older transaction may still see what was deleted, and when a table is locked',
  async () => {
    const text = incompressible('seen', 60);
    const id = await store(text);
    const other = new pg.Client({ connectionString: database.config.url ?? '' });
    await other.connect();
    try {
      await other.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
      await other.query('SELECT count(*) FROM project');
      await erase(id);
      const tables = await scrubAll();
      expect(tables.filter(({ remaining }) => remaining > 0).map(({ table }) => table)).toEqual(
        expect.arrayContaining(['public.prompt', 'public.response']),
      );
      await other.query('COMMIT');
      await other.query('BEGIN');
      // Not the strongest lock: that takes a transaction id, and holds up the feeds of every database here.
      await other.query('LOCK TABLE membership IN ROW EXCLUSIVE MODE');
      const locked = await scrubAll();
      expect(locked.filter(({ failure }) => failure !== null)).toMatchObject([
        { table: 'public.membership', failure: expect.stringContaining('lock timeout') as string },
      ]);
      expect(await textsInTableFiles(database.db, { text: text.slice(0, 50) })).toEqual([]);
    } finally {
      await other.end();
    }
  },
);
