import type { Config } from './config.js';
import { IndexingService } from './features/indexing/service.js';
import type { SpaceDeps } from './features/spaces/service/deps.js';
import { SelfMove } from './features/spaces/service/move.js';
import { SpacePurge } from './features/spaces/service/purge.js';
import { SpaceService } from './features/spaces/service/spaces.js';
import type { Clock } from './kernel/clock.js';
import type { Ids } from './kernel/ids.js';
import type { Lifecycle } from './kernel/lifecycle.js';
import type { Database } from './platform/db/database.js';
import { BackgroundFetch, fetchForbidden, type FetchState } from './platform/embedding/background-fetch.js';
import type { SpaceDirectory } from './platform/embedding/directory.js';
import type { EmbeddingObserver } from './platform/embedding/embedder.js';
import { Embedders, type EmbeddersDeps } from './platform/embedding/embedders.js';
import type { ModelFile } from './platform/embedding/model-files.js';
import { type ModelFacts, openSpaces } from './platform/embedding/open-spaces.js';
import type { Log } from './platform/log.js';

/** What the spaces of a process are composed of. */
export interface SpaceParts {
  config: Config['embedding'];
  db: Database;
  clock: Clock;
  ids: Ids;
  log: Log;
  lifecycle: Lifecycle;
  observer: EmbeddingObserver;
  /** What `modelFacts` told. */
  model: ModelFacts;
  processId: string;
  /** What tests replace of the embedders. */
  embedderOptions: Pick<EmbeddersDeps, 'threadUrl' | 'fixed'>;
  modelFiles: readonly ModelFile[] | undefined;
}

/** The spaces of a process: who serves, who fills, who moves. */
export interface ComposedSpaces {
  directory: SpaceDirectory;
  embedders: Embedders;
  indexing: IndexingService;
  service: SpaceService;
  /** Why the space that serves does, for the start-up log. */
  reason: string;
  /** How far the neural model is on its way; null where nothing is fetched. */
  fetchState: () => FetchState | null;
  /** Begins what runs in the background: filling, dropping, fetching, moving. */
  start(): void;
}

/** How long each part may take to close, in milliseconds. */
const closeMs = { small: 1_000, embedders: 2_000 } as const;

/** Opens the spaces and builds what looks after them. Faults: those of `openSpaces`. */
export async function composeSpaces(parts: SpaceParts): Promise<ComposedSpaces> {
  const { config, db, clock, ids, log, lifecycle, observer, model, processId } = parts;
  const embedders = new Embedders({ config, clock, observer, ...parts.embedderOptions });
  lifecycle.onClose('embedders', closeMs.embedders, () => embedders.close());
  const { directory, plan } = await openSpaces({ db, ids, log, embedders, model });
  lifecycle.onClose('spaces', closeMs.small, () => directory.close());
  const onFilled = (space: { name: string }, { isFull }: { isFull: boolean }): void => {
    if (isFull) move.onFull(space.name);
  };
  const indexing = new IndexingService({ db, spaces: directory, clock, log, processId, onFilled });
  lifecycle.onClose('indexing', closeMs.small, () => indexing.close());
  const files = parts.modelFiles === undefined ? {} : { files: parts.modelFiles };
  const fetch = plan.isFetching ? new BackgroundFetch({ ...config, log, ...files }) : null;
  const isForbidden = config.embedder === 'auto' && model.flaw !== null && !plan.isFetching;
  const fetchState = (): FetchState | null => fetch?.state() ?? (isForbidden ? fetchForbidden : null);
  const deps: SpaceDeps = {
    db,
    clock,
    ids,
    log,
    spaces: directory,
    makeable: () => embedders.spaces(),
    fillNow: (space, limit) => indexing.fillNow(space, limit),
    fillIn: (tx, space, refusedIds) => indexing.fillIn(tx, space, refusedIds),
    wakeIndexer: () => indexing.wake(),
    fetchState,
  };
  const service = new SpaceService(deps);
  const purge = new SpacePurge(deps);
  lifecycle.onClose('dropped spaces', closeMs.small, () => purge.close());
  const move = new SelfMove(deps, service, plan.goal);
  lifecycle.onClose('move', closeMs.small, () => move.close());
  if (fetch !== null) lifecycle.onClose('model fetch', closeMs.small, () => fetch.close());
  const onFetched = async (): Promise<void> => {
    embedders.addNeural();
    await directory.refresh().catch((cause: unknown) => log.warn({ err: cause }, 'the spaces could not be read'));
    indexing.wake();
    move.begin();
  };
  directory.onChange(() => indexing.wake());
  const start = (): void => {
    indexing.wake();
    purge.start();
    if (model.flaw === null) move.begin();
    fetch?.start(() => void onFetched());
  };
  return { directory, embedders, indexing, service, reason: plan.reason, fetchState, start };
}
