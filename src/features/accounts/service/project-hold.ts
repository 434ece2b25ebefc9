import { type ProjectAccess, refusalOf, type Role } from '../../../kernel/access.js';
import { Fault, notFound } from '../../../kernel/fault.js';
import type { Tx } from '../../../platform/db/database.js';
import { MemberStore } from '../store/members.js';

/** A project whose members stand still until the end of the transaction. */
export interface HeldProject {
  members: MemberStore;
  /** The caller's role as it is now, not as it was remembered. */
  role: Role;
}

/** All of a project's members are listed at once; far more than people who work on one thing. */
const membersPerProject = 1_000;

/**
 * Holds a project's members still for a change by the caller, whose leave is checked once more under the lock.
 *
 * Faults: `notFound` and `forbidden` as at any call; `precondition` with state `personal` for a personal project, which
 * is its owner's alone.
 */
export async function holdProject(tx: Tx, access: ProjectAccess): Promise<HeldProject> {
  const members = new MemberStore(tx, access.projectId);
  const project = await members.lock();
  const role = (await members.find(access.userId))?.role;
  const refusal = refusalOf(access.principal, role, access.scope);
  if (project === null || role === undefined || refusal !== null) throw refusal ?? notFound('project');
  if (project.isPersonal)
    throw new Fault('precondition', 'A personal project is its owner’s alone: create one to share.', {
      state: 'personal',
    });
  return { members, role };
}

/** Faults: `precondition` with state `full` when the project has as many members as may be. */
export async function refuseFullProject(members: MemberStore): Promise<void> {
  if ((await members.count()) >= membersPerProject)
    throw new Fault('precondition', `A project has at most ${membersPerProject} members.`, { state: 'full' });
}

/** The refusal of a role that the caller may not give or take. */
export const beyondRole = (): Fault =>
  new Fault('forbidden', 'Only an owner makes, changes or removes owners.', { scope: 'project:own' });
