/** Tokens read of one text; some 3 000 words of English prose, and some milliseconds at worst. */
const maxTokens = 4_096;
/** Code units read of one text: no language needs more for `maxTokens` words. */
const maxLength = 16 * maxTokens;

/** Latin letters that have no decomposition into a base letter and a mark; the final sigma is the same letter. */
const latinFolds: Readonly<Record<string, string>> = Object.freeze({
  ø: 'o',
  æ: 'ae',
  œ: 'oe',
  ł: 'l',
  đ: 'd',
  ı: 'i',
  þ: 'th',
  ð: 'd',
  ß: 'ss',
  ς: 'σ',
});

/** A text cut into words. */
export interface TokenizedText {
  tokens: string[];
  /** True when the text goes on after the last token read. */
  isTruncated: boolean;
}

/**
 * `text` as it is compared: compatibility forms, case, accents of Latin, Greek and Cyrillic, quote marks and thousands
 * separators folded.
 *
 * Cost: linear. Runs of combining marks are cut first, because normalising alternating marks is quadratic in the run.
 * Source: NFKC of Unicode UAX 15; 30 marks is the bound of its Stream-Safe Text Format.
 */
export function normalize(text: string): string {
  if (/^[\0-\x7f]*$/.test(text)) return joinThousands(text.toLowerCase());
  const folded = text
    .replace(/([\p{M}\uff9e\uff9f]{30})[\p{M}\uff9e\uff9f]+/gu, '$1')
    .normalize('NFKC')
    .toLowerCase()
    .normalize('NFD')
    .replace(/[\u0300-\u036f]/g, '')
    .normalize('NFC')
    .replace(/[øæœłđıþðßς]/g, (letter) => latinFolds[letter] ?? letter)
    .replace(/[\u2018\u2019\u02bc]/g, "'");
  return joinThousands(folded);
}

function joinThousands(text: string): string {
  return text.replace(/(\d),(?=\d{3})/g, '$1');
}

/**
 * The words of `text` in order: letters and digits, `c++` and `c#`, single pictographs; `don't` becomes `do` and `not`;
 * scripts written without spaces give their characters and pairs of neighbours.
 *
 * Cost: linear, and bounded whatever the length of the text.
 */
export function tokenize(text: string): TokenizedText {
  const tokens: string[] = [];
  const words = /c\+\+|[cf]#|([\p{L}\p{N}\p{M}]{1,64})(?:'(\p{L}{1,8}))?|\p{Extended_Pictographic}/gu;
  for (const [match, word = match, ending = ''] of normalize(text.slice(0, maxLength)).matchAll(words)) {
    if (tokens.length >= maxTokens) return { tokens, isTruncated: true };
    if (isUnspaced(word)) pushCharacters(tokens, word);
    else pushWord(tokens, word, ending);
  }
  return { tokens, isTruncated: text.length > maxLength };
}

/** Whether a word belongs to a script that puts no space between words. Thai, U+0E01, is the first of them. */
function isUnspaced(word: string): boolean {
  return (
    word.charCodeAt(0) > 0x0e00 &&
    /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u.test(
      word,
    )
  );
}

function pushCharacters(tokens: string[], word: string): void {
  let previous = '';
  for (const character of word) {
    if (previous !== '') tokens.push(previous + character);
    tokens.push(character);
    previous = character;
  }
}

/** Verbs whose contraction with `not` loses letters. */
const contracted: Readonly<Record<string, string>> = Object.freeze({ ca: 'can', wo: 'will', sha: 'shall' });

function pushWord(tokens: string[], word: string, ending: string): void {
  const verb = negatedVerb(word, ending);
  if (verb === undefined) tokens.push(word);
  else tokens.push(verb, 'not');
}

/** The verb of `don't`, `dont`, `cannot`; undefined if the word is no contraction with `not`. */
function negatedVerb(word: string, ending: string): string | undefined {
  if (ending === 't' && word.endsWith('n')) {
    const verb = word.slice(0, -1);
    return contracted[verb] ?? verb;
  }
  if (/^can(?:no)?t$/.test(word)) return 'can';
  if (word === 'wont') return 'will';
  return /^(?:do|does|did|is|are|was|were|have|has|had|would|could|should)nt$/.test(word)
    ? word.slice(0, -2)
    : undefined;
}
