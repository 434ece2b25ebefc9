import type { Database } from '../db/database.js';
import { listSpaces, spaceChannel, type StoredSpace } from '../db/space.js';
import type { Log } from '../log.js';
import type { Embedders } from './embedders.js';
import type { ServingSpace, Spaces } from './spaces.js';

/** How often the rows are read although nothing rang: covers a bell that was lost. */
const safetyIntervalMs = 5_000;

/** What the directory is made of. */
export interface DirectoryDeps {
  db: Database;
  embedders: Embedders;
  log: Log;
}

/** Every space of the database as this process knows it, and which serves. The rows are the truth; this is their echo. */
export class SpaceDirectory implements Spaces {
  readonly #deps: DirectoryDeps;
  readonly #listeners = new Set<() => void>();
  #stored: readonly StoredSpace[] = [];
  #active: ServingSpace | undefined;
  #reading: Promise<ServingSpace> | undefined;
  #next: Promise<ServingSpace> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #unlisten: (() => Promise<void>) | undefined;

  constructor(deps: DirectoryDeps) {
    this.#deps = deps;
  }

  /** Reads the rows, and from then on follows every change. */
  async start(): Promise<void> {
    this.#unlisten = await this.#deps.db.listen(spaceChannel, () => this.#follow());
    this.#timer = setInterval(() => this.#follow(), safetyIntervalMs);
    this.#timer.unref();
    await this.refresh();
  }

  active(): ServingSpace {
    if (this.#active === undefined) throw new Error('no space serves: the directory was not started');
    return this.#active;
  }

  current(): Promise<ServingSpace> {
    return this.#deps.db.engine === 'embedded' ? Promise.resolve(this.active()) : this.refresh();
  }

  /** Callers share the next read that begins, never one that has begun: it may be older than their call. */
  refresh(): Promise<ServingSpace> {
    this.#next ??= this.#afterReading();
    return this.#next;
  }

  /** Every space, oldest first, those being dropped included. */
  stored(): readonly StoredSpace[] {
    return this.#stored;
  }

  /** Whether this process can make the vectors of a space. */
  canServe(space: { name: string; dimensions: number }): boolean {
    return this.#deps.embedders.has(space);
  }

  /** A space with what makes its vectors. */
  serving({ id, name, dimensions }: StoredSpace): ServingSpace {
    return { id, name, dimensions, embedder: this.#deps.embedders.get({ name, dimensions }) };
  }

  /** The spaces that this process can fill, beside the one that serves. */
  others(): ServingSpace[] {
    return this.#stored
      .filter((space) => !space.isActive && !space.isDropped && this.canServe(space))
      .map((space) => this.serving(space));
  }

  /** Calls back after each change of the rows or of what can be served; answers what stops that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#unlisten?.();
    await this.#reading?.catch(() => undefined);
  }

  #follow(): void {
    this.refresh().catch((cause: unknown) => this.#deps.log.warn({ err: cause }, 'the spaces could not be read'));
  }

  async #afterReading(): Promise<ServingSpace> {
    await this.#reading?.catch(() => undefined);
    this.#reading = this.#next;
    this.#next = undefined;
    return this.#read();
  }

  async #read(): Promise<ServingSpace> {
    const before = JSON.stringify(this.#stored);
    const stored = await listSpaces(this.#deps.db);
    const active = stored.find(({ isActive }) => isActive);
    const gone = this.#stored.filter(({ name }) => !stored.some((space) => space.name === name));
    this.#stored = stored;
    if (active !== undefined) this.#serve(active);
    for (const { name } of gone) await this.#deps.embedders.release(name);
    if (before !== JSON.stringify(stored)) for (const listener of this.#listeners) listener();
    return this.active();
  }

  /** The embedder is asked for anew each time: the files of its model may have come meanwhile. */
  #serve(space: StoredSpace): void {
    const was = this.#active;
    this.#active = this.serving(space);
    if (was !== undefined && was.id !== space.id)
      this.#deps.log.info({ space: space.name, was: was.name }, 'another space serves');
  }
}
