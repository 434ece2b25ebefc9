import { Fault } from '../../kernel/fault.js';
import type { Database } from './database.js';

/**
 * The id of an embedding space, made when it is new.
 *
 * Faults: `conflict` when a space of this name holds vectors of another dimension.
 */
export async function ensureSpace(db: Database, space: { name: string; dimensions: number }): Promise<number> {
  const row = await db.transaction((tx) =>
    tx.space.upsert({ where: { name: space.name }, create: { name: space.name, dimensions: space.dimensions }, update: {} }),
  );
  if (row.dimensions === space.dimensions) return row.id;
  throw new Fault(
    'conflict',
    `The space ${space.name} holds vectors of ${row.dimensions} dimensions, not ${space.dimensions}.`,
    { entity: 'space', current: row.dimensions },
  );
}
