import { Fault } from '../../kernel/fault.js';
import type { Database, Tx } from './database.js';

/** Rings when a space was added, activated or dropped; its payload says nothing, the rows are the truth. */
export const spaceChannel = 'promptwell_space';

/**
 * SQL, a condition on alias `p`: the prompt is to have a vector in every space.
 *
 * A prompt that is being answered for the first time gets its vector with its answer; one that is asked again has one.
 */
export const wantsVectorSql = `(p.status <> 'pending' OR EXISTS (SELECT 1 FROM embedding o WHERE o.prompt_id = p.id))`;

const findSql = 'SELECT id, dimensions FROM space WHERE name = $1';
/** Safe among processes that start at once; answers nothing when another was first. */
const addSql = 'INSERT INTO space (name, dimensions) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING';
const listSql = `SELECT id, name, dimensions, is_active AS "isActive", dropped_at IS NOT NULL AS "isDropped",
  created_at AS "createdAt" FROM space ORDER BY id`;

/** A space as the database has it. */
export interface StoredSpace {
  id: number;
  name: string;
  dimensions: number;
  isActive: boolean;
  /** Its vectors are being deleted, and it with them. */
  isDropped: boolean;
  createdAt: Date;
}

/** Every space, oldest first. Cost: one read of a handful of rows. */
export const listSpaces = (db: Database): Promise<StoredSpace[]> => db.read<StoredSpace>(listSql, []);

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

/** How long a switch waits for the statements that store vectors; meanwhile new ones wait behind it. */
const lockTimeoutMs = 1_000;

/**
 * Waits until no statement that stores a vector is under way, and keeps new ones out until the transaction ends: what it
 * then reads is all there is. Readers are not kept out.
 *
 * Lock: SHARE ROW EXCLUSIVE on `embedding`, fair, where row locks shared by writers could starve it. Faults: `overloaded`
 * after a second, for example while an index is being built.
 */
export async function holdVectors(tx: Tx): Promise<void> {
  await tx.$executeRaw`SELECT set_config('lock_timeout', ${`${lockTimeoutMs}ms`}, true)`;
  await tx.$executeRaw`LOCK TABLE embedding IN SHARE ROW EXCLUSIVE MODE`;
}

/** Makes a space the one that serves and tells every process at the commit. Order: off before on, for the unique index. */
export async function switchSpace(tx: Tx, id: number): Promise<void> {
  await tx.$executeRaw`UPDATE space SET is_active = false WHERE is_active AND id <> ${id}`;
  await tx.$executeRaw`UPDATE space SET is_active = true WHERE id = ${id}`;
  await ringSpaces(tx);
}

/** Tells every process, at the commit, that the spaces changed. */
export const ringSpaces = async (tx: Tx): Promise<void> =>
  void (await tx.$executeRaw`SELECT pg_notify(${spaceChannel}, '')`);

/** Makes a space the first one that serves; nothing where one serves already. Safe among processes that start at once. */
export async function activateFirst(db: Database, id: number): Promise<void> {
  const sql = 'UPDATE space SET is_active = true WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM space WHERE is_active)';
  await db.read(sql, [id]).catch((cause: unknown) => {
    if (!(cause instanceof Fault) || cause.kind !== 'conflict') throw cause;
  });
}

/** Vectors by the id of their space. Cost: reads an index of all vectors. */
export async function countVectorsBySpace(db: Database): Promise<Map<number, number>> {
  const rows = await db.read<{ id: number; vectors: number }>(
    'SELECT space_id AS id, count(*)::int AS vectors FROM embedding GROUP BY space_id',
    [],
  );
  return new Map(rows.map(({ id, vectors }) => [id, vectors]));
}

/** Whether a person ever activated or dropped a space: from then on spaces change by hand only. */
export async function isDecidedByHand(db: Database): Promise<boolean> {
  const rows = await db.read(
    `SELECT 1 FROM audit_entry WHERE action IN ('space.activated', 'space.dropped') AND user_id IS NOT NULL LIMIT 1`,
    [],
  );
  return rows.length > 0;
}
