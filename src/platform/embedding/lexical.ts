import type { EmbeddedText, EmbeddingSpace } from './embedder.js';
import { featuresOf, type WordFeatures } from './lexical/features.js';
import { addFeature, dimensions, hashText } from './lexical/hashing.js';
import { createLexicon } from './lexical/lexicon.js';
import { tokenize } from './lexical/tokens.js';

/** An embedding model without weights; lives in one thread and keeps nothing of the texts but their words' features. */
export interface LexicalModel {
  space: EmbeddingSpace;
  /** The vectors of `texts`, in their order; a vector is never zero and never depends on its neighbours. */
  embed(texts: readonly string[]): EmbeddedText[];
  close(): Promise<void>;
}

/** Words whose features are kept: 10 000 cover nearly all of running text in some 5 MB. */
const cachedWords = 10_000;

/**
 * n to the power of 0.2, for n from 0: what n times the same word count.
 *
 * Constants, because `Math.pow` is not the same to the bit in every engine. Source: exponent chosen on STS-B dev.
 */
const countWeights = Object.freeze([
  0, 1, 1.149, 1.246, 1.32, 1.38, 1.431, 1.476, 1.516, 1.552, 1.585, 1.615, 1.644, 1.67, 1.695, 1.719, 1.741,
]);

const emptySeed = 0x6d2c4f83;

/**
 * The embedder that needs no weights: it knows words, not the world.
 *
 * Each word adds its stem, its first letters, its character 2- and 3-grams and the concept groups it is in, hashed with
 * signs into 384 dimensions; function words add little. The same text gives the same vector to the bit, in every
 * process and on Node 20 and 24 (letters that Unicode added between the two excepted).
 *
 * Weak: two wordings without a word in common stay apart unless the hand-made tables know both; the tables are English
 * only; word order is not seen (`dog bites man` is `man bites dog`), and a negation moves a short text only a little.
 * Cost: some 15 microseconds a sentence, 5 to 15 ms at most whatever the length; 4 096 words are read of a text.
 */
export function createLexicalModel(): LexicalModel {
  const lexicon = createLexicon();
  const cache = new Map<string, WordFeatures>();

  function cachedFeaturesOf(word: string): WordFeatures {
    const known = cache.get(word);
    if (known !== undefined) return known;
    if (cache.size >= cachedWords) cache.clear();
    const features = featuresOf(word, lexicon);
    cache.set(word, features);
    return features;
  }

  function embedOne(text: string): EmbeddedText {
    const { tokens, isTruncated } = tokenize(text);
    const sum = new Float64Array(dimensions);
    for (const [word, count] of countWords(tokens, lexicon.expand)) {
      const countWeight = countWeights[Math.min(count, countWeights.length - 1)] ?? 1;
      const { hashes, weights } = cachedFeaturesOf(word);
      for (let index = 0; index < hashes.length; index += 1) {
        addFeature(sum, hashes[index] ?? 0, (weights[index] ?? 0) * countWeight);
      }
    }
    return { vector: toUnitLength(sum, text), isTruncated };
  }

  return {
    space: { name: 'lexical-1', dimensions },
    embed: (texts) => texts.map(embedOne),
    close: () => Promise.resolve(),
  };
}

function countWords(tokens: readonly string[], expand: (word: string) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const token of tokens) {
    const word = expand(token);
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return counts;
}

/** `sum` at length 1; a text without a word is known by its first characters, since a zero vector has no cosine. */
function toUnitLength(sum: Float64Array, text: string): Float32Array {
  let energy = energyOf(sum);
  if (energy === 0) {
    addFeature(sum, hashText(text.trim().slice(0, 64), emptySeed), 1);
    energy = energyOf(sum);
  }
  const scale = 1 / Math.sqrt(energy);
  return Float32Array.from(sum, (value) => value * scale);
}

function energyOf(vector: Float64Array): number {
  let energy = 0;
  for (const value of vector) energy += value * value;
  return energy;
}
