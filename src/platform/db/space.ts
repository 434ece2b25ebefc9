import { Fault } from '../../kernel/fault.js';
import type { Database } from './database.js';

/** One statement, safe among processes that start at once (Prisma's upsert is two). The update makes RETURNING answer. */
const spaceSql = `INSERT INTO space (name, dimensions) VALUES ($1, $2)
  ON CONFLICT (name) DO UPDATE SET name = EXCLUDED.name RETURNING id, dimensions`;

/**
 * The id of an embedding space, made when it is new.
 *
 * Faults: `conflict` when a space of this name holds vectors of another dimension.
 */
export async function ensureSpace(db: Database, space: { name: string; dimensions: number }): Promise<number> {
  const [row] = await db.read<{ id: number; dimensions: number }>(spaceSql, [space.name, space.dimensions]);
  if (row === undefined) throw new Error('an upsert gave no row');
  if (row.dimensions === space.dimensions) return row.id;
  throw new Fault(
    'conflict',
    `The space ${space.name} holds vectors of ${row.dimensions} dimensions, not ${space.dimensions}.`,
    { entity: 'space', current: row.dimensions },
  );
}
