import { Fault } from '../../../kernel/fault.js';
import { Gathering } from '../../../kernel/gathering.js';
import type { Database } from '../../../platform/db/database.js';
import { eventChannel } from '../../../platform/events/catalogue.js';
import { type Inserted, type Insertion, insertPrompts } from '../store/insertion.js';
import type { Tenant } from '../store/statements.js';

/** Prompts of one statement, and their characters: a statement of so much takes some ten milliseconds. */
const groupItems = 64;
const groupCharacters = 262_144;
/** Statements of one project at once: with one, two callers would wait for each other's commits. */
const groupsAtOnce = 2;

interface Item {
  tenant: Tenant;
  insertion: Insertion;
}

/**
 * Stores prompts as they come, those of one project that come at the same time in one statement: one round trip, one
 * commit and one NOTIFY for all of them.
 */
export class PromptInsertions {
  readonly #gathering: Gathering<Item, Inserted | null>;

  constructor(db: Database) {
    this.#gathering = new Gathering<Item, Inserted | null>({
      run: (items) => insertTogether(db, items),
      weightOf: ({ insertion }) => insertion.prompt.text.length + (insertion.prompt.system?.length ?? 0),
      isForAll,
      groupItems,
      groupWeight: groupCharacters,
      groupsAtOnce,
    });
  }

  /** Stores a prompt; null, and nothing written, when its key is taken or, with a vector, another space serves by now. */
  add(tenant: Tenant, insertion: Insertion): Promise<Inserted | null> {
    // A statement with vectors waits for a switch of spaces; prompts on their way to a model need not.
    const key = `${tenant.projectId} ${tenant.spaceId} ${insertion.vector !== null}`;
    return this.#gathering.add(key, { tenant, insertion });
  }
}

async function insertTogether(db: Database, items: readonly Item[]): Promise<(Inserted | null)[]> {
  const [first] = items;
  if (first === undefined) return [];
  const insertions = items.map(({ insertion }) => insertion);
  const { text, values } = insertPrompts(first.tenant, { insertions, channel: eventChannel });
  const rows = await db.within(first.tenant.projectId).readKept<Inserted>(text, values);
  const stored = new Map(rows.map((inserted) => [inserted.id, inserted]));
  return insertions.map(({ prompt }) => stored.get(prompt.id) ?? null);
}

/** With the database away nobody knows what was written: only what was surely refused is tried again, one by one. */
const isForAll = (cause: unknown): boolean =>
  cause instanceof Fault && (cause.kind === 'overloaded' || cause.kind === 'timeout');
