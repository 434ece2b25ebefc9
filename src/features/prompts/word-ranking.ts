/** One word of a query, as the database reads it. */
export interface AskedWord {
  /** Its stem. */
  lexeme: string;
  /** As the query writes it. */
  word: string;
  /** How many prompts of the project hold it, counted to one past `maxSeekers` at most. */
  prompts: number;
}

/** What a prompt holds of the words asked for. */
export interface WordRow {
  id: string;
  /** How many different words it has. */
  length: number;
  /** For each word asked for, how much it occurs: 0 for not at all, 1 for once, at most 1.65 for very often. */
  counts: readonly number[];
  /** Whether its text is the query, letter for letter. */
  isSame: boolean;
}

/** How well a prompt fits by its words. */
export interface WordScore {
  /** From 0 (none of the words) to 1 (the query's own text). */
  score: number;
  /** The query's words that it holds, as the query writes them, the most telling first. */
  words: string[];
}

/** Most prompts that the words of a query bring; measured on clinc150 and banking77, 4 000 find nothing better. */
export const maxSeekers = 500;

/** Most words that a hit names. */
const maxMatchedWords = 16;

/** Source: Okapi BM25 with Lucene's k1; b = 0.5 and a length of 16 measured best of both lanes (RESULTS.md). */
const k1 = 1.2;
const b = 0.5;

/**
 * The length to which others are compared, in different words: a prompt of two sentences.
 *
 * A constant, not the mean of what is stored: the score of a text must not move with a filter, a limit or its neighbours.
 */
const usualLength = 16;

/**
 * The words that bring candidates: the rarest first, as many as bring `maxSeekers` prompts at most, one at least.
 *
 * Commoner words bring nobody, yet count for whoever is brought: measured, that loses nothing of nDCG@10.
 */
export function seekingWords(asked: readonly AskedWord[]): string[] {
  const rarest = asked.filter(({ prompts }) => prompts > 0).toSorted((left, right) => left.prompts - right.prompts);
  let sum = 0;
  const seekers = rarest.filter(({ prompts }, place) => {
    sum += prompts;
    return place === 0 || sum <= maxSeekers;
  });
  return seekers.map(({ lexeme }) => lexeme);
}

/**
 * How well each row fits the words asked for, by BM25 over what the project itself stores.
 *
 * Shape: one score a row, in order: the share of what a text would reach that says every word without end (every word once
 * has about 0.45), so that it depends on nothing but the text, the query and how common each word is in the project. The
 * query's own text has 1, every other less.
 * Source: Robertson and Zaragoza (2009), rarity as Lucene reckons it. A word of more than `maxSeekers` prompts counts as
 * one of so many: an exact count visits each of them and measured no better.
 */
export function scoreWords(asked: readonly AskedWord[], stored: number, rows: readonly WordRow[]): WordScore[] {
  const rarities = asked.map(({ prompts }) =>
    Math.log(1 + (Math.max(stored, prompts) - prompts + 0.5) / (prompts + 0.5)),
  );
  const best = rarities.reduce((sum, rarity) => sum + rarity * (k1 + 1), 0);
  return rows.map(({ length, counts, isSame }) => {
    const damping = k1 * (1 - b + (b * length) / usualLength);
    const gains = rarities.map((rarity, place) => {
      const count = counts[place] ?? 0;
      return (rarity * count * (k1 + 1)) / (count + damping);
    });
    const sum = gains.reduce((total, gain) => total + gain, 0);
    return { score: isSame ? 1 : Math.min(1, sum / best || 0), words: tellingWords(asked, gains) };
  });
}

function tellingWords(asked: readonly AskedWord[], gains: readonly number[]): string[] {
  const held = asked.map(({ word }, place) => ({ word, gain: gains[place] ?? 0 })).filter(({ gain }) => gain > 0);
  const words = held.toSorted((left, right) => right.gain - left.gain).map(({ word }) => word);
  return [...new Set(words)].slice(0, maxMatchedWords);
}
