import type { SpaceComparison } from '../schema.js';
import { comparedNeighbours, type Sample, SpaceStore } from '../store.js';
import type { SpaceDeps } from './deps.js';

/** Prompts of a comparison, and how many are asked for, since those of small projects tell nothing. */
const sampleSize = 50;
const askedSize = 200;
/** Longest time of a comparison: in large projects each prompt of the sample is a scan. */
const budgetMs = 5_000;
/** Examples shown. */
const exampleCount = 5;

/** The two spaces compared. */
interface Pair {
  active: { id: number; name: string };
  candidate: { id: number; name: string };
}

interface Compared extends Sample {
  overlap: number;
}

/**
 * How alike two spaces answer: the share of the ten nearest that they have in common, on random stored prompts, each
 * within its own project. Only ids of projects in `shownProjects` are shown.
 *
 * Shape: a project of ten prompts or fewer has the same neighbours in any space, and is left out.
 * Cost: two exact scans of its project for each prompt of the sample, five seconds in all at most.
 */
export async function compareSpaces(
  { db, clock }: Pick<SpaceDeps, 'db' | 'clock'>,
  { active, candidate }: Pair,
  shownProjects: { has(projectId: string): boolean },
): Promise<SpaceComparison> {
  const store = new SpaceStore(db);
  const endMs = clock.monotonicMs() + budgetMs;
  const compared: Compared[] = [];
  for (const sample of await store.sample(active.id, candidate.id, askedSize)) {
    if (compared.length === sampleSize || clock.monotonicMs() > endMs) break;
    const before = await store.nearest(active.id, candidate.id, sample);
    if (before.length < comparedNeighbours) continue;
    const after = new Set(await store.nearest(candidate.id, active.id, sample));
    compared.push({ ...sample, overlap: before.filter((id) => after.has(id)).length / comparedNeighbours });
  }
  const overlaps = compared.map(({ overlap }) => overlap);
  const isEmpty = overlaps.length === 0;
  const mean = overlaps.reduce((sum, overlap) => sum + overlap, 0) / overlaps.length;
  return {
    active: active.name,
    candidate: candidate.name,
    sampled: overlaps.length,
    meanOverlap: isEmpty ? null : Math.round(mean * 1_000) / 1_000,
    worstOverlap: isEmpty ? null : Math.min(...overlaps),
    examples: compared.filter(({ projectId }) => shownProjects.has(projectId)).slice(0, exampleCount),
  };
}
