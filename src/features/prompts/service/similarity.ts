import type { ProjectAccess } from '../../../kernel/access.js';
import { notFound } from '../../../kernel/fault.js';
import type { ServingSpace } from '../../../platform/embedding/spaces.js';
import { textHash } from '../fingerprint.js';
import { defaultMode, fusedScore, rankHits, type LaneHit, type RankedHit } from '../fusion.js';
import type { SimilarHit, SimilarityMode, SimilarPrompts, SimilarPromptsInput } from '../schema.js';
import { PromptReads } from '../store/reads.js';
import type { Search } from '../store/search.js';
import { type PromptRow, promptView } from '../view.js';
import { maxSeekers, scoreWords, seekingWords } from '../word-ranking.js';
import { embedText, type PromptDeps, tenantOf } from './deps.js';
import { findNearest, type Nearest } from './nearest.js';

/** Vectors are single precision: the distance of equal texts is up to about 1e-7 off zero. */
const roundingSlack = 1e-6;

/** What somebody asks. */
interface Query {
  deps: PromptDeps;
  access: ProjectAccess;
  input: SimilarPromptsInput;
}

/** One search, with everything it needs. */
interface Asked extends Query {
  space: ServingSpace;
  reads: PromptReads;
  /** What the query or prompt means; null where nobody asks. */
  vector: Search['vector'] | null;
}

type Found = Pick<SimilarPrompts, 'hits' | 'lane' | 'candidates'> & {
  /** How many prompts are near in meaning; null where nobody asked. */
  near: number | null;
};

/** What a search found, and in which space. */
interface Answer extends Found {
  space: ServingSpace;
  mode: SimilarityMode;
}

const byMode: Readonly<Record<SimilarityMode, (asked: Asked) => Promise<Found>>> = {
  meaning: byMeaning,
  words: byWords,
  hybrid: byBoth,
};

/**
 * The prompts of a project most like a query, or like one of its prompts (which is then no hit itself).
 *
 * Shape: exactly min(limit, matching) hits, score descending, ties to the newer, the query's own text first. Every prompt
 * with a vector matches in `meaning` and `hybrid`; in `words`, every prompt that holds one of the words that bring
 * candidates. A query without a word finds nothing in `words` and goes by meaning alone in `hybrid`.
 * Cost: `meaning`, one embedding on the interactive lane (none for a stored prompt) and one scan of the project's vectors;
 * `words`, an index look-up a word and at most 500 prompts compared; `hybrid`, both.
 * Faults: `notFound` for a prompt of another project; `rateLimited`; `overloaded` when the lane is full.
 * Source: lanes in DECISIONS 7; scores in `SimilarHit`; the evaluation in tests/bench/RESULTS.md.
 */
export async function findSimilar(
  deps: PromptDeps,
  access: ProjectAccess,
  input: SimilarPromptsInput,
): Promise<SimilarPrompts> {
  await deps.throttle.countPrompt('similar', access.userId);
  const { hits, mode, lane, space, candidates } = await findInServing({ deps, access, input });
  return { hits, mode, lane, space: space.name, candidates };
}

/**
 * Searches in the space that serves, so that what was acknowledged before is found although another process has just
 * switched: a statement finds nothing in a space that serves no more, and only who finds nothing asks which one does.
 */
async function findInServing(query: Query): Promise<Answer> {
  const { spaces } = query.deps;
  const answer = await findIn(spaces.active(), query);
  if (answer.near !== 0) return answer;
  const space = await spaces.current();
  return space.id === answer.space.id ? answer : findIn(space, query);
}

async function findIn(space: ServingSpace, query: Query): Promise<Answer> {
  const { deps, access, input } = query;
  const mode = input.mode ?? defaultMode(space.name);
  const vector = mode === 'words' ? null : await queryVector(query, space);
  const reads = new PromptReads(deps.db, tenantOf(space, access.projectId));
  const startedMs = deps.clock.monotonicMs();
  const found = await byMode[mode]({ deps, space, access, input, reads, vector });
  const durationMs = deps.clock.monotonicMs() - startedMs;
  const lane = mode === 'hybrid' ? mode : found.lane;
  deps.observer.onSimilarity({ lane, durationMs, hits: found.hits.length });
  return { ...found, space, mode };
}

async function byMeaning(asked: Asked): Promise<Found> {
  const { rows, lane, candidates } = await nearest(asked);
  const hits = ownTextFirst(rows, asked.input.query).map((row, place) => {
    const score = Math.min(1, Math.max(-1, 1 - row.distance));
    const ranks = { meaning: place + 1, words: null };
    return { prompt: promptView(row), score, similarity: score, ranks, matchedWords: [] };
  });
  return { hits, lane, candidates, near: rows.length };
}

/** Other texts may have the same vector (the same words in another order, to the lexical embedder): they come after. */
function ownTextFirst(rows: Nearest['rows'], query: string | undefined): Nearest['rows'] {
  const own = rows.filter(({ text, distance }) => text === query && distance <= roundingSlack);
  return [...own, ...rows.filter((row) => !own.includes(row))];
}

async function byWords(asked: Asked): Promise<Found> {
  const laneHits = await wordHits(asked, await queryText(asked.reads, asked.input), []);
  const { minScore = 0 } = asked.input;
  const ranked = rankHits(laneHits, ({ wordScore }) => wordScore).filter(({ score }) => score > 0 && score >= minScore);
  return { hits: await hydrated(asked, ranked, []), lane: 'words', candidates: laneHits.length, near: null };
}

/** What is neither among the `limit` nearest nor brought by a word has so many better hits that it need not be looked at. */
async function byBoth(asked: Asked): Promise<Found> {
  const { rows, lane, candidates } = await nearest(asked);
  const { minScore } = asked.input;
  const laneHits = (await wordHits(asked, await queryText(asked.reads, asked.input), rows)).filter(
    ({ similarity }) => minScore === undefined || (similarity !== null && similarity >= minScore - roundingSlack),
  );
  const ranked = rankHits(laneHits, ({ similarity, wordScore }) => fusedScore(similarity, wordScore));
  return { hits: await hydrated(asked, ranked, rows), lane, candidates, near: rows.length };
}

async function queryText(reads: PromptReads, { query, promptId }: SimilarPromptsInput): Promise<string> {
  if (promptId === undefined) return query ?? '';
  const row = await reads.get(promptId);
  if (row === null) throw notFound('prompt');
  return row.text;
}

async function queryVector({ deps, access, input }: Query, space: ServingSpace): Promise<Search['vector']> {
  const reads = new PromptReads(deps.db, tenantOf(space, access.projectId));
  if (input.promptId !== undefined) {
    const stored = await reads.vectorOf(input.promptId);
    if (stored !== null) return stored;
  }
  return (await embedText(space, access, await queryText(reads, input))).vector;
}

function nearest({ deps, space, access, input, vector }: Asked): Promise<Nearest> {
  if (vector === null) throw new Error('a search by meaning without a vector');
  const maxDistance = input.minScore === undefined ? 2 + roundingSlack : 1 - input.minScore + roundingSlack;
  const search: Search = {
    vector,
    excludedId: input.promptId ?? null,
    filter: input.filter,
    limit: input.limit,
    maxDistance,
  };
  return findNearest(deps, { space, projectId: access.projectId }, search);
}

/** What both lanes say of the prompts near in meaning and of those that the query's words bring. */
async function wordHits({ input, reads, vector }: Asked, text: string, near: readonly PromptRow[]): Promise<LaneHit[]> {
  const words = await reads.askedWords(text, maxSeekers + 1);
  const seekers = seekingWords(words);
  const ids = near.map(({ id }) => id);
  if (seekers.length === 0 && ids.length === 0) return [];
  const rows = await reads.wordRows({
    lexemes: words.map(({ lexeme }) => lexeme),
    seekers,
    ids,
    textHash: textHash(text),
    excludedId: input.promptId ?? null,
    filter: input.filter,
    limit: maxSeekers,
    vector,
  });
  const scores = scoreWords(words, words[0]?.stored ?? 0, rows);
  return rows.map(({ id, similarity }, place) => ({
    id,
    similarity: similarity === null ? null : Math.min(1, Math.max(-1, similarity)),
    meaningRank: ids.includes(id) ? ids.indexOf(id) + 1 : null,
    wordScore: scores[place]?.score ?? 0,
    matchedWords: scores[place]?.words ?? [],
  }));
}

/** The best of the ranked as the wire shows them; what was deleted meanwhile is left out. */
async function hydrated(
  { input, reads }: Asked,
  ranked: readonly RankedHit[],
  known: readonly PromptRow[],
): Promise<SimilarHit[]> {
  const best = ranked.slice(0, input.limit);
  const rows = new Map(known.map((row) => [row.id, row]));
  for (const row of await reads.byIds(best.flatMap(({ id }) => (rows.has(id) ? [] : [id])))) rows.set(row.id, row);
  return best.flatMap(({ id, score, similarity, meaningRank, wordsRank, matchedWords }) => {
    const row = rows.get(id);
    const ranks = { meaning: meaningRank, words: wordsRank };
    return row === undefined ? [] : [{ prompt: promptView(row), score, similarity, ranks, matchedWords }];
  });
}
