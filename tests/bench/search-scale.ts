import { searchDepths } from '../../src/features/prompts/search-depth.js';
import { nearbyPrompts, similarPrompts } from '../../src/features/prompts/store/search.js';
import type { Statement } from '../../src/features/prompts/store/statements.js';
import { annIndexName, annType } from '../../src/platform/db/ann-index.js';
import { backendCpuUs } from './backend-cpu.js';
import type { BenchProject } from './large-data.js';
import { median, row, times } from './measure.js';
import { installedPeers, type Matrix, type Peer, type PeerIndex } from './peers.js';
import { type Line, writePlot } from './plot.js';
import { type Contender, type Figures, interleave, type Length } from './rounds.js';
import { limit, type Question, type SearchWorld, searchFor } from './search-world.js';

/** How deep peers search: the first depth at which they find as much as our index, or the last. */
const depths = [64, 128, 256, 512, 1_024];
/** The original reads 100 000 vectors in tens of seconds: it runs a few times, outside the rounds. */
const flatRuns = 2;
/** Rows of one read of it; all at once would not fit into a string's worth of memory. */
const flatPage = 10_000;

/** A contender with what it finds. */
interface Searcher extends Contender {
  recall: number;
  /** What its index takes a vector, the vector included where the index holds it. */
  bytesPerRow: number | null;
}

interface Measured extends Searcher {
  size: number;
  figures: Figures;
  perSecondOfTwo: number | null;
}

/**
 * Top 10 of projects by size: our statements in both lanes, two in-process indexes, and the original's way.
 *
 * The statements bring whole prompts from another process, the peers places in an array of this one.
 */
export async function benchSearchScale(world: SearchWorld, length: Length, plotPath: string | null): Promise<string[]> {
  const peers = await installedPeers();
  const measured: Measured[] = [];
  for (const project of world.projects.filter(({ size }) => size >= 1_000))
    measured.push(...(await measureSize(world, { project, peers, length })));
  if (plotPath !== null)
    writePlot(plotPath, {
      title: 'Top 10 nearest, one caller',
      across: 'prompts of the project',
      up: 'p50, ms',
      lines: linesOf(measured),
    });
  return [
    row(
      'prompts',
      'what',
      'recall@10',
      'p50 ms',
      'p99 ms',
      'of usearch',
      'CPU us',
      'a second, 1 caller',
      '2 callers',
      'bytes a row',
    ),
    row(...Array.from({ length: 10 }, () => '---')),
    ...measured.map((one) => figureRow(one, measured)),
  ];
}

function figureRow(one: Measured, all: readonly Measured[]): string {
  const { figures } = one;
  const usearch = all.find(({ size, name }) => size === one.size && name.startsWith('usearch'));
  return row(
    String(one.size),
    one.name,
    one.recall.toFixed(4),
    figures.p50Ms,
    Number.isNaN(figures.p99Ms) ? '' : figures.p99Ms,
    usearch === undefined ? '' : figures.p50Ms / usearch.figures.p50Ms,
    figures.cpuUs,
    figures.perSecond,
    one.perSecondOfTwo ?? '',
    one.bytesPerRow === null ? '' : one.bytesPerRow.toFixed(0),
  );
}

/** One line for each way, whatever depth it needed at a size. */
function linesOf(measured: readonly Measured[]): Line[] {
  const names = [...new Set(measured.map(({ name }) => lineName(name)))];
  return names.map((name) => ({
    name,
    points: measured
      .filter((one) => lineName(one.name) === name)
      .map(({ size, figures }) => [size, figures.p50Ms] as const),
  }));
}

const lineName = (name: string): string => name.replace(/, ef \d+$/, '');

async function measureSize(
  world: SearchWorld,
  { project, peers, length }: { project: BenchProject; peers: Peer[]; length: Length },
): Promise<Measured[]> {
  const truth = await farthestOf(world, project);
  const ours = await ownLanes(world, project, truth);
  const wanted = ours.at(-1)?.recall ?? 1;
  const matrix: Matrix = { ...world.matrix, rows: project.size };
  const indexes = peers.map((peer) => peer(matrix, `${world.key}-${project.size}`));
  const searchers = [...ours, ...indexes.map((index) => peerAt(index, { world, matrix, truth, wanted }))];
  const full = { ...length, othersCpuUs: () => backendCpuUs(world.db) };
  const alone = await interleave(searchers, full);
  const together = await interleave(searchers, { ...full, callers: 2 });
  const rows = searchers.map((searcher, at) => ({
    ...searcher,
    size: project.size,
    figures: alone[at] as Figures,
    perSecondOfTwo: together[at]?.perSecond ?? null,
  }));
  return [...rows, await flatRow(world, project)];
}

/** How far the last exact hit of each question is: a hit counts when it is no farther. */
async function farthestOf({ db, space, questions }: SearchWorld, project: BenchProject): Promise<number[]> {
  const tenant = { projectId: project.id, spaceId: space.id, dimensions: space.dimensions };
  const farthest: number[] = [];
  for (const question of questions) {
    const { text, values } = similarPrompts(tenant, searchFor(question));
    const { rows } = await db.pool.query<{ distance: number }>(text, values);
    // Single precision: what is equally far may differ in the seventh digit.
    farthest.push((rows.at(-1)?.distance ?? 0) + 1e-6);
  }
  return farthest;
}

const shareWithin = (distances: readonly (readonly number[])[], truth: readonly number[]): number =>
  distances.reduce((sum, of, at) => sum + of.filter((distance) => distance <= (truth[at] ?? 0)).length, 0) /
  (truth.length * limit);

/** The statements of the service, asked as it asks them. */
async function ownLanes(world: SearchWorld, project: BenchProject, truth: readonly number[]): Promise<Searcher[]> {
  const { db, space, questions } = world;
  const target = { projectId: project.id, spaceId: space.id };
  const tenant = { ...target, dimensions: space.dimensions };
  const [depth = { efSearch: 0, candidates: 0 }] = searchDepths(project.size, { limit, isFiltered: false });
  const byIndex = (question: Question) => nearbyPrompts(tenant, searchFor(question), { engine: db.engine, depth });
  const [sized] = await db.read<{ bytes: number }>('SELECT pg_relation_size($1::regclass)::float8 AS bytes', [
    annIndexName(target),
  ]);
  const type = annType({ engine: db.engine, dimensions: space.dimensions });
  const placesAlone = ({ sql }: Question) => ({
    text: `WITH asked AS MATERIALIZED (SELECT $1::vector AS vector, set_config('hnsw.ef_search', $2, true))
      SELECT c.id, c.distance FROM asked a CROSS JOIN LATERAL (
        SELECT e.prompt_id AS id, e.vector <=> a.vector AS distance FROM embedding e
        WHERE (e.project_id = $3::uuid) IS TRUE AND (e.space_id = $4) IS TRUE
        ORDER BY (e.vector::${type}) <=> a.vector::${type} LIMIT ${limit}) AS c`,
    values: [sql, String(depth.efSearch), target.projectId, target.spaceId],
  });
  const searcher = async (
    name: string,
    statement: (question: Question) => Pick<Statement, 'text' | 'values'>,
  ): Promise<Searcher> => {
    const run = async (index: number): Promise<number[]> => {
      const { text, values } = statement(questions[index % questions.length] as Question);
      const { rows } = await db.pool.query<{ distance: number }>(text, values);
      return rows.map(({ distance }) => distance);
    };
    const found = [];
    for (const index of questions.keys()) found.push(await run(index));
    return { name, run, recall: shareWithin(found, truth), bytesPerRow: null };
  };
  return [
    await searcher('ours, exact', (question) => similarPrompts(tenant, searchFor(question))),
    await searcher('the same index, ids alone', placesAlone),
    {
      ...(await searcher(`ours, index, ef ${depth.efSearch}`, byIndex)),
      bytesPerRow: (sized?.bytes ?? 0) / project.size,
    },
  ];
}

interface Asked {
  world: SearchWorld;
  matrix: Matrix;
  truth: readonly number[];
  /** The recall to come up to. */
  wanted: number;
}

function peerAt(index: PeerIndex, { world: { questions }, matrix, truth, wanted }: Asked): Searcher {
  const distances = ({ vector }: Question): number[] =>
    index.nearest(vector, limit).map((place) => 1 - dot(vector, matrix.row(place)));
  let [recall, taken] = [0, 0];
  for (const depth of depths) {
    index.setDepth(depth);
    taken = depth;
    recall = shareWithin(questions.map(distances), truth);
    if (recall >= wanted) break;
  }
  return {
    name: `${index.name}, ef ${taken}`,
    run: (at) => index.nearest(questions[at % questions.length]?.vector ?? new Float32Array(), limit),
    recall,
    bytesPerRow: index.bytes / matrix.rows,
  };
}

const dot = (left: ArrayLike<number>, right: ArrayLike<number>): number => {
  let sum = 0;
  for (let at = 0; at < left.length; at += 1) sum += (left[at] ?? 0) * (right[at] ?? 0);
  return sum;
};

async function flatRow(world: SearchWorld, project: BenchProject): Promise<Measured> {
  const name = 'as the original does';
  const cpu = process.cpuUsage();
  const cpuBefore = await backendCpuUs(world.db);
  const took = await times(flatRuns, (index) => flatScan(world, project, world.questions[index] as Question));
  const used = process.cpuUsage(cpu);
  const cpuUs = (used.user + used.system + (await backendCpuUs(world.db)) - cpuBefore) / flatRuns;
  const p50Ms = median(took);
  return {
    name,
    run: () => undefined,
    size: project.size,
    figures: { name, p50Ms, p99Ms: Number.NaN, cpuUs, perSecond: 1_000 / p50Ms },
    perSecondOfTwo: null,
    recall: 1,
    bytesPerRow: null,
  };
}

/** Every row of the project is read and compared in JavaScript. */
async function flatScan({ db }: SearchWorld, project: BenchProject, question: Question): Promise<unknown> {
  let best: { id: string; score: number }[] = [];
  let after = '00000000-0000-0000-0000-000000000000';
  for (;;) {
    const { rows } = await db.pool.query<{ id: string; text: string; vector: string }>(
      `SELECT p.id::text AS id, p.text, e.vector::text AS vector FROM prompt p JOIN embedding e ON e.prompt_id = p.id
       WHERE p.project_id = $1 AND p.id > $2::uuid ORDER BY p.id LIMIT ${flatPage}`,
      [project.id, after],
    );
    const scored = rows.map(({ id, vector }) => ({ id, score: dot(question.vector, JSON.parse(vector) as number[]) }));
    best = [...best, ...scored].toSorted((left, right) => right.score - left.score).slice(0, limit);
    after = rows.at(-1)?.id ?? '';
    if (rows.length < flatPage) return best;
  }
}
