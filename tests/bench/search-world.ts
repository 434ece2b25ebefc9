import { createHash } from 'node:crypto';
import { toSql } from 'pgvector';
import pg from 'pg';
import { loadConfig } from '../../src/config.js';
import type { Search } from '../../src/features/prompts/store/search.js';
import { openDatabase } from '../../src/platform/db/client.js';
import { type AnnTarget, createAnnIndexSql } from '../../src/platform/db/ann-index.js';
import type { Database } from '../../src/platform/db/database.js';
import { activateFirst, ensureSpace } from '../../src/platform/db/space.js';
import { createLexicalModel } from '../../src/platform/embedding/lexical.js';
import type { ServingSpace } from '../../src/platform/embedding/spaces.js';
import { createTestDatabase, migratedTemplate, serverConfig, testDeps } from '../support/database.js';
import { type BenchProject, loadProjects, manyTexts, realTexts, seeded, shuffled } from './large-data.js';
import { hasData } from './lexical-data.js';
import type { Matrix } from './peers.js';
import { textOf } from './similar.js';

/** How many nearest every search of these benches asks for. */
export const limit = 10;
const dimensions = 384;
/** Questions held out of what is stored. */
const asked = 100;

/** A question: its vector for peers in this process and as pgvector reads it. */
export interface Question {
  vector: Float32Array;
  sql: string;
}

/** One database with a project of each size, all with an index of their own, and what is asked of them. */
export interface SearchWorld extends AsyncDisposable {
  db: Database;
  space: ServingSpace;
  /** Each holds the first texts as far as its size goes; their rows lie scattered among each other's. */
  projects: BenchProject[];
  questions: Question[];
  /** The vectors of the largest project. */
  matrix: Matrix;
  /** The same for the same texts, sizes and model. */
  key: string;
  /** From which size on the service searches by index. */
  minIndexed: number;
}

/** The search of a question, without a bound of distance or a filter. */
export const searchFor = ({ sql }: Question): Search => ({
  vector: sql,
  excludedId: null,
  filter: {},
  limit,
  maxDistance: 3,
});

/**
 * The world that search-scale, search-tenant and growth share.
 *
 * Cost: some minutes at 100 000; on a server a world that is kept (`isKept`) serves the next run.
 */
export async function openSearchWorld(sizes: readonly number[], isKept: boolean): Promise<SearchWorld> {
  const { questions, stored, key } = searchTexts(sizes);
  const projects = sizes.map((size) => ({ id: `00000000-0000-7000-8000-${String(size).padStart(12, '0')}`, size }));
  const home = await openHome(`promptwell_bench_${key}`, isKept);
  const { db } = home;
  const spaceId = await ensureSpace(db, { name: 'lexical-1', dimensions });
  await activateFirst(db, spaceId);
  if (!(await isThere(db))) await fill(db, { projects, spaceId, stored });
  return {
    db,
    space: { id: spaceId, name: 'lexical-1', dimensions, embedder: undefined as never },
    projects,
    questions,
    matrix: matrixOf(stored),
    key,
    minIndexed: home.minIndexed,
    [Symbol.asyncDispose]: home.close,
  };
}

interface Stored {
  text: string;
  vector: Float32Array;
}

/** What is asked and what is stored. */
export function searchTexts(sizes: readonly number[]): { questions: Question[]; stored: Stored[]; key: string } {
  const all = vectored(Math.max(...sizes) + asked);
  const questions = all.slice(0, asked).map(({ vector }) => ({ vector, sql: toSql(Array.from(vector)) as string }));
  const stored = all.slice(asked);
  const key = createHash('sha256')
    .update(JSON.stringify([sizes, stored[0]?.text, stored.at(-1)?.text]))
    .update(stored[0]?.vector ?? '')
    .digest('hex')
    .slice(0, 12);
  return { questions, stored, key };
}

/** Stored texts as peers read them. */
export const matrixOf = (stored: readonly Stored[]): Matrix => ({
  dimensions,
  rows: stored.length,
  row: (index) => stored[index]?.vector ?? new Float32Array(dimensions),
});

/** Real texts where they are on this machine, else made-up ones; those without a word in them are left out. */
function vectored(count: number): Stored[] {
  const model = createLexicalModel();
  const spare = 50;
  const texts = hasData()
    ? manyTexts(realTexts(), count + spare)
    : shuffled(
        Array.from({ length: count + spare }, (_, index) => textOf(index)),
        seeded(4),
      );
  return texts
    .map((text) => ({ text, vector: model.embed([text])[0]?.vector ?? new Float32Array(dimensions) }))
    .filter(({ vector }) => vector.some((one) => one !== 0))
    .slice(0, count);
}

const minIndexed = (env: NodeJS.ProcessEnv): number => loadConfig(env).search.annMinVectors;

interface Home {
  db: Database;
  minIndexed: number;
  close: () => Promise<void>;
}

/** A database of that name, made anew or found; on the embedded engine always a new one. */
async function openHome(name: string, isKept: boolean): Promise<Home> {
  const serverUrl = process.env['TEST_DATABASE_URL'];
  if (serverUrl === undefined) {
    const test = await createTestDatabase();
    return { db: test.db, minIndexed: minIndexed({}), close: async () => test[Symbol.asyncDispose]() };
  }
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const template = await migratedTemplate(serverUrl);
  await administer(serverUrl, async (client) => {
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`);
  });
  const db = await openDatabase({ ...testDeps, config: serverConfig(url.href) });
  return {
    db,
    minIndexed: minIndexed({ DATABASE_URL: url.href, JWT_SECRET: 'x'.repeat(32) }),
    async close() {
      await db.close();
      if (!isKept) await administer(serverUrl, (client) => client.query(`DROP DATABASE ${name} WITH (FORCE)`));
    },
  };
}

async function administer(url: string, work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

/** The last thing that `fill` makes says that it came to its end. */
const filledMark = 'bench_filled';

async function isThere(db: Database): Promise<boolean> {
  const [row] = await db.read<{ is: boolean }>(`SELECT to_regclass($1) IS NOT NULL AS is`, [filledMark]);
  return row?.is === true;
}

async function fill(
  db: Database,
  { projects, spaceId, stored }: { projects: BenchProject[]; spaceId: number; stored: readonly Stored[] },
): Promise<void> {
  // Written out only when its batch is sent: all at once they would take a gigabyte.
  const texts = stored.map(({ text, vector }) => ({
    text,
    get vector() {
      return toSql(Array.from(vector)) as string;
    },
  }));
  // Without a statement timeout: the machine may be busy.
  const unbounded = new AbortController().signal;
  await db.alone(unbounded, async (connection) => {
    await connection.query(`DELETE FROM project`);
    await loadProjects(connection, { projects, texts, spaceId }, (rows) => shuffled(rows, seeded(3)));
    await connection.query('VACUUM ANALYZE');
  });
  const targets = projects.map(({ id }) => ({ projectId: id, spaceId }));
  await buildIndexes(db, targets);
  await db.alone(unbounded, async (connection) => {
    await connection.query('VACUUM ANALYZE');
    await connection.query(`CREATE TABLE ${filledMark} ()`);
  });
}

/** The expression's type in the index over all projects, which a server has: not that of ours, so that it never serves them. */
export const everybodyType = `vector(${dimensions})`;

/**
 * An index of its own for each project, made by the service's statement, and on a server what the usual guide advises: one
 * over all, which the planner may choose for any project.
 */
async function buildIndexes(db: Database, targets: readonly AnnTarget[]): Promise<void> {
  const own = targets.map((target) => createAnnIndexSql(target, { engine: db.engine, dimensions }));
  const everybody = `CREATE INDEX ann_bench_everybody ON embedding USING hnsw ((vector::${everybodyType}) vector_cosine_ops)`;
  // Side by side, which indexes made CONCURRENTLY are not.
  const statements = [...own, ...(db.engine === 'server' ? [everybody] : [])].map((sql) =>
    sql.replace('CONCURRENTLY ', ''),
  );
  const run = (sql: string) =>
    db.alone(new AbortController().signal, async (connection) => {
      await connection.query(
        `SELECT set_config('maintenance_work_mem', $1, false), set_config('max_parallel_maintenance_workers', '0', false)`,
        [buildMemory[db.engine]],
      );
      await connection.query(sql.replace('CREATE INDEX', 'CREATE INDEX IF NOT EXISTS'));
      await connection.query('RESET maintenance_work_mem');
    });
  if (db.engine === 'server') await Promise.all(statements.map(run));
  else for (const sql of statements) await run(sql);
}

const buildMemory = { server: '400MB', embedded: '128MB' } as const;
