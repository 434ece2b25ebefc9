import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PromptwellClient } from '../../src/client.js';
import { fuzzRuns, fuzzSeed } from '../support/fuzz.js';
import { startService, type TestService } from '../support/service.js';
import { type Step, step, type Tenant, type Transcript, TenantRun } from '../support/two-tenants.js';

/** Two projects that take turns, or act at once: what each hears is what it hears alone, to the letter. */
const seed = fuzzSeed('two tenants');
const runs = fuzzRuns(8);
let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(async () => {
  const bugs = service.logged.filter(({ level }) => level === 'error');
  await service[Symbol.asyncDispose]();
  expect(bugs).toEqual([]);
});

/** A new person with a friend and a project of their own. */
async function tenant(): Promise<Tenant> {
  const [person, friend] = [await service.signUp(), await service.signUp()];
  const { id: projectId } = await person.client.projects.create.mutate({ name: 'Same name' });
  return { client: person.client, friend: friend.client, projectId };
}

/** What is asked for where the other is not: ids of nobody. */
const nobody = { projectId: randomUUID(), promptId: () => randomUUID() };

async function alone(steps: readonly Step[]): Promise<Transcript> {
  const run = await TenantRun.begin(await tenant(), nobody);
  for (const next of steps) await run.take(next);
  return run.end();
}

/** Whose turn it is. */
type Turn = 'left' | 'right' | 'both';

interface Pair {
  left: Tenant;
  right: Tenant;
}

async function together({ left, right }: Pair, plans: { left: Step[]; right: Step[]; turns: Turn[] }) {
  const lives: { left?: TenantRun; right?: TenantRun } = {};
  const other = (side: 'left' | 'right') => ({
    projectId: side === 'left' ? left.projectId : right.projectId,
    promptId: () => lives[side]?.newest() ?? randomUUID(),
  });
  lives.left = await TenantRun.begin(left, other('right'));
  lives.right = await TenantRun.begin(right, other('left'));
  const rest = { left: plans.left.values(), right: plans.right.values() };
  const takeTurn = async (side: 'left' | 'right'): Promise<boolean> => {
    const { done, value } = rest[side].next();
    if (done !== true) await lives[side]?.take(value);
    return done !== true;
  };
  for (const turn of plans.turns)
    await Promise.all([turn === 'right' ? false : takeTurn('left'), turn === 'left' ? false : takeTurn('right')]);
  while ((await Promise.all([takeTurn('left'), takeTurn('right')])).includes(true));
  return { left: await lives.left.end(), right: await lives.right.end() };
}

const plans = fc.record({
  left: fc.array(step, { minLength: 3, maxLength: 14 }),
  right: fc.array(step, { minLength: 3, maxLength: 14 }),
  turns: fc.array(fc.constantFrom<Turn>('left', 'right', 'both'), { maxLength: 24 }),
});

test(
  'each project hears exactly what it hears alone: create, import, edit, delete, list, search, feed, keys, members, retention, trespass (T21, T22, T24, T27, T28, T30, T31, T32, T34, T47)',
  async () => {
    const outcomes = { done: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(plans, async (drawn) => {
        const wanted = { left: await alone(drawn.left), right: await alone(drawn.right) };
        const heard = await together({ left: await tenant(), right: await tenant() }, drawn);
        expect(heard.left).toEqual(wanted.left);
        expect(heard.right).toEqual(wanted.right);
        for (const answer of [...heard.left.answers, ...heard.right.answers])
          outcomes['value' in (answer as object) ? 'done' : 'refused'] += 1;
      }),
      { seed, numRuns: runs, endOnFailure: true },
    );
    // Lives of nothing but refusals would be equal too.
    expect(outcomes.done).toBeGreaterThan(outcomes.refused / 4);
    expect(outcomes.refused).toBeGreaterThan(0);
  },
  Math.max(120_000, runs * 20_000),
);

test('the control: two who share a project do hear each other, and the same comparison says so', async () => {
  const shared: Tenant = await tenant();
  const intruder = await service.signUp();
  await service.app.db.prisma.membership.create({
    data: { projectId: shared.projectId, userId: intruder.session.user.id, role: 'owner' },
  });
  const guest: PromptwellClient = intruder.client;
  const left: Step[] = [
    { do: 'list', limit: 3 },
    { do: 'similar', query: 'river', mode: 'hybrid' },
  ];
  const right: Step[] = [{ do: 'create', text: 'a river of the right', tags: [], key: null, generate: false }];
  const heard = await together(
    { left: shared, right: { ...shared, client: guest } },
    { left, right, turns: ['right', 'left', 'left'] },
  );
  expect(heard.left).not.toEqual(await alone(left));
});
