import { Fault } from '../../kernel/fault.js';
import type { Database } from './database.js';

const findSql = 'SELECT id, dimensions FROM space WHERE name = $1';
/** Safe among processes that start at once; answers nothing when another was first. */
const addSql = 'INSERT INTO space (name, dimensions) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING';

interface SpaceRow {
  id: number;
  dimensions: number;
}

/**
 * The id of an embedding space, made when it is new.
 *
 * Cost: a read; a start that changes nothing must write nothing, or it would be due a backup.
 * Faults: `conflict` when a space of this name holds vectors of another dimension.
 */
export async function ensureSpace(db: Database, space: { name: string; dimensions: number }): Promise<number> {
  const find = async (): Promise<SpaceRow | undefined> => (await db.read<SpaceRow>(findSql, [space.name]))[0];
  let row = await find();
  if (row === undefined) {
    await db.read(addSql, [space.name, space.dimensions]);
    row = await find();
  }
  if (row === undefined) throw new Error('a space just added is not there');
  if (row.dimensions === space.dimensions) return row.id;
  throw new Fault(
    'conflict',
    `The space ${space.name} holds vectors of ${row.dimensions} dimensions, not ${space.dimensions}.`,
    { entity: 'space', current: row.dimensions },
  );
}
