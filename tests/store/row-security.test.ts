import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PromptReads } from '../../src/features/prompts/store/reads.js';
import { PromptWrites } from '../../src/features/prompts/store/writes.js';
import { SpendStore } from '../../src/features/prompts/store/spend.js';
import { systemClock } from '../../src/kernel/clock.js';
import { systemIds } from '../../src/kernel/ids.js';
import { appendAudit } from '../../src/platform/audit.js';
import type { Database, Tx } from '../../src/platform/db/database.js';
import { projectRole } from '../../src/platform/db/row-security.js';
import { activateFirst, ensureSpace } from '../../src/platform/db/space.js';
import { appendEvents } from '../../src/platform/events/outbox.js';
import { createTestDatabase, engineUnderTest, type TestDatabase } from '../support/database.js';

const ids = systemIds(() => systemClock.nowMs());
const dimensions = 3;
const [own, foreign] = [ids.uuid(), ids.uuid()] as const;
const users = { [own]: ids.uuid(), [foreign]: ids.uuid() };
const prompts = { [own]: ids.uuid(), [foreign]: ids.uuid() };
const nobody = '00000000-0000-0000-0000-000000000000';
let test_: TestDatabase;
let db: Database;
let spaceId: number;

/** Two projects with a row in every table that belongs to a project. */
beforeAll(async () => {
  test_ = await createTestDatabase();
  db = test_.db;
  spaceId = await ensureSpace(db, { name: 'walled', dimensions });
  await activateFirst(db, spaceId);
  for (const project of [own, foreign]) await fill(project);
});
afterAll(() => test_[Symbol.asyncDispose]());

async function fill(project: string): Promise<void> {
  const [user, prompt] = [users[project], prompts[project]];
  const run = (sql: string, ...values: unknown[]): Promise<object[]> => db.read(sql, values);
  await run(
    `INSERT INTO app_user (id, username, username_key, password_hash) VALUES ($1::uuid, $2, $2, 'x')`,
    user,
    user,
  );
  await run(`INSERT INTO project (id, name) VALUES ($1, 'walled')`, project);
  await run(`INSERT INTO membership (project_id, user_id, role) VALUES ($1, $2, 'owner')`, project, user);
  await run(
    `INSERT INTO api_key (id, project_id, user_id, name, prefix, key_hash) VALUES (gen_random_uuid(), $1, $2, 'k', 'p', $3)`,
    project,
    user,
    `key of ${project}`,
  );
  await run(
    `INSERT INTO invitation (id, project_id, user_id, role, prefix, token_hash, max_uses, expires_at)
     VALUES (gen_random_uuid(), $1, $2, 'member', 'p', $3, 1, now() + interval '1 day')`,
    project,
    user,
    `token of ${project}`,
  );
  await run(
    `INSERT INTO prompt (id, project_id, user_id, text, text_hash, status) VALUES ($1, $2, $3, 'canary words', 'hash', 'completed')`,
    prompt,
    project,
    user,
  );
  await run(
    `INSERT INTO response (id, project_id, prompt_id, text, model, provider, latency_ms) VALUES (gen_random_uuid(), $1, $2, 'a', 'm', 'p', 1)`,
    project,
    prompt,
  );
  await run(
    `INSERT INTO embedding (project_id, prompt_id, space_id, text_hash, vector) VALUES ($1, $2, $3, 'hash', '[1,2,3]')`,
    project,
    prompt,
    spaceId,
  );
  await run(`INSERT INTO ann_index (project_id, space_id, state, rows) VALUES ($1, $2, 'failed', 1)`, project, spaceId);
  await db.transaction(async (tx) => {
    await appendEvents(tx, [
      { projectId: project, kind: 'prompt.created', promptId: prompt ?? '', view: { text: 'x' } },
    ]);
    await appendAudit(tx, ids, { projectId: project, userId: null, action: 'retention.changed', details: {} });
    await new SpendStore(tx, { projectId: project, userId: user ?? '' }).reserve(1, 10);
  });
}

interface Table {
  name: string;
  hasProject: boolean;
  isGuarded: boolean;
}

/** Every table there is, from the live catalogue: one that a later migration adds is among them. */
const tables = (): Promise<Table[]> =>
  db.read<Table>(
    `SELECT c.relname AS name,
       c.relname = 'project' OR EXISTS (SELECT FROM pg_attribute a
         WHERE a.attrelid = c.oid AND a.attname = 'project_id' AND NOT a.attisdropped) AS "hasProject",
       c.relrowsecurity AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polcmd = '*' AND p.polpermissive)
         AND (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid) = 1 AS "isGuarded"
     FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace ORDER BY 1`,
    [],
  );

/** Rows that a scope sees of a table; null where the role may not read it at all. */
async function countIn(scope: Pick<Database, 'read'>, table: string): Promise<number | null> {
  try {
    // No test of privileges on whole rows: of accounts the role reads some columns only.
    const [row] = await scope.read<{ count: number }>(`SELECT count(*)::int AS count FROM "${table}"`, []);
    return row?.count ?? -1;
  } catch (error) {
    if (/permission denied/.test((error as Error).message)) return null;
    throw error;
  }
}

/** Tables without a project, and why no call on behalf of one needs a guard there; read by the role, or not at all. */
const unguarded: Record<string, 'read' | 'hidden'> = {
  _prisma_migrations: 'hidden',
  known_address: 'hidden',
  rate_limit: 'hidden',
  refresh_token: 'hidden',
  session: 'hidden',
  space: 'read',
};

describe('the second wall behind the queries', () => {
  test('stands on every table that holds rows of a project, and on a table added later or the build fails (T23)', async () => {
    const all = await tables();
    expect(all.filter(({ hasProject }) => hasProject).length).toBeGreaterThanOrEqual(10);
    expect(all.filter(({ hasProject, isGuarded }) => hasProject && !isGuarded)).toEqual([]);
    expect(all.filter(({ isGuarded }) => !isGuarded).map(({ name }) => name)).toEqual(Object.keys(unguarded));
    expect(db.rowSecurity).toEqual({ role: projectRole, missing: null });
  });

  test('shows no row of any table while no project is set, an unknown one is, or what was set is over (T23)', async () => {
    for (const { name, isGuarded } of await tables()) {
      if (!isGuarded) continue;
      // The control: without the wall the same statement counts the rows of both projects.
      expect([name, await countIn(db, name)]).toEqual([name, expect.toSatisfy((count: number) => count >= 2)]);
      expect([name, await countIn(db.within(''), name)]).toEqual([name, 0]);
      expect([name, await countIn(db.within(nobody), name)]).toEqual([name, 0]);
      expect([name, await countIn(db.within(own), name)]).toEqual([
        name,
        expect.toSatisfy((count: number) => count >= 1),
      ]);
    }
    expect(await countIn(db, 'own_prompt')).toBe(0);
  });

  test('keeps the tables of sign-in from whoever works in a project, and passwords above all (T23)', async () => {
    for (const [name, access] of Object.entries(unguarded))
      expect([name, await countIn(db.within(own), name)]).toEqual([name, access === 'hidden' ? null : 1]);
    await expect(db.within(own).read('SELECT password_hash FROM app_user', [])).rejects.toThrow('permission denied');
    await expect(db.within(own).read('SELECT email FROM app_user', [])).rejects.toThrow('permission denied');
    await expect(db.within(own).read('UPDATE audit_entry SET details = $1', ['{}'])).rejects.toThrow(
      'permission denied',
    );
  });

  test('holds where a statement forgets its project: a read, a search, a list, in and out of transactions (T21, T23, T27)', async () => {
    const broken = [
      'SELECT project_id::text AS id FROM prompt',
      "SELECT project_id::text AS id FROM prompt WHERE text LIKE '%canary%'",
      'SELECT p.project_id::text AS id FROM own_prompt p WHERE p.words @@ $$canari$$::tsquery',
      `SELECT project_id::text AS id FROM embedding ORDER BY vector <=> '[1,2,3]' LIMIT 10`,
      'SELECT r.project_id::text AS id FROM response r JOIN prompt p ON p.id = r.prompt_id',
      'SELECT project_id::text AS id FROM event',
      'SELECT project_id::text AS id FROM api_key',
    ];
    for (const sql of broken) {
      expect([sql, await db.within(own).read(sql, [])]).toEqual([sql, [{ id: own }]]);
      // The control: it is broken indeed.
      if (!sql.includes('own_prompt')) expect([sql, await db.read(sql, [])]).toEqual([sql, expect.toSatisfy(isBoth)]);
    }
    await db.within(own).transaction(async (tx) => {
      expect(await tx.prompt.findMany({ where: {}, select: { projectId: true } })).toEqual([{ projectId: own }]);
      expect(await tx.membership.count()).toBe(1);
      // A forgotten condition is refused before it gets that far.
      await expect(
        Promise.resolve().then(() => tx.prompt.findMany({ where: { projectId: undefined as unknown as string } })),
      ).rejects.toThrow('undefined');
    });
  });

  test('refuses to change, remove or add a row of another project, and leaves it as it was (T22)', async () => {
    const xmin = async (): Promise<unknown> =>
      db.read('SELECT xmin::text, text FROM prompt WHERE id = $1', [prompts[foreign]]);
    const before = await xmin();
    const inOwn = <T>(work: (tx: Tx) => Promise<T>): Promise<T> => db.within(own).transaction(work);
    expect(
      await inOwn((tx) => tx.$executeRaw`UPDATE prompt SET text = 'stolen' WHERE id = ${prompts[foreign]}::uuid`),
    ).toBe(0);
    expect(await inOwn((tx) => tx.$executeRaw`DELETE FROM prompt WHERE id = ${prompts[foreign]}::uuid`)).toBe(0);
    expect(await inOwn((tx) => tx.$executeRaw`UPDATE prompt SET text = 'canary words'`)).toBe(1);
    await expect(
      inOwn((tx) => tx.$executeRaw`UPDATE prompt SET project_id = ${foreign}::uuid WHERE id = ${prompts[own]}::uuid`),
    ).rejects.toThrow('row-level security');
    await expect(
      inOwn((tx) => appendEvents(tx, [{ projectId: foreign, kind: 'prompt.deleted', promptId: nobody, view: {} }])),
    ).rejects.toThrow('row-level security');
    await expect(
      inOwn((tx) =>
        appendAudit(tx, ids, { projectId: foreign, userId: null, action: 'retention.changed', details: {} }),
      ),
    ).rejects.toThrow('row-level security');
    expect(await xmin()).toEqual(before);
  });

  test('makes a store of another project find nothing and store nothing, though its statements name that one (T22, T24)', async () => {
    const tenant = { projectId: foreign, spaceId, dimensions };
    const vector = new Float32Array([1, 1, 1]);
    const stored = { promptId: prompts[foreign] ?? '', textHash: 'hash', vector, isTruncated: false };
    await db.within(own).transaction(async (tx) => {
      const writes = new PromptWrites(tx, tenant);
      expect(await writes.get(stored.promptId)).toBeNull();
      expect(await writes.putVector(stored)).toBe(false);
      expect(await writes.reopen({ promptId: stored.promptId, leaseOwner: nobody })).toBe(false);
    });
    // The control: in its own project the same store does all of it.
    await db.within(foreign).transaction(async (tx) => {
      expect(await new PromptWrites(tx, tenant).putVector(stored)).toBe(true);
    });
    expect(await new PromptReads(db, tenant).get(stored.promptId)).toMatchObject({ projectId: foreign });
  });

  test('is no matter of the wall alone: the database refuses a relation across projects to everybody (T24)', async () => {
    const sql = `INSERT INTO response (id, project_id, prompt_id, text, model, provider, latency_ms)
      VALUES (gen_random_uuid(), $1, $2, 'a', 'm', 'p', 1)`;
    for (const scope of [db, db.within(own)])
      await expect(scope.read(sql, [own, prompts[foreign]])).rejects.toMatchObject({ kind: 'notFound' });
  });
});

describe('a scope', () => {
  const whoSql = `SELECT current_user::text AS "user", coalesce(current_setting('promptwell.project_id', true), '') AS project`;
  const present = (): Promise<object[]> => db.read(whoSql, []);

  test('lasts for its one statement or transaction, and nothing of it is left on the connection', async () => {
    const before = await present();
    expect(await db.within(own).read(whoSql, [])).toEqual([{ user: projectRole, project: own }]);
    expect(await present()).toEqual([{ ...before[0], project: '' }]);
    await db.within(own).transaction(async (tx) => {
      expect(await tx.$queryRaw`SELECT current_user::text AS "user"`).toEqual([{ user: projectRole }]);
    });
    await Promise.all(
      Array.from({ length: 40 }, async (_, index) => {
        const project = index % 2 === 0 ? own : foreign;
        expect(await db.within(project).read(whoSql, [])).toEqual([{ user: projectRole, project }]);
        expect(await present()).toEqual([{ ...before[0], project: '' }]);
      }),
    );
  });

  test.each(['readKept', 'readParsed'] as const)(
    'is entered by %s too, each for its own project, through every failure on the way',
    async (read) => {
      const kept = <Row extends object>(
        project: string,
        sql: string,
        values: readonly unknown[] = [],
      ): Promise<Row[]> => db.within(project)[read]<Row>(sql, values);
      const sql = 'SELECT project_id::text AS id, 1 / $1::int AS share FROM prompt';
      for (let round = 0; round < 12; round += 1)
        for (const project of [own, foreign]) {
          expect(await kept(project, sql, [1])).toEqual([{ id: project, share: 1 }]);
          await expect(kept(project, sql, [0])).rejects.toThrow('division by zero');
          expect(await db.within(project).read(whoSql, [])).toEqual([{ user: projectRole, project }]);
        }
      // What could not be parsed is parsed again, once it can be.
      const late = 'SELECT n FROM later';
      for (let round = 0; round < 12; round += 1) await expect(kept(own, late)).rejects.toThrow('does not exist');
      await db.read('CREATE TABLE later AS SELECT 7 AS n', []);
      await db.read(`GRANT SELECT ON later TO ${projectRole}`, []);
      await Promise.all(Array.from({ length: 20 }, async () => expect(await kept(own, late)).toEqual([{ n: 7 }])));
      await db.read('DROP TABLE later', []);
      await expect(kept(own, late)).rejects.toThrow('does not exist');
      const mode = `SELECT current_setting('plan_cache_mode') AS mode`;
      expect(await db.within(own).read(mode, [])).toEqual([{ mode: 'force_custom_plan' }]);
    },
  );

  test('of a kept statement is planned once a connection on a server of our own, and nothing is kept on the embedded engine', async () => {
    const sql = 'SELECT id FROM prompt WHERE id = $1 /* kept once */';
    for (let round = 0; round < 30; round += 1) await db.within(own).readKept(sql, [prompts[own]]);
    const rows = await Promise.all(
      Array.from({ length: 30 }, () =>
        db.read<{ pid: number; custom: number }>(
          `SELECT pg_backend_pid() AS pid, custom_plans::int AS custom FROM pg_prepared_statements
           WHERE statement LIKE '%kept once%' AND name <> ''`,
          [],
        ),
      ),
    );
    const plans = new Map(rows.flat().map((row) => [row.pid, row]));
    if (engineUnderTest === 'embedded') expect(plans.size).toBe(0);
    else {
      expect(plans.size).toBeGreaterThan(0);
      expect([...plans.values()].every(({ custom }) => custom === 0)).toBe(true);
    }
  });

  test('of a parsed statement is planned for its values each time, without a scope too', async () => {
    const sql = 'SELECT id FROM prompt WHERE id = $1 /* parsed once */';
    for (let round = 0; round < 30; round += 1)
      for (const scope of [db, db.within(own)])
        expect(await scope.readParsed(sql, [prompts[own]])).toEqual([{ id: prompts[own] }]);
    const rows = await Promise.all(
      Array.from({ length: 30 }, () =>
        db.read<{ name: string; generic: number }>(
          `SELECT name, generic_plans::int AS generic FROM pg_prepared_statements
           WHERE statement LIKE '%parsed once%' AND name <> ''`,
          [],
        ),
      ),
    );
    expect(rows.flat().filter(({ generic }) => generic > 0)).toEqual([]);
    const names = new Set(rows.flat().map(({ name }) => name.endsWith('_unscoped')));
    expect(names).toEqual(new Set(engineUnderTest === 'embedded' ? [] : [false, true]));
  });

  test('fails as its statement fails, rolls back with it, and leaves nothing behind', async () => {
    const before = await present();
    const insertSql = `INSERT INTO event (project_id, kind, prompt_id, view)
      SELECT $1::uuid, 'late', $1::uuid, '{}' FROM generate_series(0, 3) AS n WHERE 1 / (3 - n) >= 0`;
    await expect(db.within(own).read(insertSql, [own])).rejects.toThrow('division by zero');
    await expect(db.within(own).read('SELECT nothing FROM prompt', [])).rejects.toThrow('does not exist');
    await expect(db.within(own).read('SELECT $1::uuid', ['no id'])).rejects.toMatchObject({ kind: 'invalid' });
    await expect(db.within('no id').read('SELECT count(*) FROM prompt', [])).rejects.toMatchObject({ kind: 'invalid' });
    expect(await present()).toEqual(before);
    expect(await db.read(`SELECT 1 FROM event WHERE kind = 'late'`, [])).toEqual([]);
  });

  test('answers as the plain connection does: types, nulls, rows of none, of many and of a large text', async () => {
    const sql = `SELECT n, n::float8 / 2 AS half, NULL::text AS none, now() > '2020-01-01' AS is, ARRAY['a', $2] AS list,
      jsonb_build_object('n', n) AS json, repeat('x', 200000) AS long FROM generate_series(1, $1::int) AS n`;
    for (const count of [0, 1, 30])
      expect(await db.within(own).read(sql, [count, 'ü'])).toEqual(await db.read(sql, [count, 'ü']));
  });
});

const isBoth = (rows: { id: string }[]): boolean => new Set(rows.map(({ id }) => id)).size === 2;
