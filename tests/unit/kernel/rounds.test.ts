import { expect, test } from 'vitest';
import { Rounds } from '../../../src/kernel/rounds.js';
import { until } from '../../support/wait.js';

/** Rounds whose runs end when they are told to. */
function heldRounds(restMs = 60_000) {
  const runs: { isAsked: boolean; end: () => void; fail: (cause: Error) => void }[] = [];
  const failures: unknown[] = [];
  const rounds = new Rounds({
    run: (isAsked) =>
      new Promise((resolve, reject) => {
        runs.push({ isAsked, end: () => resolve(restMs), fail: reject });
      }),
    onFailed: (cause) => {
      failures.push(cause);
      return restMs;
    },
  });
  return { rounds, runs, failures };
}

const untilRun = (runs: readonly object[], count: number): Promise<true> =>
  until(`run ${count}`, () => runs.length >= count || undefined);

test('however often it is asked for during a round, one more follows, and never two at once', async () => {
  const { rounds, runs } = heldRounds();
  for (let times = 0; times < 5; times += 1) rounds.wake();
  expect(runs).toHaveLength(1);
  expect(rounds.isAgain).toBe(true);
  runs[0]?.end();
  await untilRun(runs, 2);
  expect(rounds.isAgain).toBe(false);
  runs[1]?.end();
  await rounds.close();
  expect(runs).toHaveLength(2);
});

test('a round begins by itself after its rest, and says that nobody asked', async () => {
  const { rounds, runs } = heldRounds(1);
  rounds.wake();
  runs[0]?.end();
  await untilRun(runs, 2);
  expect(runs.map(({ isAsked }) => isAsked)).toEqual([true, false]);
  runs[1]?.end();
  await rounds.close();
});

test('a round that fails is told of and is not the last; one that fails while closing is not told of', async () => {
  const { rounds, runs, failures } = heldRounds(1);
  rounds.wake();
  runs[0]?.fail(new Error('first'));
  await untilRun(runs, 2);
  expect(failures).toEqual([new Error('first')]);
  const closed = rounds.close();
  runs[1]?.fail(new Error('late'));
  await closed;
  expect(failures).toHaveLength(1);
});

test('closing waits for the round that is on, and begins no other', async () => {
  const { rounds, runs } = heldRounds();
  rounds.wake();
  rounds.wake();
  let isClosed = false;
  const closed = rounds.close().then(() => {
    isClosed = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(isClosed).toBe(false);
  expect(rounds.signal.aborted).toBe(true);
  runs[0]?.end();
  await closed;
  rounds.wake();
  expect(runs).toHaveLength(1);
});
