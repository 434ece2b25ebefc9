import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/kernel/clock.js';
import { systemIds } from '../../src/kernel/ids.js';
import { annIndexName, createAnnIndexSql } from '../../src/platform/db/ann-index.js';
import type { Scoped } from '../../src/platform/db/database.js';
import { activateFirst, ensureSpace } from '../../src/platform/db/space.js';
import { EventLog } from '../../src/platform/events/log.js';
import { PromptReads } from '../../src/features/prompts/store/reads.js';
import {
  countVectors,
  nearbyPrompts,
  type Search,
  similarPrompts,
  vectorOf,
} from '../../src/features/prompts/store/search.js';
import {
  getPrompt,
  listPrompts,
  listResponses,
  promptByKey,
  type Statement,
  type Tenant,
} from '../../src/features/prompts/store/statements.js';
import { PromptWrites } from '../../src/features/prompts/store/writes.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

const ids = systemIds(() => systemClock.nowMs());
const dimensions = 8;
const projects = [ids.uuid(), ids.uuid()] as const;
let test_: TestDatabase;
let spaceId: number;
let tenant: Tenant;

/** 4 000 prompts of a noisy neighbour and 40 of the project that is asked for, with vectors and an HNSW index over all. */
beforeAll(async () => {
  test_ = await createTestDatabase();
  const { db } = test_;
  spaceId = await ensureSpace(db, { name: 'plans', dimensions });
  await activateFirst(db, spaceId);
  tenant = { projectId: projects[0], spaceId, dimensions };
  for (const project of projects) await db.read(`INSERT INTO project (id, name) VALUES ($1, 'plans')`, [project]);
  // In pieces: each keeps within a statement's time on a busy machine too.
  for (const [project, count] of [[projects[0], 40], ...Array.from({ length: 4 }, () => [projects[1], 1_000])])
    await db.read(
      `WITH made AS (
         INSERT INTO prompt (id, project_id, user_id, text, text_hash, status)
         SELECT gen_random_uuid(), $1::uuid, gen_random_uuid(), 'text ' || n, 'hash', 'completed'
         FROM generate_series(1, $2::int) AS n RETURNING id)
       INSERT INTO embedding (project_id, prompt_id, space_id, text_hash, vector)
       SELECT $1::uuid, id, $3::int, 'hash', (SELECT array_agg(random() + 0.01) FROM generate_series(1, $4::int) WHERE id IS NOT NULL)::vector
       FROM made`,
      [project, count, spaceId, dimensions],
    );
  await db.read(
    `CREATE INDEX tempting ON embedding USING hnsw ((vector::vector(${dimensions})) vector_cosine_ops)`,
    [],
  );
  await db.read(
    `CREATE INDEX tempting_too ON embedding USING hnsw ((vector::vector(${dimensions})) vector_l2_ops)`,
    [],
  );
  await db.read('ANALYZE', []);
});
afterAll(() => test_[Symbol.asyncDispose]());

const near: Search = {
  vector: new Float32Array(dimensions).fill(0.3),
  excludedId: null,
  filter: {},
  limit: 5,
  maxDistance: 2,
};
const planIn = async (scope: Pick<Scoped, 'read'>, text: string, values: readonly unknown[]): Promise<string> => {
  const rows = await scope.read<{ 'QUERY PLAN': string }>(`EXPLAIN (COSTS OFF) ${text}`, values);
  return rows.map((row) => row['QUERY PLAN']).join('\n');
};
/** As it runs: within the project that the statement is bound to, behind row-level security. */
const plan = ({ text, values }: Statement): Promise<string> =>
  planIn(test_.db.within(projects.find((id) => values.includes(id)) ?? ''), text, values);

test.each([
  ['without a filter', {}],
  ['with a filter', { environment: 'development' }],
])('the exact lane scans by project and space and leaves every approximate index alone, %s', async (_, filter) => {
  const text = await plan(similarPrompts(tenant, { ...near, filter }));
  expect(text).toContain('embedding_project_id_space_id_prompt_id_idx');
  expect(text).toMatch(/Index Cond: \(\(project_id = '[0-9a-f-]{36}'::uuid\) AND \(space_id = \d+\)/);
  expect(text).not.toContain('tempting');
});

// Planned for one expected prompt, the sort of the nearest was the inner side of a join: run again for every prompt of a
// project that statistics did not know yet, ten seconds for 3 000.
test('the nearest are sorted once, however few prompts the planner expects', async () => {
  const text = await plan(similarPrompts(tenant, near));
  expect(text).toMatch(/CTE nearest\n\s+->\s+Limit/);
});

test.each([
  ['without a filter', {}],
  ['with a filter', { environment: 'development' }],
])("the approximate lane is served by the project's own index and by nothing else, %s", async (_, filter) => {
  const { engine } = test_.db;
  const large = { ...tenant, projectId: projects[1] };
  await test_.db.read(createAnnIndexSql(large, { engine, dimensions }), []);
  const statement = nearbyPrompts(large, { ...near, filter }, { engine, depth: { efSearch: 40, candidates: 20 } });
  const text = await plan(statement);
  expect(text).toContain(`Index Scan using ${annIndexName(large)} on embedding e`);
  expect(text).toContain('Order By: ');
  expect(text).toContain('One-Time Filter: ');
  expect(text).not.toContain('tempting');
  expect(text).not.toMatch(/Seq Scan on (embedding|prompt)/);
  // The exact lane stays away from it.
  expect(await plan(similarPrompts(large, { ...near, filter }))).not.toContain('ann_');
  await test_.db.read(`DROP INDEX ${annIndexName(large)}`, []);
  const gone = await test_.db.within(large.projectId).read(statement.text, statement.values);
  expect(gone).toMatchObject([{ id: null, found: 0, farthest: null }]);
});

test('the exact lane finds every vector of a small project beside a large one', async () => {
  const rows = await new PromptReads(test_.db, tenant).similar({ ...near, limit: 50 });
  expect(rows).toHaveLength(40);
  expect(new Set(rows.map(({ projectId }) => projectId))).toEqual(new Set([projects[0]]));
  const distances = rows.map(({ distance }) => distance);
  expect(distances).toEqual(distances.toSorted((left, right) => left - right));
});

test('a page of a list reads its index in order and sorts nothing', async () => {
  const text = await plan(listPrompts(tenant, { filter: {}, before: ids.uuid(), limit: 20 }));
  expect(text).toMatch(
    /^Limit\n( +InitPlan .*\n +-> +Result\n)*( +-> +Nested Loop Left Join\n( +Join Filter: .*space_id\)\n)?)+ +-> +Index Scan( Backward)? using prompt_project_id_id_\w+ on prompt p/,
  );
});

test('a page of the feed reads an index of events and never the whole table', async () => {
  const plans: string[] = [];
  const planning = (scope: Pick<Scoped, 'read'>) => {
    const read = async (sql: string, values: readonly unknown[]) => {
      plans.push(await planIn(scope, sql, values));
      return [];
    };
    return { read, readParsed: read };
  };
  const { db } = test_;
  const within = (projectId: string): Scoped => ({ ...db.within(projectId), ...planning(db.within(projectId)) });
  const log = new EventLog({ ...db, ...planning(db), within });
  await test_.db.read(
    `INSERT INTO event (project_id, kind, prompt_id, view)
     SELECT $1::uuid, 'prompt.created', gen_random_uuid(), '{}' FROM generate_series(1, 3000)`,
    [projects[1]],
  );
  await test_.db.read('ANALYZE event', []);
  await log.after({ xid: 1n, id: 0n }, [projects[0]], 50);
  await log.hasGated();
  await log.afterOf(projects[0], { xid: 1n, id: 0n }, 50);
  expect(plans[0]).toMatch(/event_(project_id_)?xid_id_idx/);
  expect(plans[1]).toContain('event_xid_id_idx');
  expect(plans[2]).toContain('event_project_id_xid_id_idx');
  expect(plans.join()).not.toContain('Seq Scan');
});

test('no statement of the room can be built without the project it is bound to', () => {
  const statements = [
    getPrompt(tenant, ids.uuid()),
    listPrompts(tenant, { filter: { text: 'x', tag: 'y' }, before: null, limit: 1 }),
    listResponses(tenant, ids.uuid(), { before: null, limit: 100 }),
    promptByKey(tenant, { userId: ids.uuid(), idempotencyKey: 'k' }),
    similarPrompts(tenant, near),
    countVectors(tenant, near, 10),
    nearbyPrompts(tenant, near, { engine: 'server', depth: { efSearch: 40, candidates: 20 } }),
    vectorOf(tenant, ids.uuid()),
  ];
  for (const { text, values } of statements) {
    expect(text).toMatch(/project_id = \$\d+::uuid/);
    expect(values).toContain(tenant.projectId);
  }
  // These do not compile when a project becomes optional anywhere on the way to a statement.
  const namesProject: undefined extends Tenant['projectId'] ? false : true = true;
  const readsNeedTenant: ConstructorParameters<typeof PromptReads> extends [unknown, Tenant] ? true : false = true;
  const writesNeedTenant: ConstructorParameters<typeof PromptWrites> extends [unknown, Tenant] ? true : false = true;
  expect([namesProject, readsNeedTenant, writesNeedTenant]).toEqual([true, true, true]);
});

test.each([
  ['of another dimension', '[1,2,3]'],
  ['without a direction', '[0,0,0,0,0,0,0,0]'],
  ['that is empty', '[]'],
  ['that is not a number', '[NaN,1,1,1,1,1,1,1]'],
  ['that is infinite', '[Infinity,1,1,1,1,1,1,1]'],
])('the table itself refuses a vector %s', async (_, vector) => {
  const [row] = await test_.db.read<{ id: string }>('SELECT id FROM prompt WHERE project_id = $1 LIMIT 1', [
    projects[0],
  ]);
  const other = await ensureSpace(test_.db, { name: 'refusing', dimensions });
  await expect(
    test_.db.read(
      `INSERT INTO embedding (project_id, prompt_id, space_id, text_hash, vector) VALUES ($1, $2, $3, 'h', $4::vector)`,
      [projects[0], row?.id, other, vector],
    ),
  ).rejects.toThrow();
});

test('a vector is never stored for a text that changed meanwhile, nor into another project', async () => {
  const [row] = await test_.db.read<{ id: string }>('SELECT id FROM prompt WHERE project_id = $1 LIMIT 1', [
    projects[0],
  ]);
  const promptId = row?.id ?? '';
  const vector = new Float32Array(dimensions).fill(0.5);
  await test_.db.transaction(async (tx) => {
    const own = new PromptWrites(tx, tenant);
    const stranger = new PromptWrites(tx, { ...tenant, projectId: projects[1] });
    expect(await own.putVector({ promptId, textHash: 'of another text', vector, isTruncated: false })).toBe(false);
    expect(await stranger.putVector({ promptId, textHash: 'hash', vector, isTruncated: false })).toBe(false);
    expect(await own.putVector({ promptId, textHash: 'hash', vector, isTruncated: false })).toBe(true);
    await expect(
      own.putVector({ promptId, textHash: 'hash', vector: new Float32Array(3).fill(1), isTruncated: false }),
    ).rejects.toThrow('dimensions');
  });
});
