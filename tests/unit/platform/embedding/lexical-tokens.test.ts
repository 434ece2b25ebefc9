import { describe, expect, test } from 'vitest';
import { stem, toAmericanSpelling } from '../../../../src/platform/embedding/lexical/stemmer.js';
import { normalize, tokenize } from '../../../../src/platform/embedding/lexical/tokens.js';

const tokensOf = (text: string): string[] => tokenize(text).tokens;

describe('tokens', () => {
  test.each([
    ['Write a poem, please!', ['write', 'a', 'poem', 'please']],
    ['user_name = getUser(42)', ['user', 'name', 'getuser', '42']],
    ['C++ or C#, not C', ['c++', 'or', 'c#', 'not', 'c']],
    ['1,250,000 rows', ['1250000', 'rows']],
    ['', []],
    ['?!…', []],
  ])('%j is cut into words without punctuation', (text, expected) => {
    expect(tokensOf(text)).toEqual(expected);
  });

  test.each([
    ["don't stop", ['do', 'not', 'stop']],
    ['don’t stop', ['do', 'not', 'stop']],
    ['dont stop', ['do', 'not', 'stop']],
    ["I can't, cannot and won't", ['i', 'can', 'not', 'can', 'not', 'and', 'will', 'not']],
    ["the tenant's rights", ['the', 'tenant', 'rights']],
  ])('%j keeps its negation and drops the possessive', (text, expected) => {
    expect(tokensOf(text)).toEqual(expected);
  });

  test.each([
    ['Crème Brûlée', 'creme brulee'],
    ['Straße', 'strasse'],
    ['ＦＵＬＬ ｗｉｄｔｈ', 'full width'],
    ['ﬁne', 'fine'],
    ['İstanbul', 'istanbul'],
    ['ΟΔΟΣ', 'οδοσ'],
  ])('%j is folded to %j', (text, expected) => {
    expect(normalize(text)).toBe(expected);
  });

  test('scripts without spaces give characters and pairs of neighbours', () => {
    expect(tokensOf('机票')).toEqual(['机', '机票', '票']);
    expect(tokensOf('カード')).toEqual(['カ', 'カー', 'ー', 'ード', 'ド']);
  });

  test('each pictograph is a token of its own', () => {
    expect(tokensOf('🎉🚀 done')).toEqual(['🎉', '🚀', 'done']);
  });

  test('a text of more than 4 096 tokens is cut there and says so', () => {
    expect(tokenize('word '.repeat(4_096))).toMatchObject({ isTruncated: false });
    const long = tokenize('word '.repeat(4_097));
    expect(long.tokens).toHaveLength(4_096);
    expect(long.isTruncated).toBe(true);
  });
});

describe('stems', () => {
  test.each([
    ['city cities', 'citi'],
    ['stop stops stopped stopping', 'stop'],
    ['create creates created creating', 'creat'],
    ['box boxes', 'box'],
    ['happy happily', 'happi'],
    ['status', 'status'],
    ['bus', 'bus'],
    ['sql', 'sql'],
    ['письма', 'письма'],
  ])('%s share the stem %s', (words, expected) => {
    expect(new Set(words.split(' ').map(stem))).toEqual(new Set([expected]));
  });

  test.each([
    ['colour', 'color'],
    ['organisation', 'organization'],
    ['analysing', 'analyzing'],
    ['theatres', 'theaters'],
    ['catalogue', 'catalog'],
    ['defence', 'defense'],
    ['four', 'four'],
  ])('%s is spelt %s', (british, american) => {
    expect(toAmericanSpelling(british)).toBe(american);
  });
});
