import {
  type AnnTarget,
  annTargetOf,
  createAnnIndexSql,
  dropAnnIndexSql,
  maxAnnDimensions,
} from '../../platform/db/ann-index.js';
import type { Connection, Database } from '../../platform/db/database.js';

/** What is recorded of a large project's index. */
export interface AnnRecord extends AnnTarget {
  state: 'building' | 'ready' | 'failed';
  rows: number;
  /** Since the rows were counted, or the last attempt failed; in the database's time. */
  ageMs: number;
}

/** An index that is there, whatever is recorded. */
export interface AnnRelation {
  target: AnnTarget;
  /** False while it is being built, and after a build that did not end. */
  isValid: boolean;
}

/** The key of the advisory lock of whoever tends the indexes: one at a time, among all processes. "annindex" in ASCII. */
const lockKey = '7020090237735036280';

/** Where searches hear that the records changed. */
export const annChannel = 'ann_index';

/** What the graph of a build takes in memory beside each vector, with room to spare. Source: pgvector's `HnswElementData`, m = 16. */
const graphBytesPerRow = 600;
/** A graph that does not fit is built several times slower; more than the upper one would be felt by other statements. */
const buildMemoryKb = { least: 65_536, most: { server: 1_048_576, embedded: 262_144 } } as const;

const recordColumns = `project_id::text AS "projectId", space_id AS "spaceId", state::text AS state, rows,
  (extract(epoch FROM clock_timestamp() - checked_at) * 1000)::float8 AS "ageMs"`;

/** Every record. */
export const readAnnRecords = (db: Database): Promise<AnnRecord[]> =>
  db.read<AnnRecord>(`SELECT ${recordColumns} FROM ann_index`, []);

/**
 * The indexes of large projects and their records, through one connection: builds may stand in no transaction. It has no
 * project, because it serves none but the house.
 */
export class AnnStore {
  readonly #connection: Connection;
  readonly #engine: Database['engine'];

  constructor(connection: Connection, engine: Database['engine']) {
    this.#connection = connection;
    this.#engine = engine;
  }

  /** Whether this session now tends the indexes. It never waits: a waiting one would hold up CREATE INDEX CONCURRENTLY. */
  async tryLock(): Promise<boolean> {
    const [row] = await this.#run<{ got: boolean }>(`SELECT pg_try_advisory_lock(${lockKey}) AS got`);
    return row?.got === true;
  }

  /** Lets another session tend them. */
  async unlock(): Promise<void> {
    await this.#run(`SELECT pg_advisory_unlock(${lockKey})`);
  }

  /** A mark that stands still while nothing is written: rate limits are rows too, so calls move it. */
  async writeMark(): Promise<string> {
    const [row] = await this.#run<{ mark: string }>('SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS mark');
    return row?.mark ?? '';
  }

  /** Every index of a project's own that is in the catalogue. */
  async relations(): Promise<AnnRelation[]> {
    const rows = await this.#run<{ name: string; isValid: boolean }>(
      `SELECT c.relname::text AS name, i.indisvalid AS "isValid" FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
       WHERE i.indrelid = 'embedding'::regclass AND starts_with(c.relname::text, 'ann_')`,
    );
    return rows.flatMap(({ name, isValid }) => {
      const target = annTargetOf(name);
      return target === null ? [] : [{ target, isValid }];
    });
  }

  /** Every record, the one longest unchecked first. */
  records(): Promise<AnnRecord[]> {
    return this.#run<AnnRecord>(`SELECT ${recordColumns} FROM ann_index ORDER BY checked_at`);
  }

  /** How many vectors a project has in a space, counted no further than `bound`: an index-only scan of that many entries. */
  async count({ projectId, spaceId }: AnnTarget, bound: number): Promise<number> {
    const [row] = await this.#run<{ vectors: number }>(
      `SELECT count(*)::int AS vectors FROM
         (SELECT 1 FROM embedding WHERE project_id = $1::uuid AND space_id = $2 LIMIT $3) AS counted`,
      [projectId, spaceId, bound],
    );
    return row?.vectors ?? 0;
  }

  /** The next projects after an id, each with its vectors in a space, counted no further than `bound`. */
  page(spaceId: number, page: { after: string; limit: number; bound: number }): Promise<Counted[]> {
    return this.#run<Counted>(
      `SELECT p.id::text AS "projectId", (SELECT count(*)::int FROM
         (SELECT 1 FROM embedding e WHERE e.project_id = p.id AND e.space_id = $1 LIMIT $4) AS counted) AS vectors
       FROM (SELECT id FROM project WHERE id > $2::uuid ORDER BY id LIMIT $3) AS p ORDER BY p.id`,
      [spaceId, page.after, page.limit, page.bound],
    );
  }

  /** Records that a build begins; the space's dimensions, or null when project or space are gone, or have vectors too long for an index. */
  async begin({ projectId, spaceId }: AnnTarget, rows: number): Promise<number | null> {
    const [row] = await this.#run<{ dimensions: number }>(
      `WITH begun AS (
         INSERT INTO ann_index (project_id, space_id, state, rows)
         SELECT p.id, s.id, 'building', $3 FROM project p, space s WHERE p.id = $1::uuid AND s.id = $2 AND s.dimensions <= ${maxAnnDimensions}
         ON CONFLICT (project_id, space_id) DO UPDATE SET state = 'building', rows = $3, checked_at = clock_timestamp()
         RETURNING space_id)
       SELECT s.dimensions, pg_notify('${annChannel}', '') FROM begun JOIN space s ON s.id = begun.space_id`,
      [projectId, spaceId, rows],
    );
    return row?.dimensions ?? null;
  }

  /** Builds a target's index. Cost: 5 000 rows in about 3 s, 100 000 in about 2 min of one core; writes go on (server). */
  async build(target: AnnTarget, { dimensions, rows }: { dimensions: number; rows: number }): Promise<void> {
    const bytes = rows * (dimensions * (this.#engine === 'server' ? 2 : 4) + graphBytesPerRow);
    const { least, most } = buildMemoryKb;
    const memoryKb = Math.min(Math.max(Math.ceil((bytes * 1.25) / 1_024), least), most[this.#engine]);
    // One core: parallel builds need shared memory of that size, of which a container has 64 MB by default.
    await this.#run(
      `SELECT set_config('maintenance_work_mem', $1, false), set_config('max_parallel_maintenance_workers', '0', false)`,
      [`${memoryKb}kB`],
    );
    try {
      await this.#run(createAnnIndexSql(target, { engine: this.#engine, dimensions }));
    } finally {
      // The embedded engine goes on with this session. Where the connection is lost, so is the setting.
      await this.#run('RESET maintenance_work_mem').catch(() => undefined);
    }
  }

  /** Records that searches may believe in a target's index. */
  async finish(target: AnnTarget, { rows, buildMs }: { rows: number; buildMs: number | null }): Promise<void> {
    await this.#change(
      `UPDATE ann_index SET state = 'ready', rows = $3, build_ms = coalesce($4, build_ms), built_at = clock_timestamp(),
         checked_at = clock_timestamp() WHERE project_id = $1::uuid AND space_id = $2 RETURNING 1`,
      [target.projectId, target.spaceId, rows, buildMs],
    );
  }

  /** Records that a build failed. */
  async fail({ projectId, spaceId }: AnnTarget): Promise<void> {
    await this.#change(
      `UPDATE ann_index SET state = 'failed', checked_at = clock_timestamp()
       WHERE project_id = $1::uuid AND space_id = $2 RETURNING 1`,
      [projectId, spaceId],
    );
  }

  /** Records how many vectors there are now. */
  async recount({ projectId, spaceId }: AnnTarget, rows: number): Promise<void> {
    await this.#change(
      `UPDATE ann_index SET rows = $3, checked_at = clock_timestamp()
       WHERE project_id = $1::uuid AND space_id = $2 RETURNING 1`,
      [projectId, spaceId, rows],
    );
  }

  /** Makes searches forget a target's index. */
  async forget({ projectId, spaceId }: AnnTarget): Promise<void> {
    await this.#change('DELETE FROM ann_index WHERE project_id = $1::uuid AND space_id = $2 RETURNING 1', [
      projectId,
      spaceId,
    ]);
  }

  /** Drops a target's index, if it is there. */
  async drop(target: AnnTarget): Promise<void> {
    await this.#run(dropAnnIndexSql(target, this.#engine));
  }

  /** One statement, and whoever searches is told of it with its commit. */
  async #change(sql: string, values: readonly unknown[]): Promise<void> {
    await this.#run(`WITH changed AS (${sql}) SELECT pg_notify('${annChannel}', '') FROM changed`, values);
  }

  #run<Row extends object>(sql: string, values: readonly unknown[] = []): Promise<Row[]> {
    return this.#connection.query<Row>(sql, values);
  }
}

/** A project with its vectors in one space, counted up to a bound. */
export interface Counted {
  projectId: string;
  vectors: number;
}
