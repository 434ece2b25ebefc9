import type { Database, Tx } from '../../platform/db/database.js';
import { toVectorLiteral } from '../../platform/db/vector.js';

/** A prompt without a vector in the space that serves. */
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

/** Vectors of every project in one space: the one store that has no project, because it serves none but the house. */
export class IndexingStore {
  readonly #db: Database;
  readonly #space: { id: number; dimensions: number };

  constructor(db: Database, space: { id: number; dimensions: number }) {
    this.#db = db;
    this.#space = space;
  }

  /** The next prompts without a vector after `afterId`, oldest first. Prompts still being answered get theirs with the answer. */
  next(afterId: string, limit: number): Promise<UnindexedPrompt[]> {
    return this.#db.read<UnindexedPrompt>(
      `SELECT p.id::text AS id, p.project_id::text AS "projectId", p.text, p.text_hash AS "textHash"
       FROM prompt p LEFT JOIN embedding e ON e.prompt_id = p.id AND e.space_id = $1
       WHERE e.prompt_id IS NULL AND p.status <> 'pending' AND p.id > $2::uuid ORDER BY p.id LIMIT $3`,
      [this.#space.id, afterId, limit],
    );
  }

  /** Stores vectors for the texts that are still those; another process may have been first. */
  async put(tx: Tx, vectors: readonly IndexedVector[]): Promise<void> {
    for (const { prompt, vector, isTruncated } of vectors)
      await tx.$executeRaw`
        INSERT INTO embedding (project_id, prompt_id, space_id, text_hash, vector, is_truncated)
        SELECT p.project_id, p.id, ${this.#space.id}, p.text_hash, ${toVectorLiteral(vector, this.#space.dimensions)}::vector, ${isTruncated}
        FROM prompt p
        WHERE p.project_id = ${prompt.projectId}::uuid AND p.id = ${prompt.id}::uuid AND p.text_hash = ${prompt.textHash}
        ON CONFLICT (prompt_id, space_id) DO NOTHING`;
  }
}
