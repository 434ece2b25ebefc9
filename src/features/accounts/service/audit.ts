import type { ProjectAccess } from '../../../kernel/access.js';
import type { CursorCodec } from '../../../platform/cursor.js';
import type { Database } from '../../../platform/db/database.js';
import type { AuditPageInput, AuditPageView } from '../schema.js';
import { AuditReads } from '../store/audit.js';
import { auditEntryView, namedBy } from '../view.js';

/** What reading the ledger needs. */
export interface AuditDeps {
  db: Pick<Database, 'read' | 'within'>;
  cursors: CursorCodec;
}

/** Who changed what that matters to others, as recorded in the transactions that did it. */
export class AuditService {
  readonly #cursors: CursorCodec;
  readonly #reads: AuditReads;

  constructor({ db, cursors }: AuditDeps) {
    this.#cursors = cursors;
    this.#reads = new AuditReads(db);
  }

  /** A page of the project's entries, newest first. Faults: `invalid` for a cursor of another project or action. */
  list({ projectId }: Pick<ProjectAccess, 'projectId'>, input: AuditPageInput): Promise<AuditPageView> {
    return this.#page(projectId, input);
  }

  /** A page of what concerns no project but the whole installation, newest first. Faults: `invalid` for another's cursor. */
  installation(input: AuditPageInput): Promise<AuditPageView> {
    return this.#page(null, input);
  }

  async #page(projectId: string | null, { cursor, limit, action }: AuditPageInput): Promise<AuditPageView> {
    const seal = { field: 'cursor', scope: `audit:${projectId ?? 'installation'}:${action ?? ''}` };
    const before = cursor === undefined ? null : this.#cursors.open(seal, cursor);
    const rows = await this.#reads.list({ projectId, action: action ?? null, before, limit: limit + 1 });
    const shown = rows.slice(0, limit);
    const named = shown.map(namedBy).flatMap(({ actor, subject }) => [actor, subject].filter((id) => id !== null));
    const usernames = await this.#reads.usernames([...new Set(named)]);
    const last = rows.length > limit ? shown.at(-1) : undefined;
    return {
      items: shown.map((row) => auditEntryView(row, usernames)),
      nextCursor: last === undefined ? null : this.#cursors.seal(seal, last.id),
    };
  }
}
