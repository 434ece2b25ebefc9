import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { mayDo, type ProjectAccess, type Role, type Scope } from '../../src/kernel/access.js';
import { Fault } from '../../src/kernel/fault.js';
import { openAccounts, type TestAccounts } from '../support/accounts.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

const people = 4;
const roles = ['viewer', 'member', 'admin', 'owner'] as const satisfies readonly Role[];
const rank = (role: Role): number => roles.indexOf(role);

/** What somebody tries; people are named by number, and `by` need not be a member. */
type Step = { by: number; whom: number } & (
  | { do: 'add' | 'setRole'; role: Role }
  | { do: 'remove' | 'leave' | 'transfer' }
);
const who = fc.nat(people - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constantFrom('add' as const, 'add' as const, 'setRole' as const),
    by: who,
    whom: who,
    role: fc.constantFrom(...roles),
  }),
  fc.record({ do: fc.constantFrom('remove' as const, 'leave' as const, 'transfer' as const), by: who, whom: who }),
);

const scopes = {
  add: 'members:manage',
  setRole: 'members:manage',
  remove: 'members:manage',
  leave: 'members:read',
  transfer: 'project:own',
} as const satisfies Record<Step['do'], Scope>;

let database: TestDatabase;
let room: TestAccounts;
let persons: Awaited<ReturnType<TestAccounts['person']>>[];
beforeAll(async () => {
  database = await createTestDatabase();
  room = await openAccounts(database.db);
  persons = [];
  for (let count = 0; count < people; count += 1) persons.push(await room.person());
  // A project that all are in, so that each finds the others by name.
  const first = await principalOf(0);
  const { id } = await room.projects.create(first, 'Everybody');
  for (const { user } of persons.slice(1))
    await database.db.read(`INSERT INTO membership (project_id, user_id, role) VALUES ($1, $2, 'viewer')`, [
      id,
      user.id,
    ]);
});
afterAll(async () => {
  await room.close();
  await database[Symbol.asyncDispose]();
});

function principalOf(index: number) {
  room.authenticator.forget();
  return room.authenticator.authenticate(persons[index]?.tokens.accessToken ?? '');
}
const idOf = (index: number): string => persons[index]?.user.id ?? '';

type Model = ReadonlyMap<number, Role>;
/** What the one who acts and the one acted on are, before a step. */
interface Ranks {
  model: Model;
  own: Role;
  theirs: Role | undefined;
}

const without = (model: Model, index: number): Map<number, Role> =>
  new Map([...model].filter(([other]) => other !== index));

/** What each step makes of the roles, or null where the rules refuse it. Written from the rules, not from the code. */
const rules = {
  add: ({ model, own, theirs }: Ranks, { whom, role }: { whom: number; role: Role }) =>
    theirs !== undefined || rank(role) > rank(own) ? null : new Map(model).set(whom, role),
  setRole: ({ model, own, theirs }: Ranks, { whom, role }: { whom: number; role: Role }) =>
    theirs === undefined || Math.max(rank(theirs), rank(role)) > rank(own) ? null : new Map(model).set(whom, role),
  remove: ({ model, own, theirs }: Ranks, { whom }: { whom: number }) =>
    theirs === undefined || rank(theirs) > rank(own) ? null : without(model, whom),
  leave: ({ model }: Ranks, { by }: { by: number }) => without(model, by),
  transfer: ({ model, theirs }: Ranks, { by, whom }: { by: number; whom: number }) =>
    theirs === undefined || whom === by ? null : new Map(model).set(by, 'admin').set(whom, 'owner'),
} as const;

/** The least role that may try each step at all. */
const least = { add: 'admin', setRole: 'admin', remove: 'admin', leave: 'viewer', transfer: 'owner' } as const;

/** The roles after a step; null when it is refused. */
function after(model: Model, taken: Step): Model | null {
  const own = model.get(taken.by);
  if (own === undefined || rank(own) < rank(least[taken.do])) return null;
  const ranks = { model, own, theirs: model.get(taken.whom) };
  const next =
    taken.do === 'add' || taken.do === 'setRole' ? rules[taken.do](ranks, taken) : rules[taken.do](ranks, taken);
  return next !== null && [...next.values()].includes('owner') ? next : null;
}

/** Takes a step with the leave that its role gave when it began; answers whether it was done. */
async function take(projectId: string, { by, whom, ...taken }: Step): Promise<boolean> {
  const principal = await principalOf(by);
  const role = principal.roles.get(projectId);
  const scope = scopes[taken.do];
  if (role === undefined || !mayDo(principal, role, scope)) return false;
  const access: ProjectAccess = { projectId, userId: principal.userId, role, scope, principal };
  const userId = idOf(whom);
  try {
    if (taken.do === 'add')
      await room.members.add(access, { projectId, username: persons[whom]?.username ?? '', role: taken.role });
    else if (taken.do === 'setRole') await room.members.setRole(access, { projectId, userId, role: taken.role });
    else if (taken.do === 'leave') await room.members.leave(access);
    else await room.members[taken.do](access, userId);
    return true;
  } catch (cause) {
    if (cause instanceof Fault) return false;
    throw cause;
  }
}

async function stored(projectId: string): Promise<Map<number, Role>> {
  const rows = await database.db.read<{ userId: string; role: Role }>(
    'SELECT user_id AS "userId", role FROM membership WHERE project_id = $1',
    [projectId],
  );
  return new Map(rows.map(({ userId, role }) => [persons.findIndex(({ user }) => user.id === userId), role]));
}
const sorted = (model: Model) => [...model].toSorted(([a], [b]) => a - b);

test('after any steps the members are those that the rules say, and every step is recorded', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
      const { id } = await room.projects.create(await principalOf(0), 'Model');
      let model: Model = new Map([[0, 'owner']]);
      let changes = 0;
      for (const taken of steps) {
        const next = after(model, taken);
        expect(await take(id, taken), JSON.stringify(taken)).toBe(next !== null);
        if (
          next !== null &&
          (taken.do === 'transfer' || JSON.stringify(sorted(next)) !== JSON.stringify(sorted(model)))
        )
          changes += 1;
        model = next ?? model;
        expect(sorted(await stored(id))).toEqual(sorted(model));
      }
      expect(await database.db.read('SELECT 1 FROM audit_entry WHERE project_id = $1', [id])).toHaveLength(changes);
      await database.db.read('DELETE FROM project WHERE id = $1', [id]);
    }),
    { numRuns: 25 },
  );
}, 120_000);

test('whatever is tried at the same moment, an owner stays', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...roles), { minLength: people - 1, maxLength: people - 1 }),
      fc.array(step, { minLength: 2, maxLength: 6 }),
      async (others, steps) => {
        const { id } = await room.projects.create(await principalOf(0), 'Race');
        for (const [index, role] of others.entries())
          await database.db.read('INSERT INTO membership (project_id, user_id, role) VALUES ($1, $2, $3::role)', [
            id,
            idOf(index + 1),
            role,
          ]);
        await Promise.all(steps.map((taken) => take(id, taken)));
        expect([...(await stored(id)).values()]).toContain('owner');
        await database.db.read('DELETE FROM project WHERE id = $1', [id]);
      },
    ),
    { numRuns: 25 },
  );
}, 120_000);
