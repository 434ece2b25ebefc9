import { hashText } from './hashing.js';
import type { Lexicon } from './lexicon.js';
import { stem } from './stemmer.js';

/** What one word adds to a vector: the hashes of its features and, at the same places, their weights. */
export interface WordFeatures {
  hashes: Int32Array;
  weights: Float64Array;
}

/** Keep the kinds of features apart; the values are arbitrary and part of the space's identity. */
const seeds = Object.freeze({ stem: 0x11a7c0de, prefix: 0x2b3d1e5f, gram: 0x35f2a96b, group: 0x4c81d3e7 });

/** What each kind weighs within a word. Source: chosen on STS-B dev. */
const shares = Object.freeze({ stem: 0.4, prefix: 0.3, grams: 0.8, groups: 1 });

/**
 * The features of `word`: its stem, its first four letters, its character 2- and 3-grams, borders included, and its
 * concept groups.
 *
 * Shape: the squared weights sum to the square of the word's own weight, so that a long word or one of many groups is
 * no louder than another (without it STS-B dev loses .05).
 */
export function featuresOf(word: string, lexicon: Lexicon): WordFeatures {
  const base = lexicon.baseOf(word);
  const features: [hash: number, weight: number][] = [
    [hashText(stem(base), seeds.stem), shares.stem],
    [hashText(base.slice(0, 4), seeds.prefix), shares.prefix],
    ...shared(gramsOf(base), seeds.gram, shares.grams),
    ...shared(lexicon.groupsOf(word), seeds.group, shares.groups),
  ];
  const energy = features.reduce((sum, [, weight]) => sum + weight * weight, 0);
  const scale = lexicon.weightOf(word) / Math.sqrt(energy);
  return {
    hashes: Int32Array.from(features, ([hash]) => hash),
    weights: Float64Array.from(features, ([, weight]) => weight * scale),
  };
}

/** Features of one kind that share that kind's energy. */
function shared(texts: readonly string[], seed: number, share: number): [number, number][] {
  const weight = share / Math.sqrt(texts.length);
  return texts.map((text) => [hashText(text, seed), weight]);
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
