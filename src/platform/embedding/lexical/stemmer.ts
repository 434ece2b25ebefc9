/**
 * `word` in American spelling: colour, organise, centre, catalogue and defence take their American form.
 *
 * Applied to every word, so that a wrong rewriting (`wise` to `wize`) falls on both texts alike.
 */
export function toAmericanSpelling(word: string): string {
  if (word.length < 5) return word;
  return word
    .replace(/our(?=(?:s|ed|ing|ite|ites|able|ful|hood|al)?$)/, 'or')
    .replace(/is(?=(?:e|es|ed|er|ers|ing|ation|ations)$)/, 'iz')
    .replace(/ys(?=(?:e|es|ed|er|ing)$)/, 'yz')
    .replace(/^(cent|theat|met|lit|fib|calib|spect|kilomet|centimet)re(?=s?$)/, '$1er')
    .replace(/ogue(?=s?$)/, 'og')
    .replace(/^(def|lic|off|pret)ence/, '$1ense')
    .replace(/^judgem/, 'judgm');
}

/**
 * The stem that forms of one English word share: `cities` and `city` give `citi`, `stopped` and `stop` give `stop`.
 *
 * Words of other alphabets and of fewer than four letters are returned as they are.
 * Source: a light suffix stripper after steps 1 and 5 of Porter (1980); derivational endings stay, since `organ` and
 * `organization` are different things to a reader of prompts.
 */
export function stem(word: string): string {
  if (!/^[a-z]{4,}$/.test(word)) return word;
  return withoutEnding(withoutAdverb(withoutTense(withoutPlural(word))));
}

function withoutPlural(word: string): string {
  if (word.endsWith('ies') && word.length > 4) return `${word.slice(0, -3)}y`;
  if (/(?:ss|x|ch|sh|zz)es$/.test(word)) return word.slice(0, -2);
  return /[^suis]s$/.test(word) ? word.slice(0, -1) : word;
}

function withoutTense(word: string): string {
  if (word.length > 4 && word.endsWith('ied')) return `${word.slice(0, -3)}y`;
  if (word.length > 5 && /[aeiouy].*ing$/.test(word)) return word.slice(0, -3);
  return word.length > 4 && /[aeiouy].*ed$/.test(word) ? word.slice(0, -2) : word;
}

function withoutAdverb(word: string): string {
  if (word.length <= 5) return word;
  if (word.endsWith('ily')) return `${word.slice(0, -3)}y`;
  return word.endsWith('ly') ? word.slice(0, -2) : word;
}

function withoutEnding(word: string): string {
  let rest = word.length > 4 && word.endsWith('e') ? word.slice(0, -1) : word;
  if (rest.length > 3 && /([^aeiouy])\1$/.test(rest)) rest = rest.slice(0, -1);
  return rest.length > 2 && rest.endsWith('y') ? `${rest.slice(0, -1)}i` : rest;
}
