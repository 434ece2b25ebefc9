import type { Database, Tx } from '../../platform/db/database.js';
import {
  countVectorsBySpace,
  holdVectors,
  isDecidedByHand,
  ringSpaces,
  switchSpace,
  wantsVectorSql,
} from '../../platform/db/space.js';

/** A prompt whose neighbours are compared. */
export interface Sample {
  promptId: string;
  projectId: string;
}

/** How many neighbours are compared. Source: the overlap@10. */
export const comparedNeighbours = 10;

const missingSql = `FROM prompt p WHERE ${wantsVectorSql}
  AND NOT EXISTS (SELECT 1 FROM embedding e WHERE e.prompt_id = p.id AND e.space_id = $1)`;

/** Spaces of the whole installation: this room's rows belong to no project. */
export class SpaceStore {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Prompts that are to have a vector in every space. Cost: reads all prompts. */
  async countWanted(): Promise<number> {
    const [row] = await this.#db.read<{ count: number }>(
      `SELECT count(*)::int AS count FROM prompt p WHERE ${wantsVectorSql}`,
      [],
    );
    return row?.count ?? 0;
  }

  /** Vectors by the id of their space. Cost: reads an index of all vectors. */
  countVectors(): Promise<Map<number, number>> {
    return countVectorsBySpace(this.#db);
  }

  /** Whether a person ever activated or dropped a space: from then on spaces change by hand only. */
  isDecidedByHand(): Promise<boolean> {
    return isDecidedByHand(this.#db);
  }

  /** Prompts without a vector in a space, counted up to `limit`. */
  async countMissing(spaceId: number, limit: number): Promise<number> {
    const sql = `SELECT count(*)::int AS count FROM (SELECT 1 ${missingSql} LIMIT $2) AS lacking`;
    const [row] = await this.#db.read<{ count: number }>(sql, [spaceId, limit]);
    return row?.count ?? 0;
  }

  /** A random sample of the prompts that have a vector in both spaces. Order: random, by the database. */
  sample(oneId: number, otherId: number, limit: number): Promise<Sample[]> {
    return this.#db.read<Sample>(
      `SELECT e.prompt_id::text AS "promptId", e.project_id::text AS "projectId" FROM embedding e
       JOIN embedding o ON o.prompt_id = e.prompt_id AND o.space_id = $2
       WHERE e.space_id = $1 ORDER BY random() LIMIT $3`,
      [oneId, otherId, limit],
    );
  }

  /**
   * The ids nearest to a prompt in one space, of its own project, among those that both spaces hold, nearest first.
   *
   * Shape: exact, behind a fence as in `similarPrompts`: an approximate index would compare indexes, not models.
   */
  async nearest(spaceId: number, otherId: number, { projectId, promptId }: Sample): Promise<string[]> {
    const rows = await this.#db.read<{ id: string }>(
      `WITH scanned AS MATERIALIZED (
         SELECT e.prompt_id, e.vector <=> (SELECT a.vector FROM embedding a
           WHERE a.project_id = $2::uuid AND a.space_id = $1 AND a.prompt_id = $3::uuid) AS distance
         FROM embedding e JOIN embedding o ON o.prompt_id = e.prompt_id AND o.space_id = $4
         WHERE e.project_id = $2::uuid AND e.space_id = $1 AND e.prompt_id <> $3::uuid OFFSET 0)
       SELECT prompt_id::text AS id FROM scanned ORDER BY distance, prompt_id DESC LIMIT $5`,
      [spaceId, projectId, promptId, otherId, comparedNeighbours],
    );
    return rows.map(({ id }) => id);
  }

  /**
   * Deletes up to `limit` vectors of a dropped space whose prompts come after `afterId`; answers the last of them, null
   * when there are none. Order: by prompt, on the primary key.
   */
  async purge(spaceId: number, afterId: string, limit: number): Promise<string | null> {
    const [row] = await this.#db.read<{ last: string | null }>(
      `WITH batch AS (SELECT prompt_id FROM embedding WHERE space_id = $1 AND prompt_id > $2::uuid ORDER BY prompt_id LIMIT $3),
         gone AS (DELETE FROM embedding e USING batch b WHERE e.space_id = $1 AND e.prompt_id = b.prompt_id)
       SELECT max(prompt_id::text) AS last FROM batch`,
      [spaceId, afterId, limit],
    );
    return row?.last ?? null;
  }

  /** Whether a space was dropped so long ago that no search that began in it can still run. In database time. */
  async mayPurge(spaceId: number, graceMs: number): Promise<boolean> {
    const rows = await this.#db.read(
      `SELECT 1 FROM space WHERE id = $1 AND dropped_at < now() - make_interval(secs => $2::float8 / 1000)`,
      [spaceId, graceMs],
    );
    return rows.length > 0;
  }
}

/** Changes of spaces, inside one transaction. */
export class SpaceWrites {
  readonly #tx: Tx;

  constructor(tx: Tx) {
    this.#tx = tx;
  }

  /** Adds a space; false when one of its name is there. */
  async add({ name, dimensions }: { name: string; dimensions: number }): Promise<boolean> {
    const count = await this.#tx.$executeRaw`
      INSERT INTO space (name, dimensions) VALUES (${name}, ${dimensions}) ON CONFLICT (name) DO NOTHING`;
    return count === 1;
  }

  /** Keeps statements that store vectors out until the commit. Faults: `overloaded` when they do not end in time. */
  hold(): Promise<void> {
    return holdVectors(this.#tx);
  }

  /** Whether a space is there and not being dropped. Lock: its row, against being dropped meanwhile. */
  async lock(spaceId: number): Promise<boolean> {
    const rows = await this.#tx.$queryRaw<object[]>`
      SELECT 1 AS one FROM space WHERE id = ${spaceId} AND dropped_at IS NULL FOR UPDATE`;
    return rows.length > 0;
  }

  /** The space that serves becomes this one. */
  activate(spaceId: number): Promise<void> {
    return switchSpace(this.#tx, spaceId);
  }

  /** Marks a space that does not serve as dropped; false when it serves, or is gone or dropped already. */
  async drop(spaceId: number): Promise<boolean> {
    const count = await this.#tx.$executeRaw`
      UPDATE space SET dropped_at = now() WHERE id = ${spaceId} AND NOT is_active AND dropped_at IS NULL`;
    return count === 1;
  }

  /** Deletes the row of a dropped space without vectors; false while it has some. */
  async remove(spaceId: number): Promise<boolean> {
    const count = await this.#tx.$executeRaw`
      DELETE FROM space s WHERE s.id = ${spaceId} AND s.dropped_at IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM embedding e WHERE e.space_id = s.id)`;
    return count === 1;
  }

  /** Tells every process at the commit. */
  ring(): Promise<void> {
    return ringSpaces(this.#tx);
  }
}
