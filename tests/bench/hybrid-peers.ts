import type { Lexemes } from './hybrid-lexemes.js';

/** Ranks stored texts for the words of a query: one score for each of them. */
export type WordScorer = (query: Lexemes) => Float32Array;

interface Postings {
  /** The rows that hold a lexeme, with how often. */
  rows: Map<string, [row: number, count: number][]>;
  lengths: number[];
  meanLength: number;
}

function postingsOf(documents: readonly Lexemes[]): Postings {
  const rows: Postings['rows'] = new Map();
  documents.forEach((lexemes, row) => {
    for (const [lexeme, count] of lexemes) {
      const found = rows.get(lexeme) ?? [];
      found.push([row, count]);
      rows.set(lexeme, found);
    }
  });
  const lengths = documents.map(({ size }) => size);
  return { rows, lengths, meanLength: lengths.reduce((sum, length) => sum + length, 0) / lengths.length };
}

/** What ts_rank makes of a lexeme that occurs `count` times. Source: calc_rank_or of tsrank.c, weight D = 0.1. */
export function saturation(count: number): number {
  let sum = 0;
  for (let n = 1; n <= count; n += 1) sum += 1 / (n * n);
  return sum / 1.64493406685;
}

/** Postgres' own ranking of an OR of the query's words. */
export function tsRank(documents: readonly Lexemes[]): WordScorer {
  const { rows } = postingsOf(documents);
  return (query) => {
    const scores = new Float32Array(documents.length);
    for (const lexeme of query.keys())
      for (const [row, count] of rows.get(lexeme) ?? [])
        scores[row] = (scores[row] ?? 0) + (0.1 * saturation(count)) / query.size;
    return scores;
  };
}

/** Okapi BM25 with the mean length of what is stored, as a share of its highest value. Source: k1 = 1.2, b as given. */
export function bm25Share(documents: readonly Lexemes[], b: number): WordScorer {
  const { rows, lengths, meanLength } = postingsOf(documents);
  return (query) => {
    const scores = new Float32Array(documents.length);
    let best = 0;
    for (const lexeme of query.keys()) {
      const found = rows.get(lexeme) ?? [];
      const rarity = Math.log(1 + (documents.length - found.length + 0.5) / (found.length + 0.5));
      best += rarity * 2.2;
      for (const [row, count] of found) {
        const damping = 1.2 * (1 - b + (b * (lengths[row] ?? 0)) / meanLength);
        scores[row] = (scores[row] ?? 0) + (rarity * count * 2.2) / (count + damping);
      }
    }
    return best === 0 ? scores : scores.map((score) => score / best);
  };
}

/** The 3-grams of a text's words, as pg_trgm cuts them. */
export function trigramsOf(text: string): Lexemes {
  const counts = new Map<string, number>();
  for (const word of text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []) {
    const padded = `  ${word} `;
    for (let start = 0; start + 3 <= padded.length; start += 1) {
      const gram = padded.slice(start, start + 3);
      counts.set(gram, (counts.get(gram) ?? 0) + 1);
    }
  }
  return counts;
}

/** Reciprocal rank fusion. Source: Cormack, Clarke, Büttcher (2009), k = 60; the first 100 of each lane. */
export function reciprocalRanks(lanes: readonly Float32Array[]): Float32Array {
  const fused = new Float32Array(lanes[0]?.length ?? 0);
  for (const lane of lanes)
    bestRows(lane, 100).forEach((row, place) => {
      if ((lane[row] ?? 0) > 0) fused[row] = (fused[row] ?? 0) + 1 / (61 + place);
    });
  return fused;
}

/** The places of the `count` highest scores, highest first; ties go to the earlier place. */
export function bestRows(scores: Float32Array, count: number): number[] {
  const top: number[] = [];
  scores.forEach((score, row) => {
    if (top.length === count && score <= (scores[top[count - 1] ?? 0] ?? 0)) return;
    let place = top.length;
    while (place > 0 && (scores[top[place - 1] ?? 0] ?? 0) < score) place -= 1;
    top.splice(place, 0, row);
    top.length = Math.min(top.length, count);
  });
  return top;
}
