import type { ProjectAccess, Role } from '../../../kernel/access.js';
import type { Clock } from '../../../kernel/clock.js';
import { Fault, invalidField, notFound } from '../../../kernel/fault.js';
import type { Ids } from '../../../kernel/ids.js';
import { appendAudit, type NewAuditEntry } from '../../../platform/audit.js';
import type { Database, Tx } from '../../../platform/db/database.js';
import { mayGrant } from '../roles.js';
import type { AddMemberInput, MemberView, SetRoleInput } from '../schema.js';
import { AccountStore } from '../store/accounts.js';
import { MemberStore } from '../store/members.js';
import { SessionStore } from '../store/sessions.js';
import { type MemberRow, memberView } from '../view.js';
import { beyondRole, type HeldProject, holdProject, refuseFullProject } from './project-hold.js';
import { refuseFullUser } from './projects.js';
import { usernameKeyOf } from './sign-in.js';

/** What the care of members needs. */
export interface MemberDeps {
  db: Database;
  clock: Clock;
  ids: Ids;
  /** Called when memberships have changed, so that the very next call knows them. */
  onMembershipsChanged: () => void;
}

/**
 * Who is in a project. Every change is made under the project's lock, recorded in its transaction, and holds at the next
 * call of every process.
 */
export class MemberService {
  readonly #deps: MemberDeps;

  constructor(deps: MemberDeps) {
    this.#deps = deps;
  }

  /** Everybody in the project, owners first, then by name. */
  async list(access: ProjectAccess): Promise<MemberView[]> {
    const { projectId } = access;
    const rows = await this.#deps.db.within(projectId).transaction((tx) => new MemberStore(tx, projectId).list());
    return rows.map(memberView);
  }

  /**
   * Adds an account by its name.
   *
   * Shape: only accounts that share a project with the caller are found (administrators of the installation find all), so
   * that nobody learns who has an account here; strangers are invited. Faults: `notFound` for a name that is not found,
   * `forbidden` for a role above the caller's, `conflict` for a member, `precondition`.
   */
  async add(access: ProjectAccess, { username, role }: AddMemberInput): Promise<MemberView> {
    const { principal, projectId } = access;
    const added = await this.#deps.db.transaction(async (tx) => {
      const accounts = new AccountStore(tx);
      const key = usernameKeyOf(username);
      const user = await accounts.findReachable(key, access.userId, principal.isAdministrator);
      const isThere = user !== null && (await accounts.lockUser(user.id));
      const held = await holdProject(tx, access);
      if (!mayGrant(held.role, role)) throw beyondRole();
      if (user === null || !isThere) throw unknownToCaller();
      const present = await held.members.find(user.id);
      if (present !== null) throw new Fault('conflict', 'This is a member already.', { current: present.role });
      await refuseFullUser(accounts, user.id);
      await refuseFullProject(held.members);
      await held.members.insert({ userId: user.id, role, createdAt: this.#now() });
      const details = { userId: user.id, role };
      await this.#record(tx, { projectId, userId: access.userId, action: 'member.added', details });
      return found(held, user.id);
    });
    this.#deps.onMembershipsChanged();
    return memberView(added);
  }

  /**
   * Removes a member, with their API keys and invitations in the project; what they have open in it ends. To remove
   * oneself is to leave. Faults: `notFound`, `forbidden` for an owner unless the caller is one, `precondition`.
   */
  async remove(access: ProjectAccess, userId: string): Promise<void> {
    if (userId === access.userId) return this.leave(access);
    await this.#change(access, async (tx, held) => {
      const { role } = await found(held, userId);
      if (!mayGrant(held.role, role)) throw beyondRole();
      const apiKeys = await held.members.delete(userId);
      const details = { userId, role, apiKeys };
      await this.#record(tx, { ...actor(access), action: 'member.removed', details });
    });
  }

  /** Takes the caller out of the project. Faults: `precondition` with state `lastOwner` for the last owner. */
  async leave(access: ProjectAccess): Promise<void> {
    const { userId } = access;
    await this.#change(access, async (tx, held) => {
      await refuseLastOwner(held, held.role);
      const apiKeys = await held.members.delete(userId);
      const details = { userId, role: held.role, apiKeys };
      await this.#record(tx, { ...actor(access), action: 'member.left', details });
    });
  }

  /**
   * Gives a member another role; one may lower oneself.
   *
   * Faults: `notFound`; `forbidden` for a role, old or new, above the caller's; `precondition` with state `lastOwner`.
   */
  async setRole(access: ProjectAccess, { userId, role }: SetRoleInput): Promise<MemberView> {
    const member = await this.#change(access, async (tx, held) => {
      const before = await found(held, userId);
      if (!mayGrant(held.role, before.role) || !mayGrant(held.role, role)) throw beyondRole();
      if (before.role === role) return before;
      await refuseLastOwner(held, before.role);
      await held.members.setRole(userId, role);
      const details = { userId, from: before.role, to: role };
      await this.#record(tx, { ...actor(access), action: 'member.roleChanged', details });
      return { ...before, role };
    });
    return memberView(member);
  }

  /** Makes a member an owner in the caller's stead: the caller becomes an admin. Faults: `notFound`, `invalid`. */
  async transfer(access: ProjectAccess, userId: string): Promise<MemberView> {
    if (userId === access.userId) throw invalidField('userId', 'must be another member');
    const member = await this.#change(access, async (tx, held) => {
      const heir = await found(held, userId);
      await held.members.setRole(userId, 'owner');
      await held.members.setRole(access.userId, 'admin');
      await this.#record(tx, { ...actor(access), action: 'project.transferred', details: { userId, from: heir.role } });
      return { ...heir, role: 'owner' } as const;
    });
    return memberView(member);
  }

  async #change<T>(access: ProjectAccess, work: (tx: Tx, held: HeldProject) => Promise<T>): Promise<T> {
    const result = await this.#deps.db
      .within(access.projectId)
      .transaction(async (tx) => work(tx, await holdProject(tx, access)));
    this.#deps.onMembershipsChanged();
    return result;
  }

  /** Records a change and tells every process of the user whose membership it is; of a transfer, also of the caller. */
  async #record(tx: Tx, entry: NewAuditEntry): Promise<void> {
    await appendAudit(tx, this.#deps.ids, entry);
    const ids = new Set([entry.userId, entry.details['userId']]);
    for (const id of ids) if (typeof id === 'string') await new SessionStore(tx).announce({ of: 'membership', id });
  }

  #now(): Date {
    return new Date(this.#deps.clock.nowMs());
  }
}

const actor = ({ projectId, userId }: ProjectAccess) => ({ projectId, userId });

async function found({ members }: HeldProject, userId: string): Promise<MemberRow> {
  const member = await members.find(userId);
  if (member === null) throw notFound('member');
  return member;
}

async function refuseLastOwner({ members }: HeldProject, role: Role): Promise<void> {
  if (role === 'owner' && (await members.count('owner')) === 1)
    throw new Fault('precondition', 'You are the last owner: transfer the project first.', { state: 'lastOwner' });
}

const unknownToCaller = (): Fault =>
  new Fault('notFound', 'Nobody of this name shares a project with you: send an invitation.', { entity: 'user' });
