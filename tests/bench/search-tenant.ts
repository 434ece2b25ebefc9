import { findNearest } from '../../src/features/prompts/service/nearest.js';
import {
  promptColumns,
  promptOfHit,
  type Statement,
  vectorJoins,
} from '../../src/features/prompts/store/statements.js';
import { Prisma } from '../../src/platform/db/generated/client.js';
import { backendCpuUs } from './backend-cpu.js';
import type { BenchProject } from './large-data.js';
import { row } from './measure.js';
import { type Figures, interleave, type Length } from './rounds.js';
import { everybodyType, limit, type Question, type SearchWorld, searchFor } from './search-world.js';

/** What a lane answers: distances, nearest first. */
type Found = { distance: number }[];

interface Lane {
  name: string;
  search(question: Question): Promise<Found>;
}

/** Width of the walk for pgvector's iterative scan over everybody's index. */
const iterativeDepth = '100';
/** Candidates of the relaxed one, to be put in order. */
const relaxedCandidates = 20;

/** The recall that a size is owed. Source: the goals of the issue about proof, section 4. */
const owed = (size: number): number => (size >= 100_000 ? 0.97 : 0.99);

/**
 * One tenant's top 10 among everybody's vectors: the lane that the service takes against each other lane.
 *
 * Every lane brings the same rows over the same road (within the project, prompts with their views), so that only the way
 * to the vectors differs. The best lane is the quickest that always answers in full and finds what the size is owed.
 */
export async function benchSearchTenant(world: SearchWorld, length: Length): Promise<string[]> {
  const rows = [
    row('tenant of', 'lane', 'fewest rows', 'recall@10', 'p50 ms', 'of the best lane', 'CPU us'),
    row('---', '---', '---', '---', '---', '---', '---'),
  ];
  for (const project of world.projects) rows.push(...(await tenantRows(world, project, length)));
  return rows;
}

interface Quality {
  fewest: number;
  recall: number;
}

async function tenantRows(world: SearchWorld, project: BenchProject, length: Length): Promise<string[]> {
  const lanes = lanesOf(world, project);
  const quality = await qualityOf(lanes, world.questions);
  const figures = await interleave(
    lanes.map(({ name, search }) => ({
      name,
      run: (index) => search(world.questions[index % world.questions.length] as Question),
    })),
    { ...length, othersCpuUs: () => backendCpuUs(world.db) },
  );
  const isGood = ({ fewest, recall }: Quality): boolean => fewest === limit && recall >= owed(project.size);
  const best = Math.min(...figures.filter((_, at) => isGood(quality[at] as Quality)).map(({ p50Ms }) => p50Ms));
  return figures.map((figure, at) => laneRow(project.size, figure, { ...(quality[at] as Quality), best }));
}

const laneRow = (size: number, { name, p50Ms, cpuUs }: Figures, of: Quality & { best: number }): string =>
  row(String(size), name, String(of.fewest), of.recall.toFixed(4), p50Ms, p50Ms / of.best, cpuUs);

/** Each lane's answers against those of the fenced exact one, which is the second. */
async function qualityOf(lanes: readonly Lane[], questions: readonly Question[]): Promise<Quality[]> {
  const sums = lanes.map(() => ({ fewest: limit, found: 0 }));
  for (const question of questions) {
    const truth = (await lanes[1]?.search(question)) ?? [];
    const farthest = (truth.at(-1)?.distance ?? 0) + 1e-6;
    for (const [at, lane] of lanes.entries()) {
      const sum = sums[at] as { fewest: number; found: number };
      const found = at === 1 ? truth : await lane.search(question);
      sum.fewest = Math.min(sum.fewest, found.length);
      sum.found += found.filter(({ distance }) => distance <= farthest).length;
    }
  }
  return sums.map(({ fewest, found }) => ({ fewest, recall: found / (questions.length * limit) }));
}

function lanesOf(world: SearchWorld, project: BenchProject): Lane[] {
  const { db } = world;
  const within = db.within(project.id);
  const asked = (statement: (question: Question) => Statement) => (question: Question) => {
    const { text, values } = statement(question);
    return within.read<{ distance: number }>(text, values);
  };
  return [
    { name: 'ours', search: service(world, project, 'chosen') },
    { name: 'exact behind a fence', search: service(world, project, 'exact') },
    { name: 'an index of its own', search: service(world, project, 'hnsw') },
    {
      name: "the planner's choice",
      search: asked((question) => hydrated(world, project, planned(world, project, question))),
    },
    ...(['strict_order', 'relaxed_order'] as const).map((order) => ({
      name: `index over all, iterative, ${order}`,
      search: asked((question) => hydrated(world, project, iterative(world, project, { question, order }))),
    })),
  ];
}

/** The service's search, in the lane that it chooses or in a given one. */
function service(
  { db, space, minIndexed }: SearchWorld,
  { id, size }: BenchProject,
  lane: 'chosen' | 'exact' | 'hnsw',
) {
  const isIndexed = lane === 'hnsw' || (lane === 'chosen' && size >= minIndexed);
  const annIndexes = { find: () => (isIndexed ? size : undefined), onCompared: () => undefined };
  return async (question: Question): Promise<Found> =>
    (await findNearest({ db, annIndexes }, { space, projectId: id }, searchFor(question))).rows;
}

/** The whole prompts of the nearest, as the service's own statements bring them. */
const hydrated = ({ space }: SearchWorld, { id }: BenchProject, nearest: Statement): Statement => Prisma.sql`
  WITH nearest AS MATERIALIZED (${nearest})
  SELECT ${promptColumns}, n.distance FROM nearest n
  CROSS JOIN ${promptOfHit(id)} ${vectorJoins(space.id)}
  ORDER BY n.distance, p.id DESC LIMIT ${limit}`;

const everybody = Prisma.raw(everybodyType);

/** As anybody writes it first; pgvector's settings as they come. */
const planned = ({ space }: SearchWorld, { id }: BenchProject, { sql }: Question): Statement => Prisma.sql`
  SELECT e.prompt_id, e.vector::${everybody} <=> ${sql}::${everybody} AS distance FROM embedding e
  WHERE e.project_id = ${id}::uuid AND e.space_id = ${space.id} ORDER BY distance LIMIT ${limit}`;

/** The index over all, going on until enough of the tenant's have come; `IS TRUE` hides the B-tree from the planner. */
const iterative = (
  { space }: SearchWorld,
  { id }: BenchProject,
  { question, order }: { question: Question; order: 'strict_order' | 'relaxed_order' },
): Statement => Prisma.sql`
  SELECT c.prompt_id, c.distance FROM (
    SELECT ${question.sql}::${everybody} AS vector, set_config('hnsw.ef_search', ${iterativeDepth}, true),
      set_config('hnsw.iterative_scan', ${order}, true) OFFSET 0) AS a
  CROSS JOIN LATERAL (
    SELECT e.prompt_id, e.vector::${everybody} <=> a.vector AS distance FROM embedding e
    WHERE (e.project_id = ${id}::uuid) IS TRUE AND (e.space_id = ${space.id}) IS TRUE
    ORDER BY distance LIMIT ${order === 'strict_order' ? limit : relaxedCandidates}) AS c`;
