import type { Statement, Tenant } from '../../src/features/prompts/store/statements.js';
import { getPrompt, listPrompts } from '../../src/features/prompts/store/statements.js';
import { nearbyPrompts, type Search, similarPrompts } from '../../src/features/prompts/store/search.js';
import { askedWords, wordRows } from '../../src/features/prompts/store/words.js';
import { insertPrompts } from '../../src/features/prompts/store/insertion.js';
import { promptView } from '../../src/features/prompts/view.js';
import { systemClock } from '../../src/kernel/clock.js';
import { systemIds } from '../../src/kernel/ids.js';
import { createAnnIndexSql } from '../../src/platform/db/ann-index.js';
import type { Database } from '../../src/platform/db/database.js';
import { activateFirst, ensureSpace } from '../../src/platform/db/space.js';
import { createTestDatabase } from '../support/database.js';
import { lexicalVector, manyPrompts, storeMany } from '../support/large-project.js';
import { row } from './measure.js';
import { type Contender, interleave } from './rounds.js';

// What the second wall costs: the room's own statements with and without it, interleaved.
// TEST_DATABASE_URL=... npx tsx tests/bench/row-security.ts [--quick]

const isQuick = process.argv.includes('--quick');
const rounds = 5;
const sizes = isQuick ? [200, 1_000] : [1_000, 10_000];
/** Beside the projects that are asked for: 50 of 100 prompts. */
const neighbours = isQuick ? 5 : 50;
const dimensions = 384;
const ids = systemIds(() => systemClock.nowMs());

/** A statement of the n-th call, and how often a round runs it. */
interface Asked {
  name: string;
  tenant: Tenant;
  perRound: number;
  statement: (index: number) => Statement;
}

/** The same statement on the plain connection; the view that words are looked up in is the table there. */
const plainly = (db: Database, { text, values }: Statement): Promise<object[]> =>
  db.read(text.replaceAll('own_prompt', 'prompt'), values);

/** The way without a pipeline: three round trips, and none that could be forgotten. */
async function inTransaction(db: Database, projectId: string, { text, values }: Statement): Promise<void> {
  const client = await db.pool.connect();
  try {
    await client.query('BEGIN');
    await client.query(
      `SELECT set_config('role', 'promptwell_project', true), set_config('promptwell.project_id', $1, true)`,
      [projectId],
    );
    await client.query(text, [...values]);
    await client.query('COMMIT');
  } finally {
    client.release();
  }
}

/** What is compared for one statement. */
function contenders(db: Database, { statement, tenant: { projectId } }: Asked): Contender[] {
  const walled = db.within(projectId);
  return [
    { name: 'no wall', run: (index) => plainly(db, statement(index)) },
    {
      name: 'wall, one round trip',
      run: (index) => {
        const { text, values } = statement(index);
        return walled.read(text, values);
      },
    },
    { name: 'wall, BEGIN ... COMMIT', run: (index) => inTransaction(db, projectId, statement(index)) },
  ];
}

async function fill(db: Database, size: number): Promise<{ tenant: Tenant; prompts: string[] }> {
  const projectId = ids.uuid();
  await db.read(`INSERT INTO project (id, name) VALUES ($1, 'bench')`, [projectId]);
  const spaceId = await ensureSpace(db, { name: 'lexical-1', dimensions });
  await activateFirst(db, spaceId);
  const texts = Array.from({ length: size }, (_, index) => manyPrompts(index));
  return { tenant: { projectId, spaceId, dimensions }, prompts: await storeMany(db, { projectId, texts }) };
}

function reads({ tenant, prompts }: { tenant: Tenant; prompts: string[] }): Asked[] {
  const at = (index: number): string => prompts[index % prompts.length] ?? '';
  const search = (index: number): Search => ({
    vector: lexicalVector(manyPrompts(index * 7)),
    excludedId: null,
    filter: {},
    limit: 10,
    maxDistance: 2,
  });
  const size = prompts.length;
  return [
    { name: `get, of ${size}`, tenant, perRound: 300, statement: (index) => getPrompt(tenant, at(index)) },
    {
      name: `list, 20 of ${size}`,
      tenant,
      perRound: 150,
      statement: (index) => listPrompts(tenant, { filter: {}, before: at(index + 100), limit: 21 }),
    },
    {
      name: `similar, exact, ${size}`,
      tenant,
      perRound: size > 5_000 ? 20 : 60,
      statement: (index) => similarPrompts(tenant, search(index)),
    },
    {
      name: `words asked for, ${size}`,
      tenant,
      perRound: 40,
      statement: (index) => askedWords(tenant, manyPrompts(index * 7), 501),
    },
    {
      name: `prompts of two words, ${size}`,
      tenant,
      perRound: 40,
      statement: (index) => wordRows(tenant, words(search(index))),
    },
  ];
}

const words = ({ vector }: Search) => ({
  lexemes: ['budget', 'oslo'],
  seekers: ['oslo'],
  ids: [],
  textHash: 'none',
  excludedId: null,
  filter: {},
  limit: 500,
  vector,
});

async function byIndex(db: Database, { tenant, prompts }: { tenant: Tenant; prompts: string[] }): Promise<Asked> {
  const { engine } = db;
  await db.alone(new AbortController().signal, (connection) =>
    connection.query(createAnnIndexSql(tenant, { engine, dimensions })),
  );
  const lane = { engine, depth: { efSearch: 215, candidates: 50 } };
  return {
    name: `similar, own index, ${prompts.length}`,
    tenant,
    perRound: 40,
    statement: (index) => {
      const vector = lexicalVector(manyPrompts(index * 7));
      return nearbyPrompts(tenant, { vector, excludedId: null, filter: {}, limit: 10, maxDistance: 2 }, lane);
    },
  };
}

function create(tenant: Tenant): Asked {
  const vector = new Float32Array(dimensions).fill(0.1);
  const userId = ids.uuid();
  return {
    name: 'create with a vector and two events',
    tenant,
    perRound: 100,
    statement: (index) => {
      const prompt = {
        id: ids.uuid(),
        userId,
        text: manyPrompts(index),
        textHash: 'bench',
        system: null,
        model: null,
        parameters: {},
        conversationId: null,
        environment: 'bench',
        tags: [],
        metadata: {},
        isPushed: true,
        idempotencyKey: null,
        requestHash: null,
        leaseOwner: null,
      };
      const none = { space: null, dimensions: null, isTruncated: null, response: null, responses: 0 };
      const times = { createdAt: new Date(0), updatedAt: new Date(0) };
      const view = promptView({ ...prompt, ...none, ...times, projectId: tenant.projectId, status: 'completed' });
      const insertion = {
        prompt,
        status: 'completed' as const,
        createdAt: null,
        vector: { vector, isTruncated: false },
        responses: [],
        kinds: ['prompt.created', 'prompt.completed'],
        view,
      };
      return insertPrompts(tenant, { insertions: [insertion], channel: 'bench' });
    },
  };
}

/** One small write in a transaction of Prisma's, which is how everything else is written. */
async function transactions(db: Database, { projectId }: Tenant): Promise<string[]> {
  const work = (scope: Pick<Database, 'transaction'>) => (): Promise<number> =>
    scope.transaction((tx) => tx.$executeRaw`UPDATE project SET name = 'bench' WHERE id = ${projectId}::uuid`);
  const figures = await interleave(
    [
      { name: 'no wall', run: work(db) },
      { name: 'wall', run: work(db.within(projectId)) },
    ],
    { rounds, perRound: 100 },
  );
  return line('a transaction of one statement', [...figures, undefined]);
}

type Figure = Awaited<ReturnType<typeof interleave>>[number] | undefined;

function line(name: string, figures: readonly Figure[]): string[] {
  const [without, wall, slow] = figures;
  if (without === undefined || wall === undefined) throw new Error('nothing was measured');
  const ms = (figure: Figure): string => figure?.p50Ms.toFixed(2) ?? '';
  const more = (figure: Figure): string => (figure === undefined ? '' : (figure.p50Ms / without.p50Ms).toFixed(2));
  const cpu = (figure: Figure): string => (figure === undefined ? '' : String(Math.round(figure.cpuUs)));
  return [row(name, ms(without), ms(wall), ms(slow), more(wall), more(slow), cpu(without), cpu(wall), cpu(slow))];
}

async function run(): Promise<void> {
  await using database = await createTestDatabase();
  const { db } = database;
  if (db.rowSecurity.missing !== null) throw new Error(`there is no wall to measure: ${db.rowSecurity.missing}`);
  for (let index = 0; index < neighbours; index += 1) await fill(db, 100);
  const projects = [];
  for (const size of sizes) projects.push(await fill(db, size));
  await db.alone(new AbortController().signal, (connection) => connection.query('VACUUM ANALYZE'));
  console.log(`${db.engine}, ${rounds} rounds; ${neighbours} other projects of 100\n`);
  console.log(row('statement', 'no wall ms', 'wall ms', 'BEGIN ms', 'ratio', 'BEGIN ratio', 'CPU us', 'wall', 'BEGIN'));
  console.log(row(...Array.from({ length: 9 }, () => '---')));
  const print = async (asked: Asked): Promise<void> => {
    const figures = await interleave(contenders(db, asked), { rounds, perRound: isQuick ? 20 : asked.perRound });
    for (const printed of line(asked.name, figures)) console.log(printed);
  };
  for (const project of projects) for (const asked of reads(project)) await print(asked);
  const [small, large] = projects;
  if (small === undefined || large === undefined) return;
  await print(create(small.tenant));
  for (const printed of await transactions(db, small.tenant)) console.log(printed);
  await print(await byIndex(db, large));
}

await run();
