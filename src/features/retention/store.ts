import type { Database, Tx } from '../../platform/db/database.js';
import type { RetentionDays } from './schema.js';

/** A kind of rows that would go. */
export interface DoomedRow {
  kind: 'prompts' | 'responses' | 'events';
  count: number;
  oldest: Date | null;
}

/** Events deleted in one transaction. */
const eventBatch = 2_000;

/** One number for all of this installation, in the two-key form that nothing else here uses. */
const lockKeys = [7_265_746, 1] as const;

/** How long projects keep what. */
export class RetentionStore {
  readonly #db: Pick<Database, 'read' | 'within'>;

  constructor(db: Pick<Database, 'read' | 'within'>) {
    this.#db = db;
  }

  /** A project's settings; null when it is gone. */
  async days(projectId: string): Promise<RetentionDays | null> {
    const [row] = await this.#db.within(projectId).read<RetentionDays>(
      `SELECT prompt_retention_days AS "promptDays", response_retention_days AS "responseDays",
         event_retention_days AS "eventDays"
       FROM project WHERE id = $1`,
      [projectId],
    );
    return row ?? null;
  }

  /** The projects that keep something for a time only. */
  async projectsWithDays(): Promise<string[]> {
    const rows = await this.#db.read<{ id: string }>(
      `SELECT id::text AS id FROM project
       WHERE COALESCE(prompt_retention_days, response_retention_days, event_retention_days) IS NOT NULL ORDER BY id`,
      [],
    );
    return rows.map(({ id }) => id);
  }

  /**
   * What would go of a project now, in database time.
   *
   * Cost: index range scans on (project_id, created_at); events, which have no such index, are the project's all.
   */
  async doomed(projectId: string, days: RetentionDays): Promise<DoomedRow[]> {
    return this.#db.within(projectId).read<DoomedRow>(
      `SELECT 'prompts' AS kind, count(*)::int AS count, min(created_at) AS oldest FROM prompt
       WHERE project_id = $1::uuid AND status <> 'pending' AND created_at < now() - make_interval(days => $2::int)
       UNION ALL
       SELECT 'responses', count(*)::int, min(r.created_at)
       FROM response r JOIN prompt p ON p.project_id = r.project_id AND p.id = r.prompt_id
       WHERE r.project_id = $1::uuid AND p.status <> 'pending' AND r.created_at < now() - make_interval(days => $3::int)
         AND ($2::int IS NULL OR p.created_at >= now() - make_interval(days => $2::int))
       UNION ALL
       SELECT 'events', count(*)::int, min(created_at) FROM event
       WHERE project_id = $1::uuid AND created_at < now() - make_interval(days => $4::int)`,
      [projectId, days.promptDays, days.responseDays, days.eventDays],
    );
  }
}

/** The writes of one project, inside one transaction. */
export class RetentionWrites {
  readonly #tx: Tx;
  readonly #projectId: string;

  constructor(tx: Tx, projectId: string) {
    this.#tx = tx;
    this.#projectId = projectId;
  }

  /** Waits until nobody else applies retention; to the end of this transaction nobody does. */
  async lock(): Promise<void> {
    await this.#tx.$executeRaw`SELECT pg_advisory_xact_lock(${lockKeys[0]}::int, ${lockKeys[1]}::int)`;
  }

  /** The same without waiting: false while somebody else is at it. */
  async tryLock(): Promise<boolean> {
    const [row] = await this.#tx.$queryRaw<{ isMine: boolean }[]>`
      SELECT pg_try_advisory_xact_lock(${lockKeys[0]}::int, ${lockKeys[1]}::int) AS "isMine"`;
    return row?.isMine ?? false;
  }

  /** Stores the settings. */
  async setDays({ promptDays, responseDays, eventDays }: RetentionDays): Promise<void> {
    await this.#tx.project.update({
      where: { id: this.#projectId },
      data: {
        promptRetentionDays: promptDays,
        responseRetentionDays: responseDays,
        eventRetentionDays: eventDays,
      },
    });
  }

  /**
   * Deletes the oldest events past an age, some thousands; answers how many, and remembers up to when the feed has a gap.
   *
   * Order: by position on the index (project_id, xid, id), which is nearly that of time; the condition on time decides.
   */
  async deleteEvents(olderThanDays: number): Promise<number> {
    const [row] = await this.#tx.$queryRaw<{ count: number }[]>`
      WITH oldest AS (
        SELECT id, created_at FROM event WHERE project_id = ${this.#projectId}::uuid ORDER BY xid, id LIMIT ${eventBatch}
      ), gone AS (
        DELETE FROM event WHERE id IN (
          SELECT id FROM oldest WHERE created_at < now() - make_interval(days => ${olderThanDays}::int))
        RETURNING created_at
      ), marked AS (
        UPDATE project SET events_kept_from = GREATEST(events_kept_from, (SELECT max(created_at) FROM gone))
        WHERE id = ${this.#projectId}::uuid AND EXISTS (SELECT FROM gone))
      SELECT count(*)::int AS count FROM gone`;
    return row?.count ?? 0;
  }
}
