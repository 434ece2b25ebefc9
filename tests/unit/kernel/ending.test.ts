import { expect, test } from 'vitest';
import { Stop } from '../../../src/kernel/ending.js';

test('those who listen are told once, those who left are not, and later ones see that it is over', () => {
  const stop = new Stop();
  const told: string[] = [];
  const left = (): void => void told.push('left');
  stop.addEventListener('abort', () => void told.push('one'));
  stop.addEventListener('abort', left);
  stop.addEventListener('abort', () => void told.push('two'));
  stop.removeEventListener('abort', left);
  expect(stop.aborted).toBe(false);
  stop.abort();
  stop.abort();
  stop.addEventListener('abort', () => void told.push('late'));
  expect(told).toEqual(['one', 'two']);
  expect(stop.aborted).toBe(true);
});
