import type { Principal, ProjectAccess } from '../../../kernel/access.js';
import type { Clock } from '../../../kernel/clock.js';
import { Fault, notFound } from '../../../kernel/fault.js';
import type { Ids } from '../../../kernel/ids.js';
import { appendAudit, type NewAuditEntry } from '../../../platform/audit.js';
import type { Callers } from '../../../platform/auth/callers.js';
import type { InvitationTokens } from '../../../platform/auth/invitation-tokens.js';
import type { Database, Tx } from '../../../platform/db/database.js';
import type { Throttle } from '../../../platform/throttle.js';
import { isAtLeast, mayGrant } from '../roles.js';
import type { CreateInvitationInput, InvitationView, NewInvitationView, ProjectView } from '../schema.js';
import { AccountStore } from '../store/accounts.js';
import { InvitationStore, invitedTo } from '../store/invitations.js';
import { MemberStore } from '../store/members.js';
import { SessionStore } from '../store/sessions.js';
import { type InvitationRow, invitationView, projectView } from '../view.js';
import { beyondRole, holdProject, refuseFullProject } from './project-hold.js';
import { refuseFullUser } from './projects.js';

/** What invitations need. */
export interface InvitationDeps {
  db: Database;
  clock: Clock;
  ids: Ids;
  tokens: InvitationTokens;
  callers: Callers;
  throttle: Pick<Throttle, 'attempt'>;
  /** Called when memberships have changed, so that the very next call knows them. */
  onMembershipsChanged: () => void;
}

/** Keeps a project's list short enough to be shown whole. */
const openPerProject = 100;

const dayMs = 86_400_000;

/** Links that let people into a project: whoever bears the token, has an account and comes in time, joins. */
export class InvitationService {
  readonly #deps: InvitationDeps;

  constructor(deps: InvitationDeps) {
    this.#deps = deps;
  }

  /** A new invitation, its token shown this once. Faults: `forbidden` for a role above the caller's, `precondition`. */
  async create(access: ProjectAccess, input: CreateInvitationInput): Promise<NewInvitationView> {
    const { db, ids, tokens } = this.#deps;
    const { projectId, userId } = access;
    const { role, maxUses, expiresInDays } = input;
    const { token, prefix, hash: tokenHash } = tokens.mint();
    const row = await db.within(projectId).transaction(async (tx) => {
      const held = await holdProject(tx, access);
      if (!mayGrant(held.role, role)) throw beyondRole();
      const createdAt = this.#now();
      const expiresAt = new Date(createdAt.getTime() + expiresInDays * dayMs);
      const store = new InvitationStore(tx, projectId);
      const made = { id: ids.uuid(), userId, role, prefix, tokenHash, maxUses, expiresAt, createdAt };
      const inserted = await store.insert(made);
      if ((await store.list()).length > openPerProject)
        throw new Fault('precondition', `The project has ${openPerProject} invitations; revoke one first.`, {
          state: 'full',
        });
      const details = { invitationId: made.id, role, maxUses, expiresAt: expiresAt.toISOString() };
      await appendAudit(tx, ids, { projectId, userId, action: 'invitation.created', details });
      return inserted;
    });
    // Behind `#`: no browser sends it, so no log and no proxy sees it.
    return { ...invitationView(row, projectId), token, link: `/join#${token}` };
  }

  /** The invitations by which somebody could join now, newest first. */
  async list({ projectId }: ProjectAccess): Promise<InvitationView[]> {
    const rows = await this.#deps.db.within(projectId).transaction((tx) => new InvitationStore(tx, projectId).list());
    const now = this.#now();
    return rows.filter((row) => isOpen(row, now)).map((row) => invitationView(row, projectId));
  }

  /** Ends an invitation; who came in by it stays. Faults: `notFound`. */
  async revoke(access: ProjectAccess, id: string): Promise<void> {
    const { db, ids } = this.#deps;
    const { projectId, userId } = access;
    await db.within(projectId).transaction(async (tx) => {
      await holdProject(tx, access);
      if (!(await new InvitationStore(tx, projectId).delete(id))) throw notFound('invitation');
      await appendAudit(tx, ids, { projectId, userId, action: 'invitation.revoked', details: { invitationId: id } });
    });
  }

  /**
   * Lets the caller into the project of an invitation, with its role; a member keeps the higher of both roles.
   *
   * Shape: accepting again changes nothing and takes no second place. Of many at once no more come in than were invited.
   * Faults: `notFound` in the same words whether the token is unknown, expired, revoked, used up, or void because its
   * maker may no longer invite; `rateLimited` after ten such in 15 minutes; `precondition` with state `full`.
   */
  async accept(principal: Principal, token: string, address: string): Promise<ProjectView> {
    const { callers, db, throttle, tokens } = this.#deps;
    const { userId } = principal;
    const subject = {
      bucket: 'invitation',
      address: callers.address(address),
      account: userId,
      isKnownAddress: false,
    } as const;
    const project = await throttle.attempt(subject, async () => {
      const tokenHash = tokens.hashOf(token);
      if (tokenHash === null) throw notFound('invitation');
      return db.transaction((tx) => this.#join(tx, userId, tokenHash));
    });
    this.#deps.onMembershipsChanged();
    return project;
  }

  async #join(tx: Tx, userId: string, tokenHash: string): Promise<ProjectView> {
    const accounts = new AccountStore(tx);
    await accounts.lockUser(userId);
    const projectId = await invitedTo(tx, tokenHash);
    if (projectId === null) throw notFound('invitation');
    const members = new MemberStore(tx, projectId);
    const project = await members.lock();
    const invitations = new InvitationStore(tx, projectId);
    // Asked once more under the lock: a moment ago it may have been revoked, or its last place taken.
    const invitation = await invitations.byHash(tokenHash);
    if (project === null || invitation === null) throw notFound('invitation');
    const present = await members.find(userId);
    if (present !== null && isAtLeast(present.role, invitation.role))
      return projectView({ ...project, id: projectId, role: present.role });
    if (!isOpen(invitation, this.#now()) || invitation.acceptedBy.includes(userId)) throw notFound('invitation');
    const { role } = invitation;
    if (present === null) {
      await refuseFullUser(accounts, userId);
      await refuseFullProject(members);
      await members.insert({ userId, role, createdAt: this.#now() });
    } else {
      await members.setRole(userId, role);
    }
    await invitations.take(invitation.id, userId);
    const details = { userId, invitationId: invitation.id, role };
    await this.#record(tx, { projectId, userId, action: 'invitation.accepted', details });
    return projectView({ ...project, id: projectId, role });
  }

  async #record(tx: Tx, entry: NewAuditEntry & { userId: string }): Promise<void> {
    await appendAudit(tx, this.#deps.ids, entry);
    await new SessionStore(tx).announce({ of: 'membership', id: entry.userId });
  }

  #now(): Date {
    return new Date(this.#deps.clock.nowMs());
  }
}

/** Whether somebody could join by an invitation: it has time and places left, and its maker could still make it. */
const isOpen = (row: InvitationRow, now: Date): boolean =>
  row.expiresAt > now &&
  row.acceptedBy.length < row.maxUses &&
  !row.isMakerDisabled &&
  mayGrant(row.makerRole, row.role);
