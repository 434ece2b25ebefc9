import type { Principal } from '../../../kernel/access.js';
import type { Ending } from '../../../kernel/ending.js';
import { Fault, notFound } from '../../../kernel/fault.js';
import { appendAudit } from '../../../platform/audit.js';
import type { StoredSpace } from '../../../platform/db/space.js';
import type { ActivationView, FollowSpacesInput, SpaceComparison, SpacesView } from '../schema.js';
import { SpaceWrites } from '../store.js';
import { stateId } from '../view.js';
import { activateSpace, type Activator, unavailable } from './activation.js';
import { compareSpaces } from './comparison.js';
import type { SpaceDeps } from './deps.js';
import { SpaceProgress } from './progress.js';

/** How often a follower's spaces are counted while it watches. */
const followIntervalMs = 1_000;

/** Everything that is done with the spaces of the installation, for its administrators. */
export class SpaceService {
  readonly #deps: SpaceDeps;
  /** How full the spaces are. */
  readonly progress: SpaceProgress;

  constructor(deps: SpaceDeps) {
    this.#deps = deps;
    this.progress = new SpaceProgress(deps);
  }

  /** Every space, how full it is, and what could be added. */
  list(): Promise<SpacesView> {
    return this.progress.view();
  }

  /**
   * Adds a space and begins to fill it in the background.
   *
   * Faults: `precondition` when this process cannot make its vectors, or it is being dropped; `conflict` if it is there.
   */
  async add({ name }: { name: string }, principal: Principal): Promise<SpacesView> {
    await this.addSpace(name, principal.userId);
    return this.list();
  }

  /** The same for the service itself, with a null user. */
  async addSpace(name: string, userId: string | null): Promise<void> {
    const { db, ids, log, makeable, spaces } = this.#deps;
    await spaces.refresh();
    const known = spaces.stored().find((space) => space.name === name);
    if (known?.isDropped === true) throw dropping(name);
    if (known !== undefined) throw new Fault('conflict', `The space ${name} is there already.`, { entity: 'space' });
    const space = makeable().find((one) => one.name === name);
    if (space === undefined) throw unavailable(name);
    await db.transaction(async (tx) => {
      const writes = new SpaceWrites(tx);
      if (!(await writes.add(space))) throw new Fault('conflict', `The space ${name} is there already.`);
      const details = { space: name, dimensions: space.dimensions };
      await appendAudit(tx, ids, { projectId: null, userId, action: 'space.added', details });
      await writes.ring();
    });
    await spaces.refresh();
    log.info({ space: name }, 'a space was added; it is filled in the background');
    this.#deps.wakeIndexer();
  }

  /** How alike a space answers to the one that serves. Faults: `notFound`; `conflict` for the one that serves. */
  async compare({ name }: { name: string }, principal: Principal): Promise<SpaceComparison> {
    const active = await this.#deps.spaces.refresh();
    const candidate = this.#find(name);
    if (candidate.id === active.id) throw new Fault('conflict', `The space ${name} serves already.`);
    return compareSpaces(this.#deps, { active, candidate }, principal.roles);
  }

  /** Makes a full space the one that serves; see `activateSpace`. Faults: `notFound` besides. */
  async activate({ name }: { name: string }, principal: Principal): Promise<ActivationView> {
    return this.activateSpace(name, { userId: principal.userId, projects: principal.roles });
  }

  /** The same for the service itself. */
  async activateSpace(name: string, by: Activator): Promise<ActivationView> {
    await this.#deps.spaces.refresh();
    const target = this.#find(name);
    if (target.isDropped) throw dropping(name);
    return activateSpace(this.#deps, target, by);
  }

  /** Drops a space that does not serve; its vectors are deleted in the background. Faults: `notFound`, `precondition`. */
  async drop({ name }: { name: string }, principal: Principal): Promise<SpacesView> {
    const { db, ids, spaces } = this.#deps;
    await spaces.refresh();
    const { id } = this.#find(name);
    await db.transaction(async (tx) => {
      const writes = new SpaceWrites(tx);
      if (!(await writes.drop(id)))
        throw new Fault('precondition', `The space ${name} serves, or is being dropped already.`, { state: 'active' });
      const details = { space: name };
      await appendAudit(tx, ids, { projectId: null, userId: principal.userId, action: 'space.dropped', details });
      await writes.ring();
    });
    await spaces.refresh();
    return this.list();
  }

  /**
   * The state of all spaces, now and after each change, until `signal` fires.
   *
   * Shape: each item is the whole state, so that whoever resumes has missed nothing; the state already seen, named by
   * `lastEventId`, is not sent again. Cost: the spaces are counted once a second, for all followers together.
   */
  async *follow({ lastEventId }: FollowSpacesInput, signal: Ending): AsyncGenerator<{ id: string; view: SpacesView }> {
    for (let seen = lastEventId; !signal.aborted; ) {
      const view = await this.list();
      const id = stateId(view);
      if (id !== seen) yield { id, view };
      seen = id;
      await this.#changed(signal);
    }
  }

  /** Resolves when a space changed, after a while, or when `signal` fires. */
  #changed(signal: Ending): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        ignore();
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, followIntervalMs);
      const ignore = this.#deps.spaces.onChange(done);
      signal.addEventListener('abort', done);
      if (signal.aborted) done();
    });
  }

  #find(name: string): StoredSpace {
    const space = this.#deps.spaces.stored().find((one) => one.name === name);
    if (space === undefined) throw notFound('space');
    return space;
  }
}

const dropping = (name: string): Fault =>
  new Fault('precondition', `The space ${name} is being dropped.`, { state: 'dropping' });
