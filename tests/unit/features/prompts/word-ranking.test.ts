import { expect, test } from 'vitest';
import {
  type AskedWord,
  maxSeekers,
  scoreWords,
  seekingWords,
  type WordRow,
} from '../../../../src/features/prompts/word-ranking.js';

const asked = (...words: [string, number][]): AskedWord[] =>
  words.map(([word, prompts]) => ({ lexeme: word.toLowerCase(), word, prompts }));
const row = (counts: number[], more: Partial<WordRow> = {}): WordRow => ({
  id: counts.join(),
  length: 16,
  counts,
  isSame: false,
  ...more,
});
const scores = (words: AskedWord[], stored: number, rows: WordRow[]): number[] =>
  scoreWords(words, stored, rows).map(({ score }) => score);

test('the rarest words bring the candidates, as many as bring five hundred', () => {
  const words = asked(['the', maxSeekers], ['Zebra', 3], ['absent', 0], ['stripe', 200], ['horse', 250]);
  expect(seekingWords(words)).toEqual(['zebra', 'stripe', 'horse']);
});

test('a query of common words only still looks for the rarest of them', () => {
  expect(seekingWords(asked(['the', maxSeekers + 1], ['of', maxSeekers + 1]))).toEqual(['the']);
  expect(seekingWords(asked(['absent', 0]))).toEqual([]);
  expect(seekingWords([])).toEqual([]);
});

test('a rare word counts for more than a common one', () => {
  const [rare = 0, common = 0] = scores(asked(['zebra', 2], ['the', 900]), 1_000, [row([1, 0]), row([0, 1])]);
  expect(rare).toBeGreaterThan(5 * common);
  expect(common).toBeGreaterThan(0);
});

test('more words, more often, in a shorter text: each raises the score', () => {
  const words = asked(['zebra', 10], ['stripe', 10]);
  const [one = 0, two = 0, often = 0, short = 0] = scores(words, 1_000, [
    row([1, 0]),
    row([1, 1]),
    row([1.36, 0]),
    row([1, 0], { length: 4 }),
  ]);
  expect(two).toBeCloseTo(2 * one);
  expect(often).toBeGreaterThan(one);
  expect(short).toBeGreaterThan(one);
});

test('every word once in a text of usual length has 0.45; none has 0; the own text 1, and only that', () => {
  const words = asked(['zebra', 10], ['stripe', 200]);
  const [all, none, own, most = 0] = scores(words, 1_000, [
    row([1, 1]),
    row([0, 0]),
    row([1, 1], { isSame: true }),
    row([1.645, 1.645], { length: 1 }),
  ]);
  expect(all).toBeCloseTo(0.4545, 3);
  expect([none, own]).toEqual([0, 1]);
  expect(most).toBeLessThan(1);
});

test('a score does not move with the other rows', () => {
  const words = asked(['zebra', 10], ['stripe', 200]);
  const alone = scores(words, 1_000, [row([1, 0])]);
  expect(scores(words, 1_000, [row([1, 0]), row([1, 1], { length: 900 }), row([0, 1])])[0]).toBe(alone[0]);
});

test('a word that every prompt holds still counts a little, and a project that shrinks meanwhile breaks nothing', () => {
  const [score = 0] = scores(asked(['the', 1_000]), 1_000, [row([1])]);
  expect(score).toBeGreaterThan(0);
  expect(scores(asked(['the', 10]), 0, [row([1])])[0]).toBeGreaterThan(0);
  expect(scores([], 10, [row([])])).toEqual([0]);
});

test('the words a row holds come the most telling first, as they were written, none twice', () => {
  const words = asked(['The', 900], ['Zebra', 2], ['Stripes', 20], ['Zebra', 3], ['absent', 0]);
  expect(scoreWords(words, 1_000, [row([1, 1, 1, 1, 0])])[0]?.words).toEqual(['Zebra', 'Stripes', 'The']);
});
