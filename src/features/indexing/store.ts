import type { Database, Tx } from '../../platform/db/database.js';
import { Prisma } from '../../platform/db/generated/client.js';
import { wantsVectorSql } from '../../platform/db/space.js';
import { toVectorLiteral } from '../../platform/db/vector.js';

/** A prompt without a vector in a space. */
export interface UnindexedPrompt {
  id: string;
  projectId: string;
  text: string;
  textHash: string;
}

/** A vector for a prompt, with the hash of the text it was made of. */
export interface IndexedVector {
  prompt: UnindexedPrompt;
  vector: Float32Array;
  isTruncated: boolean;
}

/** How long a process that fills a space may be silent before another takes over, in seconds of database time. */
const claimSeconds = 10;

/** Vectors of every project in one space: the one store that has no project, because it serves none but the house. */
export class IndexingStore {
  readonly #db: Database;
  readonly #space: { id: number; dimensions: number };

  constructor(db: Database, space: { id: number; dimensions: number }) {
    this.#db = db;
    this.#space = space;
  }

  /** The next prompts without a vector after `afterId`, oldest first. */
  next(afterId: string, limit: number): Promise<UnindexedPrompt[]> {
    return this.#db.read<UnindexedPrompt>(
      `SELECT p.id::text AS id, p.project_id::text AS "projectId", p.text, p.text_hash AS "textHash"
       FROM prompt p LEFT JOIN embedding e ON e.prompt_id = p.id AND e.space_id = $1
       WHERE e.prompt_id IS NULL AND ${wantsVectorSql} AND p.id > $2::uuid ORDER BY p.id LIMIT $3`,
      [this.#space.id, afterId, limit],
    );
  }

  /** The same as a transaction sees it, all of them up to `limit`, those left out that are known to get none. */
  missing(tx: Tx, refusedIds: readonly string[], limit: number): Promise<UnindexedPrompt[]> {
    return tx.$queryRaw<UnindexedPrompt[]>`
      SELECT p.id::text AS id, p.project_id::text AS "projectId", p.text, p.text_hash AS "textHash"
      FROM prompt p LEFT JOIN embedding e ON e.prompt_id = p.id AND e.space_id = ${this.#space.id}
      WHERE e.prompt_id IS NULL AND ${Prisma.raw(wantsVectorSql)} AND p.id <> ALL(${[...refusedIds]}::uuid[])
      ORDER BY p.id LIMIT ${limit}`;
  }

  /** Whether another process is filling the space, as it stands. */
  async isTaken(processId: string): Promise<boolean> {
    const rows = await this.#db.read<object>(
      'SELECT id FROM space WHERE id = $1 AND filled_by <> $2::uuid AND filled_until > now()',
      [this.#space.id, processId],
    );
    return rows.length > 0;
  }

  /** Takes or keeps the filling of the space for one process; false while another has it, or it is being dropped. */
  async claim(processId: string): Promise<boolean> {
    const rows = await this.#db.read(
      `UPDATE space SET filled_by = $2::uuid, filled_until = now() + make_interval(secs => $3)
       WHERE id = $1 AND dropped_at IS NULL AND (filled_by = $2::uuid OR filled_until IS NULL OR filled_until < now())
       RETURNING id`,
      [this.#space.id, processId, claimSeconds],
    );
    return rows.length > 0;
  }

  /** Lets another process fill the space at once. */
  async release(processId: string): Promise<void> {
    await this.#db.read(
      'UPDATE space SET filled_by = NULL, filled_until = NULL WHERE id = $1 AND filled_by = $2::uuid',
      [this.#space.id, processId],
    );
  }

  /**
   * Stores vectors for the texts that are still those; another process may have been first. Answers how many it stored.
   *
   * Lock: the space's row, so that none is stored once it is being dropped.
   */
  put(tx: Tx, vectors: readonly IndexedVector[]): Promise<number> {
    return tx.$executeRaw`
      INSERT INTO embedding (project_id, prompt_id, space_id, text_hash, vector, is_truncated)
      SELECT p.project_id, p.id, s.id, p.text_hash, made.vector::vector, made.is_truncated
      FROM unnest(${vectors.map(({ prompt }) => prompt.id)}::uuid[], ${vectors.map(({ prompt }) => prompt.textHash)}::text[],
        ${vectors.map(({ vector }) => toVectorLiteral(vector, this.#space.dimensions))}::text[],
        ${vectors.map(({ isTruncated }) => isTruncated)}::boolean[]) AS made(id, text_hash, vector, is_truncated)
      JOIN prompt p ON p.id = made.id AND p.text_hash = made.text_hash
      JOIN (SELECT id FROM space WHERE id = ${this.#space.id} AND dropped_at IS NULL FOR KEY SHARE) s ON true
      ON CONFLICT (prompt_id, space_id) DO NOTHING`;
  }
}
