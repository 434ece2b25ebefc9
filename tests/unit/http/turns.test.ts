import { TRPCError } from '@trpc/server';
import { expect, test } from 'vitest';
import { Fault } from '../../../src/kernel/fault.js';
import { QueryTurns } from '../../../src/http/turns.js';

const done = { ok: true as const };
const failed = (details: Fault['details']) => ({
  ok: false as const,
  error: new TRPCError({ code: 'INTERNAL_SERVER_ERROR', cause: new Fault('overloaded', 'away', details) }),
});

/** Queries that end when they are let go. */
function held() {
  const turns = new QueryTurns();
  const begun: { user: string; end: (result: typeof done | ReturnType<typeof failed>) => void }[] = [];
  const ask = (user: string): Promise<string> =>
    turns
      .take(user, () => new Promise<typeof done | ReturnType<typeof failed>>((end) => begun.push({ user, end })))
      .then(
        ({ ok }) => String(ok),
        (cause: Fault) => cause.kind,
      );
  return { begun, ask };
}
const settled = () => new Promise((resolve) => setImmediate(resolve));

test('four queries of a user are worked at, the others in their order as those end; other users wait for none of them', async () => {
  const { begun, ask } = held();
  const asked = Array.from({ length: 6 }, () => ask('ada'));
  const other = ask('bob');
  await settled();
  expect(begun.map(({ user }) => user)).toEqual(['ada', 'ada', 'ada', 'ada', 'bob']);
  begun[0]?.end(done);
  await settled();
  expect(begun).toHaveLength(6);
  for (let index = 1; index < 7; index += 1) {
    begun[index]?.end(done);
    await settled();
  }
  expect(await Promise.all([...asked, other])).toEqual(Array.from({ length: 7 }, () => 'true'));
});

test('when the database is away those in line are told at once; an overload of something else is nobody else’s', async () => {
  const { begun, ask } = held();
  const asked = Array.from({ length: 8 }, () => ask('ada'));
  await settled();
  begun[0]?.end(failed({ reason: 'full' }));
  await settled();
  expect(begun).toHaveLength(5);
  begun[1]?.end(failed({ retryAfterMs: 1_000 }));
  await settled();
  for (const { end } of begun) end(done);
  const ends = await Promise.all(asked);
  expect(ends.slice(0, 2)).toEqual(['false', 'false']);
  expect(ends.slice(-2)).toEqual(['overloaded', 'overloaded']);
  expect(begun.length).toBeLessThanOrEqual(6);
});

test('who has two thousand in line is refused', async () => {
  const { begun, ask } = held();
  const asked = Array.from({ length: 2_005 }, () => ask('ada'));
  const last = await asked.at(-1);
  expect(last).toBe('rateLimited');
  for (let index = 0; index < 2_004; index += 1) {
    begun[index]?.end(done);
    await settled();
  }
  expect((await Promise.all(asked)).filter((end) => end === 'true')).toHaveLength(2_004);
});
