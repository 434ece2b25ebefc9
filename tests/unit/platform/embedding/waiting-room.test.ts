import { expect, test } from 'vitest';
import { WaitingRoom } from '../../../../src/platform/embedding/waiting-room.js';

const texts = (...all: string[]): Map<string, string> => new Map(all.map((text) => [text, text]));

test('a micro-batch ends at 32 000 characters, and a longer text goes alone', () => {
  const room = new WaitingRoom(10);
  room.admit(texts('a'.repeat(20_000), 'b'.repeat(20_000), 'c'.repeat(90_000), 'd', 'e'), 'background');
  const batches = Array.from({ length: 5 }, () => room.take(2).map(({ text }) => text[0]));
  expect(batches).toEqual([['a'], ['b'], ['c'], ['d', 'e'], []]);
});

test('a call that only joins waiting texts is let into a full lane', () => {
  const room = new WaitingRoom(1);
  const [job] = room.admit(texts('same'), 'interactive') ?? [];
  expect(room.admit(texts('same'), 'interactive')).toEqual([job]);
  expect(room.admit(texts('new'), 'interactive')).toBeNull();
});

test('suspects are tried one by one, interactive ones first', () => {
  const room = new WaitingRoom(10);
  for (const job of room.admit(texts('later', 'last'), 'background') ?? []) void room.wait(job).embedded;
  for (const job of room.admit(texts('first'), 'interactive') ?? []) void room.wait(job).embedded;
  for (const job of [...room.take(2), ...room.take(0)]) room.retryAlone(job);
  const tried = Array.from({ length: 4 }, () => room.takeSuspect().map(({ text }) => text));
  expect(tried).toEqual([['first'], ['later'], ['last'], []]);
  expect(room.hasSuspects).toBe(false);
});

test('a text that nobody waits for any more leaves its line, a running one is kept', async () => {
  const room = new WaitingRoom(10);
  const [waiting] = room.admit(texts('waiting'), 'interactive') ?? [];
  const left = waiting === undefined ? undefined : room.wait(waiting);
  left?.leave(new Error('left'));
  await expect(left?.embedded).rejects.toThrow('left');
  expect(room.size).toBe(0);
  const [running] = room.admit(texts('running'), 'interactive') ?? [];
  const wait = running === undefined ? undefined : room.wait(running);
  room.take(0);
  wait?.leave(new Error('left'));
  await expect(wait?.embedded).rejects.toThrow('left');
  expect(room.size).toBe(1);
});
