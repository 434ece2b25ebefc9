import { expect, test } from 'vitest';
import { Lifecycle } from '../../../src/kernel/lifecycle.js';

test('what was built last is closed first, each after the one before, and twice is once', async () => {
  const lifecycle = new Lifecycle(1_000);
  const closed: string[] = [];
  for (const name of ['database', 'pool', 'door'])
    lifecycle.onClose(name, 1_000, async () => {
      await Promise.resolve();
      closed.push(name);
    });
  expect(lifecycle.isClosing).toBe(false);
  const [first, second] = [lifecycle.close(), lifecycle.close()];
  expect(lifecycle.isClosing).toBe(true);
  expect(await first).toBe(await second);
  expect(closed).toEqual(['door', 'pool', 'database']);
});

test('a closer that throws or is late is reported by name and stops no other', async () => {
  const lifecycle = new Lifecycle(1_000);
  const closed: string[] = [];
  lifecycle.onClose('last', 1_000, () => void closed.push('last'));
  lifecycle.onClose('late', 1, () => new Promise(() => undefined));
  lifecycle.onClose('broken', 1_000, () => {
    throw new Error('no');
  });
  const { failed } = await lifecycle.close();
  expect(failed.map(({ name }) => name)).toEqual(['broken', 'late']);
  expect(closed).toEqual(['last']);
});

test('a closer hears when the whole closing is out of time, so that it can leave out what it can do without', async () => {
  const lifecycle = new Lifecycle(20);
  const told: boolean[] = [];
  lifecycle.onClose('patient', 1_000, async (outOfTime) => {
    told.push(outOfTime.aborted);
    await new Promise((resolve) => outOfTime.addEventListener('abort', resolve));
    told.push(outOfTime.aborted);
  });
  expect(await lifecycle.close()).toEqual({ failed: [] });
  expect(told).toEqual([false, true]);
});
