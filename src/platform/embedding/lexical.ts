import type { EmbeddedText, EmbeddingSpace } from './embedder.js';
import { addWord, featuresOf, type WordFeatures } from './lexical/features.js';
import { addFeature, dimensions, hashText } from './lexical/hashing.js';
import { createLexicon, type Lexicon } from './lexical/lexicon.js';
import { tokenize } from './lexical/tokens.js';

/** An embedding model without weights, for one thread. Of the texts it keeps only the features of their words. */
export interface LexicalModel {
  space: EmbeddingSpace;
  /** The vectors of `texts`, in their order; none is zero and none depends on its neighbours. */
  embed(texts: readonly string[]): EmbeddedText[];
  close(): Promise<void>;
}

/** Words whose features are kept; more than running text repeats, in some 10 MB. */
const maxCachedWords = 10_000;

/**
 * n to the power of 0.2, for n from 0: what n times the same word count.
 *
 * Constants, because `Math.pow` is not the same to the bit in every engine. Source: exponent chosen on STS-B dev.
 */
const countWeights = Object.freeze([
  0, 1, 1.149, 1.246, 1.32, 1.38, 1.431, 1.476, 1.516, 1.552, 1.585, 1.615, 1.644, 1.67, 1.695, 1.719, 1.741,
]);

/** What letters weigh beside a stem's 0.4, in texts of up to `shortTextEnergy`. Source: chosen on STS-B dev. */
const letterShare = 0.8;

/**
 * The squared word weights, summed, from which on letters count for less: 12 is some 20 words of English.
 *
 * All words share their letters, so letters add up in step while meanings do not, and would drown them in a long text.
 * Source: arena-hard prompts that find the other of their topic: .10 without and .14 with; STS-B dev is not moved.
 */
const shortTextEnergy = 12;

const wordlessSeed = 0x6d2c4f83;

/**
 * The embedder that needs no weights: it knows words, not the world.
 *
 * Each word adds its stem, synonyms, topics and letters, hashed with signs into 384 dimensions; function words add
 * little. The same text gives the same vector to the bit in every process, on Node 20 as on 24, as long as both know its
 * characters: case, forms and scripts come from the Unicode tables that a Node build brings.
 *
 * Weak: two wordings without a word in common stay apart unless the hand-made tables know both, and words in common
 * count for more than a subject in common; the tables are English only; word order is not seen (`dog bites man` is
 * `man bites dog`); `don't` moves a short text only a little (`delete the file` with and without it: .86).
 * Cost: some 15 microseconds a sentence; linear, and bounded by the first 4 096 words of a text.
 * Source: the recipe was tuned on STS-B dev; figures and command in tests/bench/RESULTS.md.
 */
export function createLexicalModel(): LexicalModel {
  const lexicon = createLexicon();
  const cachedFeaturesOf = cacheFeatures(lexicon);
  const embedOne = (text: string): EmbeddedText => {
    const { tokens, isTruncated } = tokenize(text);
    const counts = countWords(tokens, lexicon);
    const words = Array.from(counts, ([word, count]) => ({ features: cachedFeaturesOf(word), count }));
    return { vector: toUnitLength(sumOf(words), text), isTruncated };
  };
  return {
    space: { name: 'lexical-1', dimensions },
    embed: (texts) => texts.map(embedOne),
    close: () => Promise.resolve(),
  };
}

interface CountedWord {
  features: WordFeatures;
  count: number;
}

function cacheFeatures(lexicon: Lexicon): (word: string) => WordFeatures {
  const cache = new Map<string, WordFeatures>();
  return (word) => {
    const known = cache.get(word);
    if (known !== undefined) return known;
    if (cache.size >= maxCachedWords) cache.clear();
    const features = featuresOf(word, lexicon);
    cache.set(word, features);
    return features;
  };
}

/** How often each word occurs, in the order of first occurrence, which fixes the order of the sums. */
function countWords(tokens: readonly string[], lexicon: Lexicon): Map<string, number> {
  const counts = new Map<string, number>();
  for (const token of tokens) {
    const word = lexicon.expand(token);
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return counts;
}

function sumOf(words: readonly CountedWord[]): Float64Array {
  const sum = new Float64Array(dimensions);
  const energy = words.reduce((total, { features }) => total + features.wordWeight * features.wordWeight, 0);
  const share = letterShare * Math.min(1, shortTextEnergy / energy);
  for (const { features, count } of words) {
    const countWeight = countWeights[Math.min(count, countWeights.length - 1)] ?? 1;
    addWord(sum, features, { countWeight, letterShare: share });
  }
  return sum;
}

/** `sum` at length 1; a text without a word is known by its first characters, since a zero vector has no cosine. */
function toUnitLength(sum: Float64Array, text: string): Float32Array {
  let energy = energyOf(sum);
  if (energy === 0) {
    addFeature(sum, hashText(text.trim().slice(0, 64), wordlessSeed), 1);
    energy = energyOf(sum);
  }
  const scale = 1 / Math.sqrt(energy);
  const vector = new Float32Array(dimensions);
  for (let index = 0; index < dimensions; index += 1) vector[index] = (sum[index] ?? 0) * scale;
  return vector;
}

function energyOf(vector: Float64Array): number {
  let energy = 0;
  for (let index = 0; index < vector.length; index += 1) energy += (vector[index] ?? 0) * (vector[index] ?? 0);
  return energy;
}
