import fc from 'fast-check';
import { expect, test } from 'vitest';
import { normalize, tokenize } from '../../src/platform/embedding/lexical/tokens.js';
import { createLexicalModel } from '../../src/platform/embedding/lexical.js';

/** Any string at all: binary units include lone surrogates; graphemes include emoji, marks and every script. */
const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 400 }),
  fc.string({ unit: 'grapheme', maxLength: 200 }),
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 200 }).map((units) => String.fromCharCode(...units)),
  fc
    .array(fc.constantFrom('write', 'a', "don't", 'poem', 'c++', '\ud800', '今日', '1,000', '\u0301', '🙂'), {
      maxLength: 40,
    })
    .map((words) => words.join(' ')),
);

const vectorOf = (text: string, model = createLexicalModel()): Float32Array =>
  model.embed([text])[0]?.vector ?? new Float32Array();

test('every string, lone surrogates included, gets a finite vector of 384 dimensions and length 1', () => {
  const model = createLexicalModel();
  fc.assert(
    fc.property(anyText, (text) => {
      const vector = vectorOf(text, model);
      expect(vector).toHaveLength(384);
      expect(vector.every(Number.isFinite)).toBe(true);
      expect(Math.hypot(...vector)).toBeCloseTo(1, 5);
    }),
    { numRuns: 400 },
  );
});

test('a vector depends on its text alone: not on the model object, its past or the other texts of the batch', () => {
  const used = createLexicalModel();
  const fresh = fc.array(anyText, { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(fresh, (texts) => {
      const together = used.embed(texts).map(({ vector }) => vector);
      expect(together).toEqual(texts.map((text) => vectorOf(text)));
    }),
    { numRuns: 20 },
  );
});

test('letter case does not change the vector of a text', () => {
  const model = createLexicalModel();
  const latin = fc.string({ unit: fc.constantFrom(...'abc xyz éü ñ 12,.!?'), maxLength: 60 });
  fc.assert(
    fc.property(
      latin.filter((text) => /\w/.test(text)),
      (text) => {
        expect(vectorOf(text.toUpperCase(), model)).toEqual(vectorOf(text, model));
      },
    ),
  );
});

test('normalising a normalised text changes nothing, and no token is empty', () => {
  const text = fc.string({ unit: 'grapheme-ascii', maxLength: 200 });
  fc.assert(
    fc.property(text, (original) => {
      expect(normalize(normalize(original))).toBe(normalize(original));
      expect(tokenize(original).tokens).not.toContain('');
    }),
  );
});
