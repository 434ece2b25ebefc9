import type { Config } from '../config.js';
import { systemClock } from '../kernel/clock.js';
import { systemIds } from '../kernel/ids.js';
import { openDatabase } from '../platform/db/client.js';
import type { Database } from '../platform/db/database.js';
import type { DatabaseLog } from '../platform/db/engine.js';
import type { Terminal } from './terminal.js';

/** The ids of a command. */
export const ids = systemIds(() => systemClock.nowMs());

/**
 * Runs `work` with the database, opened and closed exactly as the service does: migrated, and on the embedded engine for
 * this process alone.
 *
 * Faults: `DatabaseStartError`, for one while the service holds the embedded folder.
 */
export async function withDatabase<T>(
  terminal: Terminal,
  config: Config['db'],
  work: (db: Database) => Promise<T>,
): Promise<T> {
  const db = await openDatabase({
    config,
    clock: systemClock,
    ids,
    log: notesLog(terminal.notes),
  });
  try {
    return await work(db);
  } finally {
    await db.close();
  }
}

/** The database's own words as lines for a person. */
function notesLog(notes: Terminal['notes']): DatabaseLog {
  const note = (facts: object, message: string): void => {
    notes.write(`${[message, ...Object.values(facts).map(inWords)].join(' ')}\n`);
  };
  return { info: note, warn: note, error: note };
}

const inWords = (fact: unknown): string => (fact instanceof Error ? fact.message : [fact].flat().join(', '));
