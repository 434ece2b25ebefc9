import type { Principal } from '../../../kernel/access.js';
import type { Clock } from '../../../kernel/clock.js';
import { Fault } from '../../../kernel/fault.js';
import type { Ids } from '../../../kernel/ids.js';
import type { Database } from '../../../platform/db/database.js';
import type { ProjectView } from '../schema.js';
import { AccountStore } from '../store/accounts.js';
import { AccountLookups } from '../store/lookups.js';
import { SessionStore } from '../store/sessions.js';
import { projectView } from '../view.js';

/** What projects need. */
export interface ProjectDeps {
  db: Database;
  clock: Clock;
  ids: Ids;
  /** Called when memberships have changed, so that the very next call knows them. */
  onMembershipsChanged: () => void;
}

/** All of a user's projects are read at almost every call, so their number is bounded. */
const projectsPerUser = 100;

/** Faults: `precondition` with state `full` when a user is in as many projects as may be. */
export async function refuseFullUser(store: AccountStore, userId: string): Promise<void> {
  if ((await store.countProjects(userId)) >= projectsPerUser)
    throw new Fault('precondition', `Nobody is in more than ${projectsPerUser} projects.`, { state: 'full' });
}

/** Projects, and that their makers own them. */
export class ProjectService {
  readonly #deps: ProjectDeps;
  readonly #lookups: AccountLookups;

  constructor(deps: ProjectDeps) {
    this.#deps = deps;
    this.#lookups = new AccountLookups(deps.db);
  }

  /** The projects that the caller may know of, the personal one first; an API key knows its own alone. */
  async list(principal: Principal): Promise<ProjectView[]> {
    const projects = await this.#lookups.projects(principal.userId);
    return projects.filter(({ id }) => principal.kind === 'session' || principal.roles.has(id)).map(projectView);
  }

  /** A new project, owned by the caller. Faults: `precondition` at 100 projects. */
  async create(principal: Principal, name: string): Promise<ProjectView> {
    const { db, clock, ids, onMembershipsChanged } = this.#deps;
    const project = { id: ids.uuid(), name, isPersonal: false, createdAt: new Date(clock.nowMs()) };
    await db.transaction(async (tx) => {
      const store = new AccountStore(tx);
      await store.lockUser(principal.userId);
      await refuseFullUser(store, principal.userId);
      await store.insertProject(project, principal.userId);
      await new SessionStore(tx).announce({ of: 'membership', id: principal.userId });
    });
    onMembershipsChanged();
    return projectView({ ...project, role: 'owner' });
  }
}
