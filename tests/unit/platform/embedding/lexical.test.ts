import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { synonymGroups } from '../../../../src/platform/embedding/lexical/synonyms.js';
import { createLexicalModel } from '../../../../src/platform/embedding/lexical.js';

const model = createLexicalModel();
const vectorOf = (text: string): Float32Array => model.embed([text])[0]?.vector ?? new Float32Array();
const cosine = (left: string, right: string): number => {
  const other = vectorOf(right);
  return vectorOf(left).reduce((sum, value, index) => sum + value * (other[index] ?? 0), 0);
};

/** Three thousand texts of many scripts, the same on every machine. */
function* manyTexts(): Generator<string> {
  const words =
    `write explain summarize the contract's clauses colour 1,234.5 don't naïve Straße C++ C# 机票 天気 카드 สวัสดี
    письмо ΟΔΟΣ कविता قصيدة 🎉 👩‍💻 \ud800 ﬁne ² Ⅷ e\u0301 database doctors flights mice wrote u`.split(/\s+/);
  let seed = 42;
  for (let row = 0; row < 3_000; row += 1) {
    const text: string[] = [];
    for (let length = row % 17; length >= 0; length -= 1) {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      text.push(words[(seed >>> 8) % words.length] ?? '');
    }
    yield text.join(' ');
  }
}

describe('lexical space', () => {
  test('3 000 texts give the golden vectors to the bit: a change of any vector needs a new space name', () => {
    const hash = createHash('sha256');
    for (const text of manyTexts()) hash.update(new Uint8Array(vectorOf(text).buffer));
    expect(model.space).toEqual({ name: 'lexical-1', dimensions: 384 });
    expect(hash.digest('hex')).toBe('090a5a57648fe10dfaa16827bc7e8c4176c383801aa9cad08f99ef5878d8341d');
  });

  test('an identical text has the identical vector', () => {
    expect(vectorOf('Plan a trip to Rome')).toEqual(vectorOf('Plan a trip to Rome'));
  });

  test.each(['', '   ', '?!', '\ud800', '\0'])('%j, which has no word, has a unit vector', (text) => {
    expect(Math.hypot(...vectorOf(text))).toBeCloseTo(1, 6);
  });

  test('two different texts without a word do not have the same vector', () => {
    expect(cosine('?!', '--->')).toBeLessThan(0.5);
  });

  test('a negation keeps a text apart from the same text without it', () => {
    expect(cosine("don't delete the file", 'delete the file')).toBeLessThan(0.88);
    expect(cosine("don't delete the file", 'do not delete the file')).toBeCloseTo(1, 6);
  });

  test('a text says whether all of it was read', () => {
    const [short, long] = model.embed(['a short text', 'many words '.repeat(3_000)]);
    expect([short?.isTruncated, long?.isTruncated]).toEqual([false, true]);
  });
});

/** The same request in two wordings, of everyday subjects. */
const paraphrases: readonly [text: string, paraphrase: string][] = [
  ['How do I get reimbursed for this order?', 'Please refund my purchase'],
  ['Fix the bug in this Python code', 'Debug my Python program'],
  ['Recipe for a quick dinner', 'What can I cook tonight?'],
  ['My child has a fever', 'Symptoms of the flu in a baby'],
  ['Book a flight to Paris', 'Plane tickets and hotels in Paris'],
  ['Summarize this article', 'Give me the key points of the post as an abstract'],
  ['Speed up my SQL query', 'Which index makes the database faster?'],
  ['Can the landlord keep the rent?', 'What does the lease say about the tenant?'],
  ['Write unit tests for the parser', 'Cover the parsing module with vitest'],
  ['Explain fractions to a pupil', 'Teach a student how to add a fraction'],
  ['The colour of the centre', 'Center colors'],
  ['resturant recomendation', 'restaurant recommendations'],
  ['今天天气很好', '今天的天气不错'],
  ['Прочитай письмо', 'Прочитал письма'],
];

describe('nearness', () => {
  test.each(paraphrases)('%j is nearer to %j than to any paraphrase of another text', (text, paraphrase) => {
    const others = paraphrases.map(([, other]) => other).filter((other) => other !== paraphrase);
    expect(cosine(text, paraphrase)).toBeGreaterThan(Math.max(...others.map((other) => cosine(text, other))));
  });

  test('adding filler to a long prompt changes it less than changing its subject', () => {
    const prompt = (subject: string): string =>
      `You are an expert. ${subject} Think step by step, explain your reasoning, and give the answer as a short list.`;
    const travel = prompt('Plan five days in Lisbon with museums and good food.');
    expect(cosine(travel, 'Plan five days in Lisbon with museums and good food.')).toBeGreaterThan(
      cosine(travel, prompt('Find the race condition in this Go program.')),
    );
  });
});

test('every group of synonyms has a first word of its own, by which it is known', () => {
  const names = synonymGroups.split('|').map((group) => group.trim().split(/\s+/)[0]);
  expect(new Set(names).size).toBe(names.length);
});
