import { addFeature, dimensions, hashText } from '../../src/platform/embedding/lexical/hashing.js';

/** Ranks stored texts for a query: one score for each of them, higher is nearer. */
export type Scorer = (query: string) => Float32Array;

/** One way of finding neighbours, made ready over the stored texts. */
export interface Method {
  name: string;
  index(stored: readonly string[]): Scorer;
}

/** A text's vector. */
export type Embed = (text: string) => Float32Array;

/** The words a plain method sees. */
const wordsOf = (text: string): string[] => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];

/** Neighbours by cosine over vectors of `embed`. */
export function byCosine(name: string, embed: Embed): Method {
  return {
    name,
    index(stored) {
      const matrix = new Float32Array(stored.length * dimensions);
      for (const [row, text] of stored.entries()) matrix.set(embed(text), row * dimensions);
      return (query) => {
        const vector = embed(query);
        return Float32Array.from(stored, (_, row) => dotAt(matrix, row * dimensions, vector));
      };
    },
  };
}

/** The cosine of two unit vectors. */
export const dot = (left: Float32Array, right: Float32Array): number => dotAt(left, 0, right);

function dotAt(matrix: Float32Array, offset: number, vector: Float32Array): number {
  let sum = 0;
  for (let index = 0; index < dimensions; index += 1) sum += (matrix[offset + index] ?? 0) * (vector[index] ?? 0);
  return sum;
}

/** Lucene's English stop words. */
const stopWords = new Set(
  `a an and are as at be but by for if in into is it no not of on or such that the their then there these they this to
  was will with`.split(/\s+/),
);

/** The peer everyone has: words but stop words, and their character 3-grams, hashed into the same dimensions. */
export function embedByPlainHashing(text: string): Float32Array {
  const sum = new Float64Array(dimensions);
  for (const word of wordsOf(text)) {
    if (stopWords.has(word)) continue;
    addFeature(sum, hashText(word, 1), 1);
    const bordered = `<${word}>`;
    for (let start = 0; start + 3 <= bordered.length; start += 1) {
      addFeature(sum, hashText(bordered.slice(start, start + 3), 2), 1 / Math.sqrt(word.length));
    }
  }
  const length = Math.sqrt(sum.reduce((energy, value) => energy + value * value, 0));
  return Float32Array.from(sum, (value) => (length === 0 ? 0 : value / length));
}

/** Okapi BM25 over words. Source: k1 = 1.2 and b = 0.75, Lucene's defaults. */
export const bm25: Method = {
  name: 'BM25',
  index(stored) {
    const documents = stored.map(wordsOf);
    const meanLength = documents.reduce((sum, words) => sum + words.length, 0) / documents.length;
    const postings = postingsOf(documents);
    return (query) => {
      const scores = new Float32Array(documents.length);
      for (const word of new Set(wordsOf(query))) {
        const found = postings.get(word) ?? new Map<number, number>();
        const rarity = Math.log(1 + (documents.length - found.size + 0.5) / (found.size + 0.5));
        for (const [row, count] of found) {
          const length = (documents[row]?.length ?? 0) / meanLength;
          scores[row] = (scores[row] ?? 0) + (rarity * count * 2.2) / (count + 1.2 * (0.25 + 0.75 * length));
        }
      }
      return scores;
    };
  },
};

function postingsOf(documents: readonly string[][]): Map<string, Map<number, number>> {
  const postings = new Map<string, Map<number, number>>();
  documents.forEach((words, row) => {
    for (const word of words) {
      const rows = postings.get(word) ?? new Map<number, number>();
      rows.set(row, (rows.get(row) ?? 0) + 1);
      postings.set(word, rows);
    }
  });
  return postings;
}
