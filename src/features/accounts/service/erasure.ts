import { Fault, invalidField, notFound } from '../../../kernel/fault.js';
import type { Ids } from '../../../kernel/ids.js';
import { appendAudit } from '../../../platform/audit.js';
import { announceForgotten } from '../../../platform/embedding/forgetting.js';
import { erasedChannel } from '../../../platform/events/catalogue.js';
import type { Database, Tx } from '../../../platform/db/database.js';
import { AccountStore } from '../store/accounts.js';
import { type DoomedProject, type ErasureCounts, ErasureStore } from '../store/erasure.js';
import { lastAdministrator } from '../roles.js';
import { SessionStore } from '../store/sessions.js';

/** Removes the next of the selected prompts in a transaction, with all that was made of them; answers how many. */
export type RemovePrompts = (tx: Tx, selection: { projectId: string; userId?: string; id?: string }) => Promise<number>;

/** What erasing needs. */
export interface ErasureDeps {
  db: Database;
  ids: Ids;
  /** One by one, so that followers hear of each. */
  removePrompts: RemovePrompts;
  /** For projects that go as a whole. */
  removePromptsSilently: RemovePrompts;
  /** Called when memberships have changed, so that the very next call knows them. */
  onMembershipsChanged: () => void;
}

/** What was erased, or would be. */
export interface ErasedProject extends ErasureCounts {
  id: string;
  /** False for a personal project: it is emptied and stays. */
  isGone: boolean;
}

/** What of a person was erased, or would be. */
export interface ErasedUser extends ErasureCounts {
  /** Projects that went as a whole: nobody else was in them. */
  projects: number;
}

/**
 * True erasure: texts, responses, vectors, events, keys and figures, in bounded transactions that end with the one that
 * removes what held them.
 *
 * Shape: a crash in between leaves less than there was, and nothing that a second run does not find.
 */
export class ErasureService {
  readonly #deps: ErasureDeps;

  constructor(deps: ErasureDeps) {
    this.#deps = deps;
  }

  /** Counts what erasing a project would remove. Faults: `notFound`. */
  previewProject(projectId: string): Promise<ErasedProject & { name: string }> {
    return this.#deps.db.transaction(async (tx) => {
      const project = await projectOf(tx, projectId);
      const counts = await new ErasureStore(tx).count({ projectId });
      return { id: projectId, name: project.name, isGone: !project.isPersonal, ...counts };
    });
  }

  /**
   * Erases a project and everything in it but its audit entries; a personal project is emptied and stays. Its streams end.
   *
   * Cost: transactions of 200 prompts. Faults: `notFound`; `invalid` naming `confirm` unless it is the project's name.
   */
  async eraseProject(projectId: string, by: { userId: string | null; confirm: string }): Promise<ErasedProject> {
    const { name, ...counts } = await this.previewProject(projectId);
    if (by.confirm !== name) throw invalidField('confirm', 'must be the name of the project, letter for letter');
    await this.#empty(projectId);
    await this.#deps.db.transaction(async (tx) => {
      const project = await projectOf(tx, projectId);
      await this.#finishProject(tx, project, { userId: by.userId, isGone: !project.isPersonal, counts });
    });
    this.#deps.onMembershipsChanged();
    return counts;
  }

  /** Counts what erasing a user would remove. */
  async previewUser(userId: string, erasePrompts: boolean): Promise<ErasedUser> {
    return totalOf(await this.#traces(userId, erasePrompts));
  }

  /**
   * Erases an account with the projects that nobody else is in, and the user's prompts in all others unless they are to
   * stay; what stays bears an id that names nobody any more.
   *
   * Faults: `precondition` while a shared project has no other owner, or others would be left without an administrator
   * (`state` is `onlyOwner` or `lastAdministrator`): nothing is erased then.
   */
  async eraseUser(userId: string, options: { by: string | null; erasePrompts: boolean }): Promise<ErasedUser> {
    const { db } = this.#deps;
    await db.transaction((tx) => refuseIndispensable(tx, userId));
    const traces = await this.#traces(userId, options.erasePrompts);
    for (const projectId of traces.own.keys()) await this.#empty(projectId);
    for (const projectId of traces.shared.keys())
      await this.#untilNone((tx) => this.#deps.removePrompts(tx, { projectId, userId }));
    await db.transaction((tx) => this.#finishUser(tx, userId, { by: options.by, traces }));
    this.#deps.onMembershipsChanged();
    return totalOf(traces);
  }

  /** Counts what erasing a prompt would remove. Faults: `notFound`. */
  previewPrompt(id: string): Promise<Omit<ErasureCounts, 'apiKeys'>> {
    return this.#deps.db.transaction(async (tx) => {
      const counts = await new ErasureStore(tx).countOfPrompt(id);
      if (counts.prompts === 0) throw notFound('prompt');
      return counts;
    });
  }

  /** Erases one prompt, in whichever project it is. Faults: `notFound`. */
  async erasePrompt(id: string): Promise<void> {
    await this.#deps.db.transaction(async (tx) => {
      const projectId = await new ErasureStore(tx).projectOfPrompt(id);
      if (projectId === null || (await this.#deps.removePrompts(tx, { projectId, id })) === 0) throw notFound('prompt');
    });
  }

  /** Removes prompts and events in batches: one transaction for all could outlast its deadline. */
  async #empty(projectId: string): Promise<void> {
    await this.#untilNone((tx) => this.#deps.removePromptsSilently(tx, { projectId }));
    await this.#untilNone((tx) => new ErasureStore(tx).deleteEvents(projectId));
  }

  async #untilNone(remove: (tx: Tx) => Promise<number>): Promise<void> {
    while ((await this.#deps.db.transaction(remove)) > 0);
  }

  /** Where something of a user is, and how much. */
  #traces(userId: string, erasePrompts: boolean): Promise<Traces> {
    return this.#deps.db.transaction(async (tx) => {
      const store = new ErasureStore(tx);
      const own = (await store.ownProjects(userId)).map(({ id }) => id);
      const shared = erasePrompts ? await store.projectsWithPromptsOf(userId, own) : [];
      const traces: Traces = { own: new Map(), shared: new Map() };
      for (const id of own) traces.own.set(id, await store.count({ projectId: id }));
      for (const id of shared) traces.shared.set(id, await store.count({ projectId: id, userId }));
      return traces;
    });
  }

  /** What came in while the batches ran goes in the last transaction, under a lock that lets nothing more in. */
  async #finishProject(
    tx: Tx,
    project: DoomedProject,
    how: { userId: string | null; isGone: boolean; counts: ErasureCounts },
  ): Promise<void> {
    const store = new ErasureStore(tx);
    await store.lockProject(project.id);
    while ((await this.#deps.removePromptsSilently(tx, { projectId: project.id })) > 0);
    while ((await store.deleteEvents(project.id)) > 0);
    const sessions = new SessionStore(tx);
    for (const id of await store.deleteKeysAndSpend(project.id)) await sessions.announce({ of: 'apiKey', id });
    if (how.isGone)
      for (const id of await store.deleteProject(project.id)) await sessions.announce({ of: 'membership', id });
    else await store.markEmptied(project.id);
    await announceForgotten(tx, project.id);
    await store.announce(erasedChannel, project.id);
    const { prompts, responses, vectors, events, apiKeys } = how.counts;
    const details = { isGone: how.isGone, prompts, responses, vectors, events, apiKeys };
    await appendAudit(tx, this.#deps.ids, {
      projectId: project.id,
      userId: how.userId,
      action: 'project.erased',
      details,
    });
  }

  async #finishUser(tx: Tx, userId: string, how: { by: string | null; traces: Traces }): Promise<void> {
    const store = new ErasureStore(tx);
    const accounts = new AccountStore(tx);
    // An heir who leaves at the same moment is waited for, or waits and then stays; so is another administrator.
    await accounts.lockSignups();
    await accounts.lockUser(userId);
    await accounts.lockProjectsOf(userId);
    // Under their locks nobody can join: only now is it certain who is alone in which project.
    for (const { id } of await store.ownProjects(userId)) await store.lockProject(id);
    await refuseIndispensable(tx, userId);
    for (const project of await store.ownProjects(userId)) {
      const counts = how.traces.own.get(project.id) ?? nothing;
      await this.#finishProject(tx, project, { userId: how.by, isGone: true, counts });
    }
    await store.deleteRateLimits(userId);
    await accounts.deleteUser(userId);
    await new SessionStore(tx).announce({ of: 'user', id: userId });
    const details = { erasedUserId: userId, ...totalOf(how.traces) };
    await appendAudit(tx, this.#deps.ids, { projectId: null, userId: how.by, action: 'user.erased', details });
  }
}

/** What there is of a user, by project. */
interface Traces {
  /** In the projects that nobody else is in. */
  own: Map<string, ErasureCounts>;
  shared: Map<string, ErasureCounts>;
}

const nothing: ErasureCounts = { prompts: 0, responses: 0, vectors: 0, events: 0, apiKeys: 0 };

function totalOf({ own, shared }: Traces): ErasedUser {
  const total: ErasedUser = { ...nothing, projects: own.size };
  for (const counts of [...own.values(), ...shared.values()])
    for (const kind of Object.keys(nothing) as (keyof ErasureCounts)[]) total[kind] += counts[kind];
  return total;
}

async function projectOf(tx: Tx, id: string): Promise<DoomedProject> {
  const project = await new ErasureStore(tx).project(id);
  if (project === null) throw notFound('project');
  return project;
}

async function refuseIndispensable(tx: Tx, userId: string): Promise<void> {
  const accounts = new AccountStore(tx);
  const projects = await accounts.projectsOnlyOwnedBy(userId);
  if (projects.length > 0)
    throw new Fault('precondition', `The only owner of: ${projects.join(', ')}.`, { state: 'onlyOwner' });
  if (await accounts.isLastAdministrator(userId)) throw lastAdministrator();
}
