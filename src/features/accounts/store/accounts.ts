import type { Role } from '../../../kernel/access.js';
import type { Tx } from '../../../platform/db/database.js';

/** A new account's row. */
export interface NewUser {
  id: string;
  username: string;
  usernameKey: string;
  email: string | null;
  passwordHash: string;
  isAdministrator: boolean;
  createdAt: Date;
}

/** A new project's row. */
export interface NewProject {
  id: string;
  name: string;
  isPersonal: boolean;
  createdAt: Date;
}

/** Accounts, projects and memberships, inside one transaction. */
export class AccountStore {
  readonly #tx: Tx;

  constructor(tx: Tx) {
    this.#tx = tx;
  }

  /** Waits until no other transaction decides who is first; held to the end of this one. */
  async lockSignups(): Promise<void> {
    await this.#tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtext('promptwell signup'))`;
  }

  /** Whether anyone has an account. */
  async hasUsers(): Promise<boolean> {
    return (await this.#tx.user.findFirst({ select: { id: true } })) !== null;
  }

  /** False when the name is taken: a rival's insert is waited for, and a failed statement would cost a connection. */
  async insertUser(user: NewUser): Promise<boolean> {
    const { count } = await this.#tx.user.createMany({ data: [user], skipDuplicates: true });
    return count === 1;
  }

  /** Adds a project with its owner. */
  async insertProject(project: NewProject, ownerId: string): Promise<void> {
    const { createdAt } = project;
    await this.#tx.project.create({
      data: { ...project, memberships: { create: { userId: ownerId, role: 'owner', createdAt } } },
    });
  }

  /**
   * Holds a user's memberships still until the end of the transaction; false when there is no such user. Taken before any
   * project's lock, everywhere, so that no two wait for each other.
   */
  async lockUser(userId: string): Promise<boolean> {
    const rows = await this.#tx.$queryRaw<unknown[]>`
      SELECT 1 FROM app_user WHERE id = ${userId}::uuid FOR NO KEY UPDATE`;
    return rows.length === 1;
  }

  /** Holds the members of all of a user's projects still, in one order for everybody. */
  async lockProjectsOf(userId: string): Promise<void> {
    await this.#tx.$executeRaw`
      SELECT 1 FROM project WHERE id IN (SELECT project_id FROM membership WHERE user_id = ${userId}::uuid)
      ORDER BY id FOR NO KEY UPDATE`;
  }

  /**
   * The account of a name as compared, if `callerId` shares a project with it or may find anybody; null else.
   *
   * One statement whether it exists or not.
   */
  async findReachable(usernameKey: string, callerId: string, mayFindAnybody: boolean): Promise<{ id: string } | null> {
    const rows = await this.#tx.$queryRaw<{ id: string }[]>`
      SELECT u.id FROM app_user u
      WHERE u.username_key = ${usernameKey} AND (${mayFindAnybody}::boolean OR EXISTS (
        SELECT FROM membership mine JOIN membership theirs USING (project_id)
        WHERE mine.user_id = ${callerId}::uuid AND theirs.user_id = u.id))`;
    return rows[0] ?? null;
  }

  /** How many projects the user is in. */
  countProjects(userId: string): Promise<number> {
    return this.#tx.membership.count({ where: { userId } });
  }

  /** Replaces the password and ends sessions of lower versions; null when `version` is no longer the user's. */
  async setPassword(userId: string, passwordHash: string, version: number): Promise<number | null> {
    const next = version + 1;
    const where = { id: userId, sessionVersion: version };
    const { count } = await this.#tx.user.updateMany({ where, data: { passwordHash, sessionVersion: next } });
    return count === 1 ? next : null;
  }

  /** Disables (at a time) or enables (null) an account; its sessions are over either way. */
  async setDisabledAt(userId: string, disabledAt: Date | null): Promise<void> {
    await this.#tx.user.update({ where: { id: userId }, data: { disabledAt, sessionVersion: { increment: 1 } } });
  }

  /** Lets an account run the installation, or no longer. */
  async setAdministrator(userId: string, isAdministrator: boolean): Promise<void> {
    await this.#tx.user.update({ where: { id: userId }, data: { isAdministrator } });
  }

  /** Whether others have accounts and nobody of them who can sign in would run the installation without this one. */
  async isLastAdministrator(userId: string): Promise<boolean> {
    const [row] = await this.#tx.$queryRaw<{ isLast: boolean }[]>`
      SELECT is_administrator
        AND EXISTS (SELECT FROM app_user o WHERE o.id <> u.id)
        AND NOT EXISTS (SELECT FROM app_user o WHERE o.id <> u.id AND o.is_administrator AND o.disabled_at IS NULL) AS "isLast"
      FROM app_user u WHERE u.id = ${userId}::uuid`;
    return row?.isLast ?? false;
  }

  /** Whether somebody who can sign in runs the installation. */
  async hasAdministrators(): Promise<boolean> {
    const where = { isAdministrator: true, disabledAt: null };
    return (await this.#tx.user.findFirst({ where, select: { id: true } })) !== null;
  }

  /** The names of projects whose other members would be left without an owner. */
  async projectsOnlyOwnedBy(userId: string): Promise<string[]> {
    const owner: Role = 'owner';
    const projects = await this.#tx.project.findMany({
      where: {
        AND: [
          { memberships: { some: { userId, role: owner } } },
          { memberships: { some: { userId: { not: userId } } } },
          { memberships: { none: { userId: { not: userId }, role: owner } } },
        ],
      },
      select: { name: true },
      orderBy: { id: 'asc' },
    });
    return projects.map(({ name }) => name);
  }

  /** Deletes the account with the projects that nobody else is in and everything in them. */
  async deleteUser(userId: string): Promise<void> {
    const own = await this.#tx.project.findMany({
      where: { memberships: { some: { userId }, every: { userId } } },
      select: { id: true },
    });
    const ids = own.map(({ id }) => id);
    await this.#tx.spend.deleteMany({
      where: { scope: { in: [`user:${userId}`, ...ids.map((id) => `project:${id}`)] } },
    });
    await this.#tx.project.deleteMany({ where: { id: { in: ids } } });
    await this.#tx.user.delete({ where: { id: userId } });
  }

  /** Remembers that the account signed in from an address, and forgets the addresses not seen since `forgetBefore`. */
  async rememberAddress(known: { userId: string; addressHash: string; at: Date; forgetBefore: Date }): Promise<void> {
    const { userId, addressHash, at, forgetBefore } = known;
    await this.#tx.knownAddress.upsert({
      where: { userId_addressHash: { userId, addressHash } },
      create: { userId, addressHash, lastSeenAt: at },
      update: { lastSeenAt: at },
    });
    await this.#tx.knownAddress.deleteMany({ where: { userId, lastSeenAt: { lt: forgetBefore } } });
  }
}
