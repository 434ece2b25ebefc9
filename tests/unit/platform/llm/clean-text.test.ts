import { describe, expect, it } from 'vitest';
import { CleanText } from '../../../../src/platform/llm/clean-text.js';

const cleanedDeltas = (...deltas: string[]): string => {
  const clean = new CleanText();
  return deltas.map((delta) => clean.push(delta)).join('') + clean.end();
};

describe('clean text', () => {
  it.each([
    ['joins the halves of a character', ['a\uD83D', '\uDE00b'], 'a😀b'],
    ['joins them across an empty delta', ['\uD83D', '', '\uDE00'], '😀'],
    ['replaces a half that stays alone', ['\uD83D', 'x', '\uDE00'], '\uFFFDx\uFFFD'],
    ['replaces a half at the very end', ['x\uD83D'], 'x\uFFFD'],
    ['replaces NUL', ['a\0b'], 'a\uFFFDb'],
    ['leaves everything else alone', ['é\r\n\t', '東京'], 'é\r\n\t東京'],
  ])('%s', (_, deltas, expected) => {
    expect(cleanedDeltas(...deltas)).toBe(expected);
  });
});
