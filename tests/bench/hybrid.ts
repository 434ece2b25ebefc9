/**
 * How well words, meaning and both together find what belongs together, on labelled text.
 *
 * Run: `npx tsx tests/bench/hybrid.ts 600` (queries a set; every second one is the half that the weight was chosen on, the
 * other half is reported), and `npx tsx tests/bench/hybrid-service.ts 100` for the same through the service.
 */
import { createLexicalModel } from '../../src/platform/embedding/lexical.js';
import { scoreWords, seekingWords, maxSeekers, type AskedWord } from '../../src/features/prompts/word-ranking.js';
import { streamed, themes } from '../../src/demo/samples.js';
import { gainAt10, mean, precisionAt5, sampleOf } from './hybrid-measure.js';
import {
  bm25Share,
  bestRows,
  reciprocalRanks,
  saturation,
  trigramsOf,
  tsRank,
  type WordScorer,
} from './hybrid-peers.js';
import { type Lexemes, lexemesOf } from './hybrid-lexemes.js';
import { hasData, type LabelledText, type RetrievalSet, readBanking, readClinc } from './lexical-data.js';
import { dot } from './lexical-peers.js';
import { readThemes } from './lexical-themes.js';

const queriesPerSet = Number(process.argv[2] ?? 600);
const weights = [0.2, 0.3, 0.4, 0.5, 0.7, 1];
const model = createLexicalModel();
const embed = (text: string): Float32Array => model.embed([text])[0]?.vector ?? new Float32Array();

/** What the demo stores and asks. */
const demo: RetrievalSet = {
  name: 'demo',
  stored: [
    ...themes.flatMap(({ name, prompts }) => prompts.map((text) => ({ text, label: name }))),
    ...streamed.map(({ text, theme }) => ({ text, label: theme })),
  ],
  queries: themes.flatMap(({ name, queries }) => queries.map((text) => ({ text, label: name }))),
};

/** What one method found for one query: whether each of its first ten has the right label. */
type Found = Map<string, boolean[][]>;

/** The words of stored texts and queries under each reading. */
interface Readings {
  [reading: string]: { stored: Lexemes[]; queries: Lexemes[] };
}

async function readingsOf(stored: readonly string[], queries: readonly string[]): Promise<Readings> {
  const all = [...stored, ...queries];
  const split = (lexemes: Lexemes[]) => ({
    stored: lexemes.slice(0, stored.length),
    queries: lexemes.slice(stored.length),
  });
  return {
    words: split(await lexemesOf(all, 'prompt_words')),
    english: split(await lexemesOf(all, 'english')),
    simple: split(await lexemesOf(all, 'simple')),
    trigram: split(all.map(trigramsOf)),
  };
}

/** The lane as shipped: candidates of the rarest words and of the nearest ten, scored by `scoreWords`. */
function shipped(documents: readonly Lexemes[]): (query: Lexemes, near: readonly number[]) => Float32Array {
  const rows = new Map<string, number[]>();
  documents.forEach((lexemes, row) => {
    for (const lexeme of lexemes.keys()) rows.set(lexeme, [...(rows.get(lexeme) ?? []), row]);
  });
  return (query, near) => {
    const asked: AskedWord[] = [...query.keys()].map((lexeme) => ({
      lexeme,
      word: lexeme,
      prompts: Math.min(maxSeekers + 1, rows.get(lexeme)?.length ?? 0),
    }));
    const brought = seekingWords(asked).flatMap((lexeme) => (rows.get(lexeme) ?? []).slice(-maxSeekers));
    const candidates = [...new Set([...brought, ...near])];
    const scored = scoreWords(
      asked,
      Math.min(5_000, documents.length),
      candidates.map((row) => ({
        id: String(row),
        length: documents[row]?.size ?? 0,
        counts: asked.map(({ lexeme }) => saturation(documents[row]?.get(lexeme) ?? 0) * 1.64493406685),
        isSame: false,
      })),
    );
    const scores = new Float32Array(documents.length);
    candidates.forEach((row, place) => (scores[row] = scored[place]?.score ?? 0));
    return scores;
  };
}

async function evaluate({ stored, queries }: RetrievalSet): Promise<Found> {
  const asked = sampleOf(queries, queriesPerSet);
  const readings = await readingsOf(
    stored.map(({ text }) => text),
    asked.map(({ text }) => text),
  );
  const documents = (reading: string): Lexemes[] => readings[reading]?.stored ?? [];
  const scorers: Record<string, [reading: string, scorer: WordScorer]> = {
    'words: ts_rank, english': ['english', tsRank(documents('english'))],
    'words: ts_rank, simple': ['simple', tsRank(documents('simple'))],
    'words: BM25, english': ['english', bm25Share(documents('english'), 0.75)],
    'words: BM25, simple': ['simple', bm25Share(documents('simple'), 0.75)],
    'words: BM25, trigram': ['trigram', bm25Share(documents('trigram'), 0.75)],
    'words: BM25, english with every word': ['words', bm25Share(documents('words'), 0.75)],
  };
  const ours = shipped(documents('words'));
  const vectors = stored.map(({ text }) => embed(text));
  const found: Found = new Map();
  asked.forEach((query, place) => {
    const vector = embed(query.text);
    const cosine = Float32Array.from(vectors, (one) => dot(one, vector));
    const lanes: Record<string, Float32Array> = { meaning: cosine };
    for (const [name, [reading, scorer]] of Object.entries(scorers)) {
      const lane = scorer(readings[reading]?.queries[place] ?? new Map());
      lanes[name] = lane;
      lanes[name.replace('words:', 'reciprocal ranks:')] = reciprocalRanks([cosine, lane]);
      if (name.includes('BM25'))
        for (const weight of [0.3, 0.5])
          lanes[name.replace('words:', `cosine + ${weight}`)] = sum(cosine, lane, weight);
    }
    const words = ours(readings['words']?.queries[place] ?? new Map(), bestRows(cosine, 10));
    lanes['words, as shipped'] = words;
    for (const weight of weights) lanes[`hybrid, as shipped: cosine + ${weight} words`] = sum(cosine, words, weight);
    for (const [name, scores] of Object.entries(lanes))
      record(found, name, isRight(scores, { stored, label: query.label }));
  });
  return found;
}

const sum = (cosine: Float32Array, words: Float32Array, weight: number): Float32Array =>
  cosine.map((one, row) => one + weight * (words[row] ?? 0));

function isRight(
  scores: Float32Array,
  { stored, label }: { stored: readonly LabelledText[]; label: string },
): boolean[] {
  return bestRows(scores, 10).map((row) => stored[row]?.label === label && (scores[row] ?? 0) > 0);
}

function record(found: Found, name: string, hits: boolean[]): void {
  const all = found.get(name) ?? [];
  all.push(hits);
  found.set(name, all);
}

const halves = (all: readonly boolean[][], measure: (hits: readonly boolean[]) => number): string =>
  [0, 1].map((half) => mean(all.filter((_, place) => place % 2 === half).map(measure)).toFixed(3)).join(' · ');

if (!hasData()) console.log('Skipped: ../shared/data with clinc150 and banking77 is not on this machine.');
else {
  const [clinc, banking, everyday, demos] = [
    await evaluate(readClinc()),
    await evaluate(readBanking()),
    await evaluate(readThemes()),
    await evaluate(demo),
  ];
  console.log(
    '| method | clinc150 P@5 | nDCG@10 | banking77 P@5 | nDCG@10 | everyday, first right | demo, first right of 16 |',
  );
  console.log('| --- | ---: | ---: | ---: | ---: | ---: | ---: |');
  for (const [name, hits] of clinc) {
    const of = (found: Found): boolean[][] => found.get(name) ?? [];
    const first = (all: readonly boolean[][]): number => mean(all.map((one) => Number(one[0])));
    console.log(
      `| ${[name, halves(hits, precisionAt5), halves(hits, gainAt10), halves(of(banking), precisionAt5), halves(of(banking), gainAt10), first(of(everyday)).toFixed(3), (16 * first(of(demos))).toFixed(0)].join(' | ')} |`,
    );
  }
}
