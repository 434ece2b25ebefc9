import { stem, toAmericanSpelling } from './stemmer.js';
import { synonyms } from './synonyms.js';
import { functionWords, irregularForms, shortForms } from './words.js';

/** What the tables know of English words. Any word may be asked for; an unknown one is its own base, in no group. */
export interface Lexicon {
  /** The whole word of a short form: `db` gives `database`. */
  expand(word: string): string;
  /** How much a word says: 1 for most, less for function words. */
  weightOf(word: string): number;
  /** The word a form belongs to, before stemming: `mice` gives `mouse`, `colour` gives `color`. */
  baseOf(word: string): string;
  /** The concept groups a word is in, by their first words. */
  groupsOf(word: string): readonly string[];
}

interface FunctionWord {
  weight: number;
  carriesMeaning: boolean;
}

/**
 * The lexicon made of the tables.
 *
 * Cost: some milliseconds and 1 MB; made once per model.
 */
export function createLexicon(): Lexicon {
  const whole = readPairs(shortForms);
  const irregular = readPairs(irregularForms);
  const light = readFunctionWords();
  const expand = (word: string): string => whole.get(word) ?? word;
  const baseOf = (word: string): string => irregular.get(word) ?? (light.has(word) ? word : toAmericanSpelling(word));
  const groups = readGroups((word) => stem(baseOf(expand(word))));
  return {
    expand,
    baseOf,
    weightOf: (word) => light.get(word)?.weight ?? weightByLength(word),
    groupsOf: (word) => (light.get(word)?.carriesMeaning === false ? [] : (groups.get(stem(baseOf(word))) ?? [])),
  };
}

/** Longer words say a little more; numbers say what they say. */
function weightByLength(word: string): number {
  return /^\d/.test(word) ? 1 : Math.min(1.5, 1 + 0.01 * (word.length - 6));
}

function readPairs(table: string): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>();
  for (const entry of table.trim().split(/\s+/)) {
    const [form = '', word = ''] = entry.split(':');
    pairs.set(form, word);
  }
  return pairs;
}

function readFunctionWords(): ReadonlyMap<string, FunctionWord> {
  const light = new Map<string, FunctionWord>();
  for (const { words, ...kind } of functionWords) for (const word of words.trim().split(/\s+/)) light.set(word, kind);
  return light;
}

function readGroups(stemOf: (word: string) => string): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, string[]>();
  for (const line of synonyms.trim().split('\n')) {
    const words = line.trim().split(' ');
    const name = words[0] ?? '';
    for (const word of new Set(words.map(stemOf))) groups.set(word, [...(groups.get(word) ?? []), name]);
  }
  return groups;
}
