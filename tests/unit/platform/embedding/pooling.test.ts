import { expect, test } from 'vitest';
import { meanOfTokens, normalise } from '../../../../src/platform/embedding/pooling.js';

test('the mean of a window leaves padding out and has length 1', () => {
  const data = Float32Array.of(9, 9, 9, 9, 3, 0, 0, 4, 100, 100, 0, 0);
  const vector = meanOfTokens({ data: data.subarray(0, 12), paddedLength: 3, dimensions: 2 }, 0, 2);
  expect([...vector].map((value) => value.toFixed(4))).toEqual(['0.7071', '0.7071']);
  const second = meanOfTokens({ data, paddedLength: 2, dimensions: 2 }, 1, 2);
  expect([...second].map((value) => value.toFixed(4))).toEqual(['0.6000', '0.8000']);
});

test('a zero vector stays zero instead of becoming NaN', () => {
  expect(normalise(new Float32Array(3))).toEqual(new Float32Array(3));
});
