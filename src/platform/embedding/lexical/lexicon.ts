import { stem, toAmericanSpelling } from './stemmer.js';
import { synonymGroups } from './synonyms.js';
import { topics } from './topics.js';
import { irregularForms, lightWords, shortForms } from './words.js';

/** What the tables know of English words. Any word may be asked for; an unknown one is its own base, in no group. */
export interface Lexicon {
  /** The whole word of a short form: `db` gives `database`. */
  expand(word: string): string;
  /** How much a word says: 1 for most, down to 0.25 for particles, up to 1.5 for the longest. */
  weightOf(word: string): number;
  /** The word a form belongs to, before stemming: `mice` gives `mouse`, `colour` gives `color`. */
  baseOf(word: string): string;
  /** The groups of synonyms a word is in, by their first words. */
  synonymsOf(word: string): readonly string[];
  /** The subjects a word is known to belong to, by name. */
  topicsOf(word: string): readonly string[];
}

/** Names by the stems they are known by. */
type Names = ReadonlyMap<string, readonly string[]>;

interface LightWord {
  weight: number;
  carriesMeaning: boolean;
}

/**
 * The lexicon made of the tables.
 *
 * Cost: some milliseconds and 1 MB; made once per model.
 */
export function createLexicon(): Lexicon {
  const wholes = readPairs(shortForms);
  const irregulars = readPairs(irregularForms);
  const lights = readLightWords();
  const expand = (word: string): string => wholes.get(word) ?? word;
  const baseOf = (word: string): string => irregulars.get(word) ?? (lights.has(word) ? word : toAmericanSpelling(word));
  const stemOf = (word: string): string => stem(baseOf(expand(word)));
  const bySynonym = indexByStem(readGroups(), stemOf);
  const byTopic = indexByStem(Object.entries(topics), stemOf);
  const namesIn = (names: Names, word: string): readonly string[] =>
    lights.get(word)?.carriesMeaning === false ? [] : (names.get(stem(baseOf(word))) ?? []);
  return {
    expand,
    baseOf,
    weightOf: (word) => lights.get(word)?.weight ?? weightByLength(word),
    synonymsOf: (word) => namesIn(bySynonym, word),
    topicsOf: (word) => namesIn(byTopic, word),
  };
}

/** Longer words are rarer and say a little more; a number says what it says. Source: slope chosen on STS-B dev. */
function weightByLength(word: string): number {
  return /^\d/.test(word) ? 1 : Math.min(1.5, 1 + 0.01 * (word.length - 6));
}

function wordsOf(table: string): string[] {
  return table.trim().split(/\s+/);
}

function readPairs(table: string): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>();
  for (const entry of wordsOf(table)) {
    const [form = '', word = ''] = entry.split(':');
    pairs.set(form, word);
  }
  return pairs;
}

function readLightWords(): ReadonlyMap<string, LightWord> {
  const lights = new Map<string, LightWord>();
  for (const { words, ...kind } of lightWords) for (const word of wordsOf(words)) lights.set(word, kind);
  return lights;
}

function readGroups(): [name: string, words: string][] {
  return synonymGroups.split('|').map((words) => [wordsOf(words)[0] ?? '', words]);
}

function indexByStem(groups: readonly [name: string, words: string][], stemOf: (word: string) => string): Names {
  const names = new Map<string, string[]>();
  for (const [name, words] of groups) {
    for (const key of new Set(wordsOf(words).map(stemOf))) names.set(key, [...(names.get(key) ?? []), name]);
  }
  return names;
}
