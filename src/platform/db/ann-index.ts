import type { Database } from './database.js';

/** Whose vectors an approximate index holds. */
export interface AnnTarget {
  projectId: string;
  spaceId: number;
}

/** What decides how an index stores vectors. */
export interface AnnShape {
  engine: Database['engine'];
  dimensions: number;
}

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const namePattern = /^ann_([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})_(\d{1,10})$/;

/** Most dimensions that HNSW takes for the type `vector`. Source: pgvector README, "HNSW", `HNSW_MAX_DIM`. */
export const maxAnnDimensions = 2_000;

/** The name of a target's index: of ids only. Faults: a `TypeError` for what is no id. */
export function annIndexName({ projectId, spaceId }: AnnTarget): string {
  if (!uuidPattern.test(projectId) || !isPositiveInteger(spaceId)) throw new TypeError('an index is named by ids');
  return `ann_${projectId.replaceAll('-', '')}_${spaceId}`;
}

/** Whose index has this name; null when it is no name of `annIndexName`. */
export function annTargetOf(name: string): AnnTarget | null {
  const match = namePattern.exec(name);
  return match === null ? null : { projectId: match.slice(1, 6).join('-'), spaceId: Number(match[6]) };
}

/**
 * The type that an index compares: half precision on a server (0.57 of the size at equal recall), full precision on the
 * embedded engine, where building over half precision measured four times slower.
 *
 * Faults: a `TypeError` for dimensions that HNSW does not take.
 */
export function annType({ engine, dimensions }: AnnShape): string {
  if (!isPositiveInteger(dimensions) || dimensions > maxAnnDimensions) throw new TypeError('no dimensions of an index');
  return `${engine === 'server' ? 'halfvec' : 'vector'}(${dimensions})`;
}

/**
 * The statement that makes a target's index.
 *
 * The one place where SQL is put together from values: CREATE INDEX takes no parameters. The values are a UUID and two
 * integers, checked above to the character; no text of anybody gets here. `IS TRUE` hides the conditions from the B-tree
 * (project_id, space_id, prompt_id), so that a search which names them so is served by this index or by none: left to
 * choose, the planner sorts the whole project whenever its statistics are old. m and ef_construction are pgvector's
 * defaults. Source: figures in tests/bench/RESULTS.md, "Large projects".
 */
export function createAnnIndexSql(target: AnnTarget, shape: AnnShape): string {
  const type = annType(shape);
  const operators = shape.engine === 'server' ? 'halfvec_cosine_ops' : 'vector_cosine_ops';
  // CONCURRENTLY lets writers go on; the embedded engine has one session, so nobody could.
  const how = shape.engine === 'server' ? 'CONCURRENTLY ' : '';
  return `CREATE INDEX ${how}${annIndexName(target)} ON embedding USING hnsw ((vector::${type}) ${operators})
    WITH (m = 16, ef_construction = 64)
    WHERE (project_id = '${target.projectId}'::uuid) IS TRUE AND (space_id = ${target.spaceId}) IS TRUE`;
}

/** The statement that drops a target's index, if it is there. */
export function dropAnnIndexSql(target: AnnTarget, engine: Database['engine']): string {
  return `DROP INDEX ${engine === 'server' ? 'CONCURRENTLY ' : ''}IF EXISTS ${annIndexName(target)}`;
}

const isPositiveInteger = (value: number): boolean => Number.isSafeInteger(value) && value > 0;
