import type { Database } from '../db/database.js';
import type { EventKind, EventPosition, StoredEvent } from './catalogue.js';

interface EventRow {
  xid: string;
  id: string;
  projectId: string;
  kind: EventKind;
  promptId: string;
  createdAtMs: number;
  view: string;
  isGated: boolean | null;
}

type Read = (sql: string, values: readonly unknown[]) => Promise<EventRow[]>;

/** A page of events, read in one statement. */
export interface EventPage {
  events: StoredEvent[];
  /** Whether the newest committed event is one that no read might return yet; null where the page is empty. */
  isGated: boolean | null;
}

/** Reads committed events in their order. Every read stops below the oldest running transaction, so none is skipped. */
export class EventLog {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** The position after everything readable now. */
  async head(): Promise<EventPosition> {
    const [row] = await this.#db.read<{ xid: string }>(
      'SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS xid',
      [],
    );
    return { xid: BigInt(row?.xid ?? 0), id: 0n };
  }

  /**
   * The next events of some projects after a position, at most `limit`.
   *
   * Order: the columns are named with their table: bare names would mean the texts selected, and '99' comes after '100'.
   * Cost: one index range scan on (project_id, xid, id), or on (xid, id) for many projects.
   */
  async after(position: EventPosition, projectIds: readonly string[], limit: number): Promise<StoredEvent[]> {
    return (await this.page(position, projectIds, limit)).events;
  }

  /** The same for one project, within it. */
  async afterOf(projectId: string, position: EventPosition, limit: number): Promise<StoredEvent[]> {
    const scope = this.#db.within(projectId);
    const read: Read = (sql, values) => scope.read(sql, values);
    return (await this.#page(read, { position, projectIds: [projectId], limit })).events;
  }

  /** As `after`, and whether more is committed that must wait: a second statement an event for every process otherwise. */
  page(position: EventPosition, projectIds: readonly string[], limit: number): Promise<EventPage> {
    const read: Read = (sql, values) => this.#db.readParsed(sql, values);
    return this.#page(read, { position, projectIds, limit });
  }

  async #page(
    read: Read,
    { position, projectIds, limit }: { position: EventPosition; projectIds: readonly string[]; limit: number },
  ): Promise<EventPage> {
    // One project's index is in order only for one: of a list the planner took everybody's as readily.
    const only = projectIds.length === 1 ? projectIds[0] : undefined;
    const ofProjects = only === undefined ? 'project_id = ANY($1::uuid[])' : 'project_id = $1::uuid';
    const rows = await read(
      `SELECT xid::text AS xid, id::text AS id, project_id::text AS "projectId", kind, prompt_id::text AS "promptId",
         (extract(epoch FROM created_at) * 1000)::float8 AS "createdAtMs", view::text AS view,
         (SELECT newest.xid >= pg_snapshot_xmin(pg_current_snapshot())
          FROM event newest ORDER BY newest.xid DESC, newest.id DESC LIMIT 1) AS "isGated"
       FROM event
       WHERE ${ofProjects} AND (xid, id) > ($2::text::xid8, $3::bigint)
         AND xid < pg_snapshot_xmin(pg_current_snapshot())
       ORDER BY event.xid, event.id LIMIT $4`,
      [only ?? projectIds, position.xid.toString(), position.id.toString(), limit],
    );
    const events = rows.map(({ xid, id, view, projectId, kind, promptId, createdAtMs }) => ({
      position: { xid: BigInt(xid), id: BigInt(id) },
      projectId,
      kind,
      promptId,
      createdAtMs,
      view: JSON.parse(view) as unknown,
      viewLength: view.length,
    }));
    return { events, isGated: rows[0]?.isGated ?? null };
  }

  /**
   * Whether the newest committed event is one that no read may return yet.
   *
   * Order: by the index (xid, id) from its end, one row: a bare condition with LIMIT was planned as a scan of the table.
   */
  async hasGated(): Promise<boolean> {
    const [newest] = await this.#db.read<{ isGated: boolean }>(
      `SELECT xid >= pg_snapshot_xmin(pg_current_snapshot()) AS "isGated" FROM event ORDER BY xid DESC, id DESC LIMIT 1`,
      [],
    );
    return newest?.isGated ?? false;
  }

  /** For how many days a project's events are kept, null if as long as all, and the newest that is gone before that. */
  async keeping(projectId: string): Promise<{ days: number | null; keptFromMs: number }> {
    const [row] = await this.#db
      .within(projectId)
      .read<{ days: number | null; keptFrom: Date | null }>(
        'SELECT event_retention_days AS days, events_kept_from AS "keptFrom" FROM project WHERE id = $1',
        [projectId],
      );
    return { days: row?.days ?? null, keptFromMs: row?.keptFrom?.getTime() ?? 0 };
  }

  /** Deletes events older than `olderThanMs`, in database time. Answers how many. */
  async prune(olderThanMs: number): Promise<number> {
    const rows = await this.#db.read<object>(
      `DELETE FROM event WHERE id IN
         (SELECT id FROM event WHERE created_at < now() - make_interval(secs => $1) ORDER BY created_at LIMIT 5000) RETURNING 1`,
      [olderThanMs / 1_000],
    );
    return rows.length;
  }
}
