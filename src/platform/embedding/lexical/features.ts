import { addFeature, hashText } from './hashing.js';
import type { Lexicon } from './lexicon.js';
import { stem } from './stemmer.js';

/** What one word adds to a vector: the hashes of its features and, at the same places, their weights. */
export interface WordFeatures {
  hashes: readonly number[];
  weights: readonly number[];
  /** Where the features of the word's letters begin; those of its meaning come before. */
  lettersStart: number;
  /** The sum of the squared weights of the features of its meaning. */
  meaningEnergy: number;
  /** How much the word says. */
  wordWeight: number;
}

/** How one text uses a word. */
export interface Emphasis {
  /** What its count makes of its weight. */
  countWeight: number;
  /** What the letters of every word weigh in this text. */
  letterShare: number;
}

/** Keep the kinds of features apart; the values are arbitrary and part of the space's identity. */
const seeds = Object.freeze({ stem: 0x11a7c0de, gram: 0x35f2a96b, synonyms: 0x4c81d3e7, topics: 0x7f4a7c15 });

/** What each kind weighs in a word's meaning. Source: chosen on STS-B dev; topics where clinc150 and banking77 allow. */
const shares = Object.freeze({ stem: 0.4, synonyms: 1, topics: 0.75 });

/**
 * The features of `word`: of its meaning, that is its stem, synonyms and topics; and of its letters, that is its
 * character 2- and 3-grams, borders included, which find other forms and misspellings.
 *
 * Shape: the squared weights of the letters' features sum to 1, or to 0 for a word of one letter.
 */
export function featuresOf(word: string, lexicon: Lexicon): WordFeatures {
  const base = lexicon.baseOf(word);
  const hashes: number[] = [];
  const weights: number[] = [];
  const add = (texts: readonly string[], seed: number, share: number): void => {
    for (const text of texts) {
      hashes.push(hashText(text, seed));
      weights.push(share / Math.sqrt(texts.length));
    }
  };
  add([stem(base)], seeds.stem, shares.stem);
  add(lexicon.synonymsOf(word), seeds.synonyms, shares.synonyms);
  add(lexicon.topicsOf(word), seeds.topics, shares.topics);
  const lettersStart = weights.length;
  const meaningEnergy = weights.reduce((energy, weight) => energy + weight * weight, 0);
  add(gramsOf(base), seeds.gram, 1);
  return {
    hashes,
    weights,
    lettersStart,
    meaningEnergy,
    wordWeight: lexicon.weightOf(word),
  };
}

/**
 * Adds a word to `vector`.
 *
 * Shape: adds the square of the word's weight times `countWeight` as energy, so that a long word or one of many groups
 * is no louder than another (without it STS-B dev loses .05).
 */
export function addWord(vector: Float64Array, word: WordFeatures, emphasis: Emphasis): void {
  const { hashes, weights, lettersStart } = word;
  const letterShare = lettersStart < hashes.length ? emphasis.letterShare : 0;
  const scale = (emphasis.countWeight * word.wordWeight) / Math.sqrt(word.meaningEnergy + letterShare * letterShare);
  const letterScale = scale * letterShare;
  for (let index = 0; index < hashes.length; index += 1) {
    addFeature(vector, hashes[index] ?? 0, (weights[index] ?? 0) * (index < lettersStart ? scale : letterScale));
  }
}

function gramsOf(word: string): string[] {
  if (word.length < 2) return [];
  const bordered = `<${word}>`;
  const grams: string[] = [];
  for (const size of [2, 3]) {
    for (let start = 0; start + size <= bordered.length; start += 1) grams.push(bordered.slice(start, start + size));
  }
  return grams;
}
