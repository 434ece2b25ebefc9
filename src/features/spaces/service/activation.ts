import { Fault } from '../../../kernel/fault.js';
import { appendAudit } from '../../../platform/audit.js';
import type { StoredSpace } from '../../../platform/db/space.js';
import type { ActivationView, SpaceComparison } from '../schema.js';
import { SpaceStore, SpaceWrites } from '../store.js';
import { compareSpaces } from './comparison.js';
import type { SpaceDeps } from './deps.js';

/** Prompts that a switch fills by itself before it happens; a space that lacks more is still filling. */
const mostStragglers = 200;
/** How often stragglers are filled, or a lock is waited for, before the switch gives up. */
const tries = 20;
const retryMs = 100;

/** Who switches: a person, or null for the service itself; and the projects whose ids they may see. */
export interface Activator {
  userId: string | null;
  projects: { has(projectId: string): boolean };
}

/**
 * Makes a space the one that serves, for every process at once.
 *
 * Shape: answers what it compared before. Prompts stored up to the switch have their vector in the new space, and what is
 * being stored waits for it and then goes there: see `holdVectors`. Cost: stored vectors wait for one look through all
 * prompts (`pauseMs`); reads wait for nothing.
 * Faults: `precondition` with state `filling`, `filled` and `total`, or `unavailable`, `dropping`; `overloaded` when
 * statements that store vectors do not end in time.
 */
export async function activateSpace(deps: SpaceDeps, target: StoredSpace, by: Activator): Promise<ActivationView> {
  const serving = await deps.spaces.refresh();
  if (serving.id === target.id) throw new Fault('conflict', `The space ${target.name} serves already.`);
  if (!deps.spaces.canServe(target)) throw unavailable(target.name);
  await requireNearlyFull(deps, target);
  // Before the comparison: a space of few prompts may be empty still.
  await deps.fillNow(deps.spaces.serving(target), mostStragglers);
  const comparison = await compareSpaces(deps, { active: serving, candidate: target }, by.projects);
  const { pauseMs, refused } = await switchWhenFull(deps, target, { by, was: serving.name, comparison });
  await deps.spaces.refresh();
  deps.log.info(
    { space: target.name, was: serving.name, overlap: comparison.meanOverlap, sampled: comparison.sampled, pauseMs },
    'the space was activated',
  );
  return { active: target.name, was: serving.name, comparison, pauseMs, refused };
}

/** The refusal of a space whose vectors this process cannot make. */
export const unavailable = (name: string): Fault =>
  new Fault(
    'precondition',
    `This process cannot make vectors of ${name}: its model or endpoint is not configured here.`,
    {
      state: 'unavailable',
    },
  );

const filling = (name: string, { filled, total }: { filled: number; total: number }): Fault =>
  new Fault('precondition', `The space ${name} is being filled: ${filled} of ${total}.`, {
    state: 'filling',
    filled,
    total,
  });

async function requireNearlyFull({ db, wakeIndexer }: SpaceDeps, { id, name }: StoredSpace): Promise<void> {
  const store = new SpaceStore(db);
  const missing = await store.countMissing(id, Number.MAX_SAFE_INTEGER);
  if (missing <= mostStragglers) return;
  wakeIndexer();
  const total = await store.countWanted();
  throw filling(name, { filled: total - missing, total });
}

interface Switch {
  by: Activator;
  was: string;
  comparison: SpaceComparison;
}

async function switchWhenFull(deps: SpaceDeps, target: StoredSpace, change: Switch) {
  for (let attempt = 1; attempt <= tries; attempt += 1) {
    const refused = await deps.fillNow(deps.spaces.serving(target), mostStragglers);
    try {
      const pauseMs = await trySwitch(deps, target, { ...change, refused });
      if (pauseMs !== null) return { pauseMs, refused: refused.length };
    } catch (cause) {
      if (!(cause instanceof Fault) || cause.kind !== 'overloaded' || attempt === tries) throw cause;
      await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
  }
  const store = new SpaceStore(deps.db);
  const total = await store.countWanted();
  throw filling(target.name, { filled: total - (await store.countMissing(target.id, total)), total });
}

/** One transaction; null, and nothing of it switched, while the space lacks more than can be filled meanwhile. */
async function trySwitch(
  { db, ids, clock, spaces, fillIn }: SpaceDeps,
  target: StoredSpace,
  { by, was, comparison, refused }: Switch & { refused: string[] },
): Promise<number | null> {
  const { id, name } = target;
  const startedMs = clock.monotonicMs();
  const isDone = await db.transaction(async (tx) => {
    const writes = new SpaceWrites(tx);
    await writes.hold();
    if (!(await writes.lock(id)))
      throw new Fault('precondition', `The space ${name} is being dropped.`, { state: 'dropping' });
    // Under a steady load there are always some of the last moments: waiting for none of them would wait for ever.
    if (!(await fillIn(tx, spaces.serving(target), refused))) return false;
    await writes.activate(id);
    const { meanOverlap, sampled } = comparison;
    const details = { space: name, was, meanOverlap, sampled, refused: refused.length };
    await appendAudit(tx, ids, { projectId: null, userId: by.userId, action: 'space.activated', details });
    return true;
  });
  return isDone ? Math.ceil(clock.monotonicMs() - startedMs) : null;
}
