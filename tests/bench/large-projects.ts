/**
 * Large projects: recall and time by size within one database, what an index costs, filters, and other projects' noise.
 *
 * Run: `npx tsx tests/bench/large-projects.ts`, with TEST_DATABASE_URL for the server engine; `--quick` for small sizes.
 * Build first. Skipped without ../shared/data.
 */
import { cpus, loadavg } from 'node:os';
import { AnnStore } from '../../src/features/large-projects/store.js';
import { findNearest, type Nearest } from '../../src/features/prompts/service/nearest.js';
import type { Search } from '../../src/features/prompts/store/search.js';
import { annIndexName } from '../../src/platform/db/ann-index.js';
import type { Database } from '../../src/platform/db/database.js';
import { activateFirst, ensureSpace } from '../../src/platform/db/space.js';
import type { ServingSpace } from '../../src/platform/embedding/spaces.js';
import { createTestDatabase, engineUnderTest } from '../support/database.js';
import {
  type BenchProject,
  embedAll,
  loadProjects,
  manyTexts,
  realTexts,
  seeded,
  shuffled,
  type Vectored,
} from './large-data.js';
import { hasData } from './lexical-data.js';
import { median, row, times } from './measure.js';

const isQuick = process.argv.includes('--quick');
const onServer = engineUnderTest === 'server';
const fullSizes = onServer ? [50, 100, 500, 1_000, 5_000, 10_000, 50_000, 100_000] : [50, 1_000, 5_000, 10_000];
const sizes = isQuick ? [50, 500, 2_000] : fullSizes;
/** Stored one after another, as an import does; the others lie scattered among all. */
const togetherSizes = isQuick ? [1_000] : onServer ? [5_000, 10_000] : [];
/** Below it a project is only searched exactly. */
const leastIndexed = 1_000;
const asked = isQuick ? 50 : 150;
const tenants = onServer ? 100 : 20;
const dimensions = 384;

interface Bench {
  db: Database;
  space: ServingSpace;
  queries: Vectored[];
}

async function run(): Promise<void> {
  const largest = Math.max(...sizes);
  const real = realTexts();
  const vectored = embedAll(manyTexts(real, largest + asked + 50));
  const queries = vectored.slice(0, asked);
  const texts = vectored.slice(asked);
  await using test = await createTestDatabase();
  const { db } = test;
  const spaceId = await ensureSpace(db, { name: 'lexical-1', dimensions });
  await activateFirst(db, spaceId);
  const bench: Bench = {
    db,
    space: { id: spaceId, name: 'lexical-1', dimensions, embedder: undefined as never },
    queries,
  };
  const projects = sizes.map(projectOf('scattered'));
  const together = togetherSizes.map(projectOf('together'));
  const small = Array.from({ length: tenants }, (_, index) => ({ id: idOf(10 + index), size: 50 }));
  const load = { spaceId, texts };
  // Without a statement timeout: the machine may be busy.
  await db.alone(new AbortController().signal, async (connection) => {
    await loadProjects(connection, { ...load, projects: [...projects, ...small] }, (rows) => shuffled(rows, seeded(3)));
    await loadProjects(connection, { ...load, projects: together }, (rows) => rows);
    await connection.query('VACUUM ANALYZE');
  });
  const [counted] = await db.read<{ rows: number }>('SELECT count(*)::int AS rows FROM embedding', []);
  console.log(
    `${engineUnderTest}, ${cpus().length} cores, load ${loadavg()[0]?.toFixed(1)}, ${counted?.rows} vectors, ` +
      `${Math.min(real.length, largest)} of the largest project's texts are real, ${asked} queries held out\n`,
  );
  console.log(
    row(
      'size',
      'rows lie',
      'exact p50 ms',
      'index p50 ms',
      'exact / index',
      'recall@10',
      'recall@50',
      'short answers',
      'build s',
      'MB',
    ),
  );
  console.log(row(...Array.from({ length: 10 }, () => '---')));
  for (const project of projects) console.log(await sizeRow(bench, project, 'scattered'));
  for (const project of together) console.log(await sizeRow(bench, project, 'together'));
  const large = projects.at(-1) ?? { id: '', size: 0 };
  console.log(`\nFilters on the project of ${large.size}:\n`);
  for (const line of await filterRows(bench, large)) console.log(line);
  console.log(`\n${await roundTrips(bench, large)}`);
  console.log(`\n${await isolation(bench, { small, large, texts })}`);
  for (const project of projects.filter(({ size }) => size === 10_000 || size === largest))
    console.log(`\n${await inserts(bench, { project, texts })}`);
}

const idOf = (number: number): string => `00000000-0000-7000-8000-${String(number).padStart(12, '0')}`;
const projectOf =
  (how: 'scattered' | 'together') =>
  (size: number): BenchProject => ({
    id: idOf(size * 1_000 + (how === 'together' ? 1 : 0)),
    size,
  });

const searchFor = (query: Vectored, limit: number, filter: Search['filter'] = {}): Search => ({
  vector: query.vector,
  excludedId: null,
  filter,
  limit,
  maxDistance: 3,
});

/** A search in one lane: the exact one, or whichever is taken by a service that believes in an index of `size`. */
function nearest({ db, space }: Bench, { id, size }: BenchProject, lane: 'exact' | 'hnsw') {
  const annIndexes = { find: () => (lane === 'hnsw' ? size : undefined), onCompared: () => undefined };
  return (search: Search): Promise<Nearest> => findNearest({ db, annIndexes }, { space, projectId: id }, search);
}

/** Both lanes for each query, in turns. */
async function compare(
  bench: Bench,
  project: BenchProject,
  { limit, filter }: { limit: number; filter?: Search['filter'] },
) {
  const [exactly, byIndex] = [nearest(bench, project, 'exact'), nearest(bench, project, 'hnsw')];
  const figures = {
    exactMs: [] as number[],
    indexMs: [] as number[],
    found: 0,
    wanted: 0,
    short: 0,
    lane: '',
    passing: 0,
  };
  for (const query of bench.queries) {
    const search = searchFor(query, limit, filter);
    let truth: Nearest | undefined;
    let answer: Nearest | undefined;
    figures.exactMs.push(...(await times(1, async () => void (truth = await exactly(search)))));
    figures.indexMs.push(...(await times(1, async () => void (answer = await byIndex(search)))));
    if (truth === undefined || answer === undefined) throw new Error('a search gave nothing');
    const farthest = (truth.rows.at(-1)?.distance ?? 0) + 1e-6;
    figures.found += answer.rows.filter(({ distance }) => distance <= farthest).length;
    figures.wanted += truth.rows.length;
    figures.short += answer.rows.length === Math.min(limit, truth.candidates) ? 0 : 1;
    figures.lane = answer.lane;
    figures.passing = truth.candidates;
  }
  return { ...figures, recall: (figures.found / figures.wanted).toFixed(4) };
}

async function sizeRow(bench: Bench, project: BenchProject, how: string): Promise<string> {
  const { size } = project;
  if (size < leastIndexed) {
    const { exactMs, short } = await compare(bench, project, { limit: 10 });
    return row(String(size), how, median(exactMs), '', '', '1 (exact)', '', String(short), '', '');
  }
  const target = { projectId: project.id, spaceId: bench.space.id };
  const [buildMs = 0] = await times(1, () =>
    bench.db.alone(new AbortController().signal, (connection) =>
      new AnnStore(connection, bench.db.engine).build(target, { dimensions, rows: size }),
    ),
  );
  const [sized] = await bench.db.read<{ bytes: number }>('SELECT pg_relation_size($1::regclass)::float8 AS bytes', [
    annIndexName(target),
  ]);
  const ten = await compare(bench, project, { limit: 10 });
  const fifty = await compare({ ...bench, queries: bench.queries.slice(0, 50) }, project, { limit: 50 });
  const [exact, index] = [median(ten.exactMs), median(ten.indexMs)];
  const short = String(ten.short + fifty.short);
  return row(
    String(size),
    how,
    exact,
    index,
    exact / index,
    ten.recall,
    fifty.recall,
    short,
    buildMs / 1_000,
    (sized?.bytes ?? 0) / 1e6,
  );
}

async function filterRows(bench: Bench, project: BenchProject): Promise<string[]> {
  const rows = [
    row('filter', 'pass it', 'lane taken', 'its p50 ms', 'exact p50 ms', 'recall@10', 'short answers'),
    row(...Array.from({ length: 7 }, () => '---')),
  ];
  const some = { ...bench, queries: bench.queries.slice(0, 50) };
  for (const filter of [{ environment: 'e0' }, { tag: 't3' }, { tag: 'h3' }, { tag: 'k3' }]) {
    const found = await compare(some, project, { limit: 10, filter });
    rows.push(
      row(
        JSON.stringify(filter),
        String(found.passing),
        found.lane,
        median(found.indexMs),
        median(found.exactMs),
        found.recall,
        String(found.short),
      ),
    );
  }
  return rows;
}

/** The settings of a search: within its statement, against a transaction around it. */
async function roundTrips({ db, queries, space }: Bench, { id }: BenchProject): Promise<string> {
  const type = onServer ? 'halfvec' : 'vector';
  const target = `SELECT prompt_id FROM embedding WHERE (project_id = '${id}'::uuid) IS TRUE AND (space_id = ${space.id}) IS TRUE
    ORDER BY (vector::${type}(384)) <=> $1::${type}(384) LIMIT 20`;
  const client = await db.pool.connect();
  const [inOne, inFour]: [number[], number[]] = [[], []];
  for (const { vector } of queries) {
    inOne.push(
      ...(await times(1, () =>
        client.query(
          `WITH asked AS MATERIALIZED (SELECT $1::vector AS v, set_config('hnsw.ef_search', '100', true))
           SELECT c.prompt_id FROM asked CROSS JOIN LATERAL (${target.replace('$1', 'asked.v')}) AS c`,
          [vector],
        ),
      )),
    );
    inFour.push(
      ...(await times(1, async () => {
        await client.query('BEGIN');
        await client.query('SET LOCAL hnsw.ef_search = 100');
        await client.query(target, [vector]);
        await client.query('COMMIT');
      })),
    );
  }
  client.release();
  return `Settings in the statement: p50 ${median(inOne).toFixed(2)} ms; in a transaction of four statements: ${median(inFour).toFixed(2)} ms (ratio ${(median(inFour) / median(inOne)).toFixed(2)}).`;
}

/** T27 and T28: whose prompts come, and whether a neighbour's flood changes an answer. */
async function isolation(
  bench: Bench,
  { small, large, texts }: { small: BenchProject[]; large: BenchProject; texts: Vectored[] },
): Promise<string> {
  let [searches, foreign] = [0, 0];
  for (const [index, project] of small.entries())
    for (let nth = 0; nth < 10; nth += 1) {
      // A text that the large project holds and this one does not.
      const canary = texts[(index * 10 + nth + 60) % large.size];
      if (canary === undefined) continue;
      const { rows } = await nearest(bench, project, 'exact')(searchFor(canary, 5));
      searches += 1;
      foreign += rows.filter(({ projectId }) => projectId !== project.id).length;
    }
  for (const query of bench.queries) {
    const { rows } = await nearest(bench, large, 'hnsw')(searchFor(query, 5));
    searches += 1;
    foreign += rows.filter(({ projectId }) => projectId !== large.id).length;
  }
  const victims = [large, ...small.slice(0, 5)];
  const answers = async (): Promise<string> => {
    const found: string[][] = [];
    for (const victim of victims)
      for (const query of bench.queries.slice(0, 5))
        found.push(
          (await nearest(bench, victim, victim === large ? 'hnsw' : 'exact')(searchFor(query, 5))).rows.map(
            ({ id }) => id,
          ),
        );
    return JSON.stringify(found);
  };
  const before = await answers();
  const near = Array.from({ length: 2_000 }, (_, index) => bench.queries[index % 5] ?? bench.queries[0]).flatMap(
    (one) => (one ? [one] : []),
  );
  const flood = { projects: [{ id: idOf(7), size: near.length }], texts: near, spaceId: bench.space.id };
  await bench.db.alone(new AbortController().signal, (connection) => loadProjects(connection, flood, (rows) => rows));
  const isSame = (await answers()) === before;
  return `T27: ${searches} searches in ${tenants + 1} projects for what others hold: ${foreign} foreign prompts. T28: 2 000 copies of the queries in another project: answers ${isSame ? 'unchanged' : 'CHANGED'}.`;
}

/** Single-row inserts with the index there, and after it was dropped. */
async function inserts(
  bench: Bench,
  { project, texts }: { project: BenchProject; texts: Vectored[] },
): Promise<string> {
  const { db, space } = bench;
  const count = isQuick ? 50 : 200;
  const insert = (): Promise<number> =>
    db.alone(new AbortController().signal, async (connection) => {
      const figures = await times(count, (index) => {
        const one = texts[(index * 31) % texts.length];
        const alone = { projects: [{ id: project.id, size: 1 }], texts: one ? [one] : [], spaceId: space.id };
        return loadProjects(connection, alone, (rows) => rows);
      });
      return median(figures);
    });
  const withIndex = await insert();
  await db.read(`DROP INDEX ${annIndexName({ projectId: project.id, spaceId: space.id })}`, []);
  const without = await insert();
  return `One insert into the project of ${project.size}: ${without.toFixed(2)} ms without the index, ${withIndex.toFixed(2)} ms with it (${(withIndex - without).toFixed(2)} ms more).`;
}

if (hasData()) await run();
else console.log('Skipped: ../shared/data is not on this machine.');
