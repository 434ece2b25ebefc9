import type { ProjectAccess } from '../../../kernel/access.js';
import { Fault } from '../../../kernel/fault.js';
import { eventChannel } from '../../../platform/events/catalogue.js';
import type { ImportedPrompts, ImportPromptsInput } from '../import-schema.js';
import { ImportStore } from '../store/imports.js';
import type { Insertion } from '../store/insertion.js';
import { type PromptDeps, tenantOf } from './deps.js';
import { insertionOf, type Making } from './imported.js';

/**
 * Stores prompts that were made elsewhere, with the answers they came with; no model is asked.
 *
 * Shape: all or nothing; an item whose key is known with the same body is skipped. Each new prompt tells the feed one
 * `prompt.created`, which shows it as it ended: a second event would tell nothing more, and slow readers of a large
 * import catch up from the database in pages. Vectors come from the indexer, in the background lane.
 * Metrics of model calls leave them out: nothing was called. Cost: one transaction of two or three statements.
 * Faults: `invalid` naming item and field; `conflict` for a key that made another prompt; `rateLimited`.
 */
export async function importPrompts(
  deps: PromptDeps,
  access: ProjectAccess,
  input: ImportPromptsInput,
): Promise<ImportedPrompts> {
  const { items } = input;
  await deps.throttle.countImport(access.userId, items.length);
  const tenant = tenantOf(deps.spaces.active(), access.projectId);
  const { stored, ids } = await deps.db.within(access.projectId).transaction(async (tx) => {
    const store = new ImportStore(tx, tenant);
    const made = await insertionsOf({ access, input, ids: deps.ids, now: await store.now() }, items);
    const fresh = await store.insert({ insertions: made, channel: eventChannel });
    const known = made.filter(({ prompt }) => !fresh.has(prompt.id)).map(({ prompt }) => prompt.idempotencyKey ?? '');
    const kept = known.length === 0 ? [] : await store.kept(access.userId, known);
    const hashes = new Map(kept.map((prompt) => [prompt.key, prompt]));
    const idOf = ({ prompt }: Insertion, place: number): string => {
      if (fresh.has(prompt.id)) return prompt.id;
      const earlier = hashes.get(prompt.idempotencyKey ?? '');
      if (earlier?.requestHash === prompt.requestHash) return earlier.id;
      throw keyTaken(place, earlier?.id);
    };
    return { stored: fresh, ids: made.map(idOf) };
  });
  if (stored.size > 0) deps.onUnindexed();
  return { imported: stored.size, skipped: items.length - stored.size, ids };
}

/** Items that are made ready before others of this process get their turn: some milliseconds of hashing. */
const itemsATurn = 100;

async function insertionsOf(making: Making, items: ImportPromptsInput['items']): Promise<Insertion[]> {
  const made: Insertion[] = [];
  for (const [place, item] of items.entries()) {
    if (place > 0 && place % itemsATurn === 0) await new Promise((resolve) => setImmediate(resolve));
    made.push(insertionOf(making, item, place));
  }
  return made;
}

/** A key that nobody is found to have was in use a moment ago. */
function keyTaken(place: number, current: string | undefined): Fault {
  const path = `items.${place}.idempotencyKey`;
  if (current === undefined) return new Fault('conflict', `${path}: was in use a moment ago; try again.`);
  const message = 'was used with another body before';
  return new Fault('conflict', `${path}: ${message}.`, { current, issues: [{ path, message }] });
}
