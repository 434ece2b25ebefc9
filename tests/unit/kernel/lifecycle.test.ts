import { expect, test } from 'vitest';
import { Lifecycle } from '../../../src/kernel/lifecycle.js';

test('what was built last is closed first, each after the one before, and twice is once', async () => {
  const lifecycle = new Lifecycle();
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
  const lifecycle = new Lifecycle();
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
