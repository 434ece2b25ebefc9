import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import pg from 'pg';
import { LargeProjects, type LargeProjectsDeps } from '../../src/features/large-projects/service.js';
import { systemClock } from '../../src/kernel/clock.js';
import { systemIds } from '../../src/kernel/ids.js';
import { annIndexName } from '../../src/platform/db/ann-index.js';
import { openDatabase } from '../../src/platform/db/client.js';
import type { Database } from '../../src/platform/db/database.js';
import { ensureSpace } from '../../src/platform/db/space.js';
import { createTestDatabase, engineUnderTest, type TestDatabase, testDeps } from '../support/database.js';
import { until } from '../support/wait.js';

const ids = systemIds(() => systemClock.nowMs());
const dimensions = 8;
const minVectors = 100;
const isServer = engineUnderTest === 'server';
let test_: TestDatabase;
let spaceId: number;
let keepers: LargeProjects[];
let built: string[];
let logged: string[];

beforeAll(async () => {
  test_ = await createTestDatabase();
});
afterAll(() => test_[Symbol.asyncDispose]());
beforeEach(async () => {
  spaceId = await ensureSpace(test_.db, { name: 'kept', dimensions });
  [keepers, built, logged] = [[], [], []];
});
/** Nothing of one test is there in the next: neither rows nor indexes. */
afterEach(async () => {
  for (const keeper of keepers) await keeper.close();
  for (const { name } of await indexes()) await test_.db.read(`DROP INDEX ${name}`, []);
  await test_.db.read('DELETE FROM project', []);
  await test_.db.read('DELETE FROM space', []);
});

async function keep(deps: Partial<LargeProjectsDeps> = {}): Promise<LargeProjects> {
  const say = (_: object, message: string): void => void logged.push(message);
  const keeper = new LargeProjects({
    db: test_.db,
    spaces: { active: () => ({ id: spaceId, name: 'kept', dimensions, embedder: undefined as never }) },
    clock: systemClock,
    log: { debug: say, info: say, warn: say, error: say },
    observer: { onBuilt: ({ outcome }) => void built.push(outcome) },
    minVectors,
    quietMs: 0,
    ...deps,
  });
  keepers.push(keeper);
  await keeper.start();
  return keeper;
}

async function project(vectors: number, space = { id: spaceId, dimensions }): Promise<string> {
  const projectId = ids.uuid();
  await test_.db.read(`INSERT INTO project (id, name) VALUES ($1, 'large')`, [projectId]);
  await add(test_.db, { projectId, vectors, space });
  return projectId;
}

const add = (db: Pick<Database, 'read'>, { projectId, vectors, space = { id: spaceId, dimensions } }: Rows) =>
  db.read(
    `WITH made AS (
       INSERT INTO prompt (id, project_id, user_id, text, text_hash, status)
       SELECT gen_random_uuid(), $1::uuid, $1::uuid, 'text ' || n, 'hash', 'completed' FROM generate_series(1, $2::int) AS n
       RETURNING id)
     INSERT INTO embedding (project_id, prompt_id, space_id, text_hash, vector)
     SELECT $1::uuid, id, $3::int, 'hash',
       (SELECT array_agg(random() - 0.4) FROM generate_series(1, $4::int) WHERE id IS NOT NULL)::vector FROM made`,
    [projectId, vectors, space.id, space.dimensions],
  );
interface Rows {
  projectId: string;
  vectors: number;
  space?: { id: number; dimensions: number };
}

const indexes = async (): Promise<{ name: string; isValid: boolean }[]> =>
  test_.db.read(
    `SELECT c.relname::text AS name, i.indisvalid AS "isValid" FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
     WHERE c.relname LIKE 'ann\\_%' AND i.indrelid = 'embedding'::regclass`,
    [],
  );
const nameOf = (projectId: string, space = spaceId): string => annIndexName({ projectId, spaceId: space });
const records = (): Promise<object[]> => test_.db.read('SELECT project_id, state::text, rows FROM ann_index', []);
const isReady = (keeper: LargeProjects, projectId: string, space = spaceId): Promise<number> =>
  until('an index to be ready', () => keeper.find(projectId, space), 20_000);
const isGone = (projectId: string): Promise<unknown> =>
  until('an index to be gone', async () =>
    (await indexes()).some(({ name }) => name === nameOf(projectId)) ? undefined : true,
  );
const saying = (message: string): Promise<true> =>
  until(`the log to say: ${message}`, () => (logged.includes(message) ? true : undefined));

test('a project at the threshold gets an index, one below it does not, and the count is kept', async () => {
  const [large, small] = [await project(minVectors), await project(minVectors - 1)];
  const keeper = await keep();
  expect(await isReady(keeper, large)).toBe(minVectors);
  expect(keeper.find(small, spaceId)).toBeUndefined();
  expect(await indexes()).toEqual([{ name: nameOf(large), isValid: true }]);
  expect(keeper.states()).toEqual({ building: 0, ready: 1, failed: 0 });
  expect(built).toEqual(['completed']);
});

test('a project that a search saw to be large is tended at once, and only once', async () => {
  const keeper = await keep();
  const grown = await project(minVectors + 5);
  keeper.onCompared(grown, spaceId, minVectors - 1);
  expect(await indexes()).toEqual([]);
  for (let times = 0; times < 3; times += 1) keeper.onCompared(grown, spaceId, minVectors + 5);
  expect(await isReady(keeper, grown)).toBe(minVectors + 5);
  keeper.onCompared(grown, spaceId, minVectors + 5);
  expect(built).toEqual(['completed']);
});

test('large projects are found among more small ones than one round looks at', async () => {
  const keeper = await keep();
  await test_.db.read(
    `INSERT INTO project (id, name) SELECT gen_random_uuid(), 'small' FROM generate_series(1, 1100)`,
    [],
  );
  const last = 'ffffffff-ffff-7fff-bfff-ffffffffffff';
  await test_.db.read(`INSERT INTO project (id, name) VALUES ($1, 'large')`, [last]);
  await add(test_.db, { projectId: last, vectors: minVectors });
  const found = await until('the last project to be reached', () => {
    keeper.wake();
    return keeper.find(last, spaceId);
  });
  expect(found).toBe(minVectors);
});

test.each([256, 2_000])('a space of %i dimensions has indexes too', async (many) => {
  const space = { id: await ensureSpace(test_.db, { name: 'other', dimensions: many }), dimensions: many };
  const large = await project(minVectors, space);
  const keeper = await keep({ spaces: { active: () => ({ ...space, name: 'other', embedder: undefined as never }) } });
  expect(await isReady(keeper, large, space.id)).toBe(minVectors);
});

test('a space whose vectors are too long for an index stays exact, and nothing fails', async () => {
  const space = { id: await ensureSpace(test_.db, { name: 'long', dimensions: 2_001 }), dimensions: 2_001 };
  const large = await project(minVectors, space);
  const short = await project(minVectors);
  const active = { ...space, name: 'long', embedder: undefined as never };
  const keeper = await keep({ spaces: { active: () => active } });
  Object.assign(active, { id: spaceId, dimensions });
  keeper.wake();
  await isReady(keeper, short);
  expect(await indexes()).toEqual([{ name: nameOf(short), isValid: true }]);
  expect(keeper.find(large, space.id)).toBeUndefined();
  expect(built).toEqual(['completed']);
});

test('the index of a project that shrank far is dropped, and one that shrank a little is kept and counted again', async () => {
  const [far, little] = [await project(minVectors), await project(minVectors)];
  const keeper = await keep();
  await isReady(keeper, far);
  await isReady(keeper, little);
  for (const [projectId, left] of [
    [far, 49],
    [little, 50],
  ] as const)
    await test_.db.read(
      `DELETE FROM prompt WHERE project_id = $1 AND id NOT IN (SELECT id FROM prompt WHERE project_id = $1 LIMIT $2)`,
      [projectId, left],
    );
  await test_.db.read(`UPDATE ann_index SET checked_at = now() - interval '1 hour'`, []);
  await until('both to be counted', async () => {
    keeper.wake();
    const rows = await records();
    return rows.length === 1 && (rows[0] as { rows: number }).rows === 50 ? true : undefined;
  });
  expect(await indexes()).toEqual([{ name: nameOf(little), isValid: true }]);
  await until('searches to know', () => (keeper.find(little, spaceId) === 50 ? true : undefined));
  expect(keeper.find(far, spaceId)).toBeUndefined();
});

test('indexes of projects and spaces that are gone are dropped', async () => {
  const [first, second] = [await project(minVectors), await project(minVectors)];
  const keeper = await keep();
  await isReady(keeper, first);
  await isReady(keeper, second);
  await test_.db.read('DELETE FROM project WHERE id = $1', [first]);
  keeper.wake();
  await isGone(first);
  await test_.db.read('DELETE FROM embedding WHERE space_id = $1', [spaceId]);
  await test_.db.read('DELETE FROM space WHERE id = $1', [spaceId]);
  keeper.wake();
  await isGone(second);
  expect(await records()).toEqual([]);
});

test('what a process left in the middle is found by the next one: an invalid index is built anew, a whole one taken over', async () => {
  const [broken, whole, unrecorded] = [await project(minVectors), await project(minVectors), await project(10)];
  const first = await keep();
  await isReady(first, broken);
  await isReady(first, whole);
  await first.close();
  await test_.db.alone(new AbortController().signal, async (connection) => {
    await connection.query('SET allow_system_table_mods = on');
    await connection.query(`UPDATE pg_index SET indisvalid = false WHERE indexrelid = '${nameOf(broken)}'::regclass`);
    await connection.query('RESET allow_system_table_mods');
  });
  await test_.db.read(`UPDATE ann_index SET state = 'building'`, []);
  await test_.db.read(`CREATE INDEX ${nameOf(unrecorded)} ON embedding (space_id) WHERE project_id IS NULL`, []);
  const second = await keep();
  expect(await isReady(second, whole)).toBe(minVectors);
  expect(await isReady(second, broken)).toBe(minVectors);
  await isGone(unrecorded);
  expect(built).toEqual(['completed', 'completed', 'completed']);
  expect((await indexes()).every(({ isValid }) => isValid)).toBe(true);
});

test('a build that fails is told and recorded, costs no other project its index, and is left alone for a while', async () => {
  const [failing, other] = [await project(minVectors), await project(minVectors)];
  await test_.db.read(`CREATE TABLE ${nameOf(failing)} ()`, []);
  const keeper = await keep();
  await isReady(keeper, other);
  await until('the failure to be known', () => (keeper.states().failed === 1 ? true : undefined));
  expect(built.toSorted()).toEqual(['completed', 'failed']);
  await saying('the index of a large project could not be built; searches stay exact');
  expect(keeper.find(failing, spaceId)).toBeUndefined();
  await test_.db.read(`DROP TABLE ${nameOf(failing)}`, []);
  await test_.db.read(`UPDATE ann_index SET checked_at = now() - interval '1 hour'`, []);
  keeper.wake();
  await isReady(keeper, failing);
});

test.skipIf(isServer)('the embedded engine builds only after a time without a write', async () => {
  let nowMs = 0;
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };
  const large = await project(minVectors);
  const keeper = await keep({ clock, quietMs: 1 });
  await test_.db.read('INSERT INTO rate_limit (key) VALUES ($1)', ['a search']);
  expect(await indexes()).toEqual([]);
  nowMs = 1;
  await until('the index to be built', () => {
    keeper.wake();
    return keeper.find(large, spaceId) === undefined ? void (nowMs += 1) : true;
  });
});

test.runIf(isServer)('of several processes one builds, and all search with what it built', async () => {
  await using second = await secondDatabase();
  await using third = await secondDatabase();
  const large = await project(minVectors);
  const all = await Promise.all([keep(), keep({ db: second.db }), keep({ db: third.db })]);
  for (const keeper of all) expect(await isReady(keeper, large)).toBe(minVectors);
  expect(built).toEqual(['completed']);
  for (const keeper of all) await keeper.close();
});

test.runIf(isServer)('writes go on while an index is built, and all that was committed by then is in it', async () => {
  const large = await project(minVectors);
  await using writer = await client();
  await writer.pg.query('BEGIN');
  await add(writer, { projectId: large, vectors: 1 });
  const keeper = await keep();
  await until('the build to wait for the open transaction', async () =>
    (await indexes()).length === 1 ? true : undefined,
  );
  expect(keeper.find(large, spaceId)).toBeUndefined();
  await add(test_.db, { projectId: large, vectors: 20 });
  await test_.db.read(
    'DELETE FROM prompt WHERE id IN (SELECT id FROM prompt WHERE project_id = $1 ORDER BY id LIMIT 10)',
    [large],
  );
  await writer.pg.query('COMMIT');
  expect(await isReady(keeper, large)).toBe(minVectors + 11);
  // Every row of the project, and none besides, comes out of the index alone.
  await writer.pg.query('BEGIN; SET LOCAL hnsw.ef_search = 1000; SET LOCAL enable_seqscan = off');
  const rows = await writer.read<{ id: string }>(
    `SELECT prompt_id::text AS id FROM embedding WHERE (project_id = '${large}'::uuid) IS TRUE AND (space_id = ${spaceId}) IS TRUE
     ORDER BY (vector::halfvec(8)) <=> '[1,1,1,1,1,1,1,1]' LIMIT 500`,
    [],
  );
  await writer.pg.query('COMMIT');
  expect(new Set(rows.map(({ id }) => id)).size).toBe(minVectors + 11);
});

test.runIf(isServer)(
  'a process killed while it builds leaves what the next one clears away, and closing does not wait for a build',
  async () => {
    const large = await project(minVectors);
    await using writer = await client();
    await writer.pg.query('BEGIN');
    await add(writer, { projectId: large, vectors: 1 });
    const first = await keep();
    await until('the build to be stuck', async () => ((await indexes()).length === 1 ? true : undefined));
    await test_.db.read(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'promptwell-alone' AND datname = current_database()`,
      [],
    );
    await until('the first process to notice', () => (logged.length > 1 ? true : undefined));
    expect(await indexes()).toEqual([{ name: nameOf(large), isValid: false }]);
    first.wake();
    await until('the next build to be stuck', async () => {
      const [row] = await test_.db.read<{ n: number }>(
        `SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'promptwell-alone' AND datname = current_database() AND wait_event_type = 'Lock'`,
        [],
      );
      return row?.n === 1 ? true : undefined;
    });
    const startedMs = performance.now();
    await first.close();
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    await writer.pg.query('ROLLBACK');
    const second = await keep();
    expect(await isReady(second, large)).toBe(minVectors);
    expect(await indexes()).toEqual([{ name: nameOf(large), isValid: true }]);
  },
);

async function secondDatabase() {
  const db = await openDatabase({ ...testDeps, config: test_.config });
  return { db, [Symbol.asyncDispose]: () => db.close() };
}

async function client() {
  const own = new pg.Client({ connectionString: test_.config.url });
  await own.connect();
  return {
    pg: own,
    read: async <Row extends object>(sql: string, values: readonly unknown[]) =>
      (await own.query<Row>(sql, [...values])).rows,
    [Symbol.asyncDispose]: () => own.end(),
  };
}
