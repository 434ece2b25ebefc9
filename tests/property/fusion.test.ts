import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fusedScore, type LaneHit, rankHits } from '../../src/features/prompts/fusion.js';

const hit: fc.Arbitrary<Omit<LaneHit, 'id'>> = fc.record({
  // Few values, so that ties are common.
  similarity: fc.option(fc.integer({ min: -4, max: 4 }).map((quarter) => quarter / 4)),
  meaningRank: fc.constant(null),
  wordScore: fc.integer({ min: 0, max: 4 }).map((quarter) => quarter / 4),
  matchedWords: fc.constant([]),
});
const hits = fc
  .array(hit, { minLength: 1, maxLength: 12 })
  .map((all) => all.map((one, id) => ({ ...one, id: String(id).padStart(2, '0') })));
const fused = ({ similarity, wordScore }: LaneHit): number => fusedScore(similarity, wordScore);
const order = (all: readonly LaneHit[]): string[] => rankHits(all, fused).map(({ id }) => id);

test('the order is the same however the lanes bring the hits, and loses none', () => {
  fc.assert(
    fc.property(
      hits.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
      ([all, shuffled]) => {
        expect(rankHits(shuffled, fused)).toEqual(rankHits(all, fused));
        expect(order(all).toSorted((a, b) => (a < b ? -1 : 1))).toEqual(all.map(({ id }) => id));
      },
    ),
  );
});

test('scores never rise along the order, and ties go to the newer', () => {
  fc.assert(
    fc.property(hits, (all) => {
      const ranked = rankHits(all, fused);
      ranked.slice(1).forEach((below, place) => {
        const above = ranked[place];
        expect(above?.score).toBeGreaterThanOrEqual(below.score);
        if (above?.score === below.score) expect(above.id > below.id).toBe(true);
      });
    }),
  );
});

test('a hit that rises in one lane and stays in the other never falls', () => {
  fc.assert(
    fc.property(hits, fc.nat(), fc.constantFrom('similarity', 'wordScore'), (...[all, pick, lane]) => {
      const chosen = all[pick % all.length];
      if (chosen === undefined) return;
      const better = all.map((one) =>
        one === chosen ? { ...one, [lane]: Math.min(1, (one[lane] ?? 0) + 0.25) } : one,
      );
      expect(order(better).indexOf(chosen.id)).toBeLessThanOrEqual(order(all).indexOf(chosen.id));
    }),
  );
});

test('places among the words are 1 to n of those that hold any, by their scores', () => {
  fc.assert(
    fc.property(hits, (all) => {
      const ranked = rankHits(all, fused);
      const holding = ranked.filter(({ wordsRank }) => wordsRank !== null);
      expect(holding.length).toBe(all.filter(({ wordScore }) => wordScore > 0).length);
      const byPlace = holding.toSorted((left, right) => (left.wordsRank ?? 0) - (right.wordsRank ?? 0));
      expect(byPlace.map(({ wordsRank }) => wordsRank)).toEqual(byPlace.map((_, place) => place + 1));
      const scores = byPlace.map(({ wordScore }) => wordScore);
      expect(scores).toEqual(scores.toSorted((left, right) => right - left));
    }),
  );
});

test('a hybrid score is 1 for the own text and within [-1/1.3, 1] for all others', () => {
  expect(fusedScore(1, 1)).toBe(1);
  fc.assert(
    fc.property(
      fc.double({ min: -1, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (meaning, words) => {
        expect(fusedScore(meaning, words)).toBeGreaterThanOrEqual(-1 / 1.3);
        expect(fusedScore(meaning, words)).toBeLessThanOrEqual(1);
      },
    ),
  );
});
