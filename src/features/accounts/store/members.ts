import type { Role } from '../../../kernel/access.js';
import type { Tx } from '../../../platform/db/database.js';
import type { MemberRow } from '../view.js';

const shown = { userId: true, role: true, createdAt: true, user: { select: { username: true } } } as const;

/** Who is in one project, inside one transaction. */
export class MemberStore {
  readonly #tx: Tx;
  readonly #projectId: string;

  constructor(tx: Tx, projectId: string) {
    this.#tx = tx;
    this.#projectId = projectId;
  }

  /**
   * Holds the project's members still until the end of the transaction; null when there is no such project.
   *
   * Whoever changes members takes this lock first, so that "one owner stays" is decided one at a time. It does not hold
   * up those who only write prompts: their foreign key takes a weaker one.
   */
  async lock(): Promise<{ name: string; isPersonal: boolean; createdAt: Date } | null> {
    const rows = await this.#tx.$queryRaw<{ name: string; isPersonal: boolean; createdAt: Date }[]>`
      SELECT name, is_personal AS "isPersonal", created_at AS "createdAt" FROM project
      WHERE id = ${this.#projectId}::uuid FOR NO KEY UPDATE`;
    return rows[0] ?? null;
  }

  /** The member of an id. */
  async find(userId: string): Promise<MemberRow | null> {
    const where = { projectId_userId: { projectId: this.#projectId, userId } };
    const row = await this.#tx.membership.findUnique({ where, select: shown });
    return row === null ? null : flat(row);
  }

  /** Everybody, owners first, then by name. */
  async list(): Promise<MemberRow[]> {
    const rows = await this.#tx.membership.findMany({
      where: { projectId: this.#projectId },
      select: shown,
      orderBy: [{ role: 'asc' }, { user: { usernameKey: 'asc' } }],
    });
    return rows.map(flat);
  }

  /** How many there are; of a role, or of all. */
  count(role?: Role): Promise<number> {
    return this.#tx.membership.count({
      where: { projectId: this.#projectId, ...(role === undefined ? {} : { role }) },
    });
  }

  /** Adds a member. */
  async insert(member: { userId: string; role: Role; createdAt: Date }): Promise<void> {
    await this.#tx.membership.create({ data: { ...member, projectId: this.#projectId } });
  }

  /** Gives a member another role. */
  async setRole(userId: string, role: Role): Promise<void> {
    await this.#tx.membership.updateMany({ where: { projectId: this.#projectId, userId }, data: { role } });
  }

  /** Removes a member, with the API keys and invitations they made here; answers how many keys still lived. */
  async delete(userId: string): Promise<number> {
    const where = { projectId: this.#projectId, userId };
    const keys = await this.#tx.apiKey.count({ where: { ...where, revokedAt: null } });
    await this.#tx.membership.deleteMany({ where });
    return keys;
  }
}

const flat = ({
  user,
  ...row
}: {
  userId: string;
  role: Role;
  createdAt: Date;
  user: { username: string };
}): MemberRow => ({ ...row, username: user.username });
