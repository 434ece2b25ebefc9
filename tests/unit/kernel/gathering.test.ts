import { expect, test } from 'vitest';
import { Gathering, type GatheringDeps } from '../../../src/kernel/gathering.js';
import { until } from '../../support/wait.js';

/** A gathering whose groups end when they are told to; an item is answered with itself. */
function heldGathering(deps: Partial<GatheringDeps<string, string>> = {}) {
  const groups: { items: readonly string[]; end: () => void; fail: (cause: Error) => void }[] = [];
  const gathering = new Gathering<string, string>({
    run: (items) =>
      new Promise((resolve, reject) => {
        groups.push({ items, end: () => resolve(items), fail: reject });
      }),
    weightOf: (item) => item.length,
    isForAll: () => false,
    groupItems: 3,
    groupWeight: 10,
    groupsAtOnce: 1,
    ...deps,
  });
  return { gathering, groups };
}

const untilGroup = (groups: readonly object[], count: number): Promise<true> =>
  until(`group ${count}`, () => groups.length >= count || undefined);

test('what comes in one turn, or while a group is at work, goes together, in order and within the bounds', async () => {
  const { gathering, groups } = heldGathering();
  const first = ['a', 'b'].map((item) => gathering.add('key', item));
  await untilGroup(groups, 1);
  const later = ['c', 'd', 'e', 'f', 'nine char', 'gh'].map((item) => gathering.add('key', item));
  for (let at = 0; at < 5; at += 1) {
    await untilGroup(groups, at + 1);
    groups[at]?.end();
    if (at === 3) break;
  }
  expect(await Promise.all([...first, ...later])).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'nine char', 'gh']);
  expect(groups.map(({ items }) => items)).toEqual([['a', 'b'], ['c', 'd', 'e'], ['f', 'nine char'], ['gh']]);
  await until('the end', () => gathering.size === 0 || undefined);
});

test('one item may be heavier than a group', async () => {
  const { gathering, groups } = heldGathering();
  const heavy = gathering.add('key', 'x'.repeat(50));
  await untilGroup(groups, 1);
  groups[0]?.end();
  expect(await heavy).toHaveLength(50);
});

test('keys share no group and wait for no other key', async () => {
  const { gathering, groups } = heldGathering();
  const both = [gathering.add('one', 'a'), gathering.add('two', 'b')];
  await untilGroup(groups, 2);
  expect(groups.map(({ items }) => items)).toEqual([['a'], ['b']]);
  for (const group of groups) group.end();
  await Promise.all(both);
});

test('the guilty item of a group fails alone', async () => {
  const runs: (readonly string[])[] = [];
  const { gathering } = heldGathering({
    run: (items) => {
      runs.push(items);
      return items.includes('bad') ? Promise.reject(new Error('bad')) : Promise.resolve(items);
    },
  });
  const ends = await Promise.allSettled(['a', 'bad', 'b'].map((item) => gathering.add('key', item)));
  expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(runs).toEqual([['a', 'bad', 'b'], ['a'], ['bad'], ['b']]);
});

test('a failure that is everybody’s is tried no second time, and those in line do not wait for it once more', async () => {
  const { gathering, groups } = heldGathering({ isForAll: () => true });
  const first = ['a', 'b'].map((item) => gathering.add('key', item));
  await untilGroup(groups, 1);
  const waiting = ['c', 'd'].map((item) => gathering.add('key', item));
  groups[0]?.fail(new Error('away'));
  const ends = await Promise.allSettled([...first, ...waiting]);
  expect(ends.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected', 'rejected']);
  expect(groups).toHaveLength(1);
  const later = gathering.add('key', 'e');
  await untilGroup(groups, 2);
  groups[1]?.end();
  expect(await later).toBe('e');
  await until('the end', () => gathering.size === 0 || undefined);
});
