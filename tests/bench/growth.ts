import { findNearest } from '../../src/features/prompts/service/nearest.js';
import { PromptReads } from '../../src/features/prompts/store/reads.js';
import { backendCpuUs } from './backend-cpu.js';
import type { BenchProject } from './large-data.js';
import { row } from './measure.js';
import { writePlot } from './plot.js';
import { type Contender, type Figures, interleave, type Length } from './rounds.js';
import { type Question, type SearchWorld, searchFor } from './search-world.js';

/** Where readers of a project with ten times the prompts would feel it. */
const works = ['search', 'get', 'list 20'] as const;
type Work = (typeof works)[number];

/** A read after twenty searches of a large project has cold caches, whatever its own project's size. */
const leadIn = 20;

/** What a search, a read and a page cost in projects of ten times the size, all in turns in one run. */
export async function benchGrowth(world: SearchWorld, length: Length, plotPath: string | null): Promise<string[]> {
  const projects = world.projects.filter(({ size }) => size >= 1_000);
  const contenders: (Contender & { work: Work; size: number })[] = [];
  for (const project of projects) {
    const runs = await runsOf(world, project);
    for (const work of works)
      contenders.push({ name: `${work}, ${project.size}`, work, size: project.size, run: runs[work] });
  }
  const figures = await interleave(contenders, { ...length, leadIn, othersCpuUs: () => backendCpuUs(world.db) });
  const costs = contenders.map(({ work, size }, at) => ({ work, size, ...(figures[at] as Figures) }));
  if (plotPath !== null)
    writePlot(plotPath, {
      title: 'A search, a read and a page as a project grows',
      across: 'prompts of the project',
      up: 'p50, ms',
      lines: works.map((work) => ({
        name: work,
        points: costs.filter((cost) => cost.work === work).map(({ size, p50Ms }) => [size, p50Ms] as const),
      })),
    });
  return [
    row('what', 'prompts', 'p50 ms', 'CPU us', 'p50, of a tenth of the size', 'CPU, of that'),
    row('---', '---', '---', '---', '---', '---'),
    ...works.flatMap((work) =>
      growthRows(
        work,
        costs.filter((cost) => cost.work === work),
      ),
    ),
  ];
}

const growthRows = (work: Work, costs: readonly (Figures & { size: number })[]): string[] =>
  costs.map(({ size, p50Ms, cpuUs }) => {
    const tenth = costs.find((cost) => cost.size * 10 === size);
    return tenth === undefined
      ? row(work, String(size), p50Ms, cpuUs, '', '')
      : row(work, String(size), p50Ms, cpuUs, p50Ms / tenth.p50Ms, cpuUs / tenth.cpuUs);
  });

async function runsOf(
  { db, space, questions, minIndexed }: SearchWorld,
  { id, size }: BenchProject,
): Promise<Record<Work, (index: number) => Promise<unknown>>> {
  const annIndexes = { find: () => (size >= minIndexed ? size : undefined), onCompared: () => undefined };
  const reads = new PromptReads(db, { projectId: id, spaceId: space.id, dimensions: space.dimensions });
  const stored = await db.read<{ id: string }>(
    'SELECT id::text AS id FROM prompt WHERE project_id = $1::uuid ORDER BY text_hash LIMIT 1000',
    [id],
  );
  return {
    search: (index) =>
      findNearest(
        { db, annIndexes },
        { space, projectId: id },
        searchFor(questions[index % questions.length] as Question),
      ),
    get: (index) => reads.get(stored[index % stored.length]?.id ?? ''),
    'list 20': () => reads.list({ filter: {}, before: null, limit: 20 }),
  };
}
