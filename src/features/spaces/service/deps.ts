import type { Clock } from '../../../kernel/clock.js';
import type { Ids } from '../../../kernel/ids.js';
import type { Database, Tx } from '../../../platform/db/database.js';
import type { StoredSpace } from '../../../platform/db/space.js';
import type { FetchState } from '../../../platform/embedding/background-fetch.js';
import type { EmbeddingSpace } from '../../../platform/embedding/embedder.js';
import type { ServingSpace, Spaces } from '../../../platform/embedding/spaces.js';
import type { Log } from '../../../platform/log.js';

/** The spaces as a process knows them; `SpaceDirectory` is one. */
export interface KnownSpaces extends Spaces {
  stored(): readonly StoredSpace[];
  serving(space: StoredSpace): ServingSpace;
  canServe(space: EmbeddingSpace): boolean;
  onChange(listener: () => void): () => void;
}

/** What the services of this room are made of. */
export interface SpaceDeps {
  db: Database;
  clock: Clock;
  ids: Ids;
  log: Log;
  spaces: KnownSpaces;
  /** The spaces whose vectors this process can make. */
  makeable: () => EmbeddingSpace[];
  /** Gives prompts that lack a vector theirs now; answers those whose texts cannot be embedded. */
  fillNow: (space: ServingSpace, limit: number) => Promise<string[]>;
  /** Fills the last ones while writers wait; false, and nothing stored, when they are too many or take too long. */
  fillIn: (tx: Tx, space: ServingSpace, refusedIds: readonly string[]) => Promise<boolean>;
  /** Says that a space wants filling. */
  wakeIndexer: () => void;
  /** How far the neural model is on its way; null where nothing is fetched. */
  fetchState: () => FetchState | null;
}
