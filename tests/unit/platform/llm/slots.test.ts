import { describe, expect, it } from 'vitest';
import { Slots } from '../../../../src/platform/llm/slots.js';

const never = new AbortController().signal;

describe('slots', () => {
  it('are given to those who wait in the order they came', async () => {
    const slots = new Slots({ concurrency: 1, maxWaiting: 2, maxWaitMs: 10_000 });
    const giveBack = await slots.take(never);
    const order: string[] = [];
    const waiting = ['first', 'second'].map(async (name) => {
      const done = await slots.take(never);
      order.push(name);
      done();
    });
    expect(order).toEqual([]);
    giveBack();
    await Promise.all(waiting);
    expect(order).toEqual(['first', 'second']);
  });

  it('are refused at once when the line is full', async () => {
    const slots = new Slots({ concurrency: 1, maxWaiting: 0, maxWaitMs: 10_000 });
    await slots.take(never);
    await expect(slots.take(never)).rejects.toMatchObject({ kind: 'overloaded', details: { retryAfterMs: 10_000 } });
  });

  it('are refused when the wait was too long, and the place in line is free again', async () => {
    const slots = new Slots({ concurrency: 1, maxWaiting: 1, maxWaitMs: 5 });
    const giveBack = await slots.take(never);
    await expect(slots.take(never)).rejects.toMatchObject({ kind: 'overloaded' });
    const next = slots.take(never);
    giveBack();
    await expect(next).resolves.toBeTypeOf('function');
  });

  it('are not taken by a caller who left', async () => {
    const slots = new Slots({ concurrency: 1, maxWaiting: 5, maxWaitMs: 10_000 });
    const giveBack = await slots.take(never);
    const caller = new AbortController();
    const left = slots.take(caller.signal);
    caller.abort();
    await expect(left).rejects.toMatchObject({ kind: 'cancelled' });
    await expect(slots.take(caller.signal)).rejects.toMatchObject({ kind: 'cancelled' });
    giveBack();
    await expect(slots.take(never)).resolves.toBeTypeOf('function');
  });

  it('given back twice are one slot', async () => {
    const slots = new Slots({ concurrency: 1, maxWaiting: 0, maxWaitMs: 10_000 });
    const giveBack = await slots.take(never);
    giveBack();
    giveBack();
    await slots.take(never);
    await expect(slots.take(never)).rejects.toMatchObject({ kind: 'overloaded' });
  });
});
