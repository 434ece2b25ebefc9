import type { Config } from '../../config.js';
import type { Ids } from '../../kernel/ids.js';
import { appendAudit } from '../audit.js';
import type { Database } from '../db/database.js';
import {
  activateFirst,
  countVectorsBySpace,
  ensureSpace,
  holdVectors,
  isDecidedByHand,
  listSpaces,
  type StoredSpace,
  switchSpace,
} from '../db/space.js';
import type { Log } from '../log.js';
import { lexicalSpace, ModelMissingError, modelFlaw, neuralSpace } from './choose.js';
import { SpaceDirectory } from './directory.js';
import type { EmbeddingSpace } from './embedder.js';
import type { Embedders } from './embedders.js';
import type { ModelFile } from './model-files.js';
import { planStart, type StartFacts, type StartPlan } from './start-space.js';

/** What is known of the neural model's files before the database is opened. */
export type ModelFacts = Pick<StartFacts, 'wanted' | 'isOffline' | 'flaw'>;

/**
 * Whether the neural model can serve.
 *
 * Faults: `ModelMissingError` if it is demanded and cannot: said at once, not after the first start's seconds.
 */
export async function modelFacts(
  { embedder, modelDir, isOffline }: Config['embedding'],
  files?: readonly ModelFile[],
): Promise<ModelFacts> {
  const flaw = embedder === 'lexical' ? 'EMBEDDER=lexical' : await modelFlaw(modelDir, files);
  const facts = { wanted: embedder, isOffline, flaw };
  const plan = planStart({ ...facts, makeable: [], stored: [], isDecidedByHand: false, names });
  if (plan.type === 'refuse') throw new ModelMissingError(plan.message);
  return facts;
}

const names = { lexical: lexicalSpace.name, neural: neuralSpace.name };

/** What spaces are opened with. */
export interface OpenSpacesDeps {
  db: Database;
  ids: Ids;
  log: Log;
  embedders: Embedders;
  model: ModelFacts;
}

/** The spaces, one of them serving, and what the start decided. */
export interface OpenedSpaces {
  directory: SpaceDirectory;
  plan: StartPlan & { type: 'serve' };
}

/**
 * The spaces of the database, one of them serving as `planStart` decides.
 *
 * Cost: a few reads; a start that changes nothing writes nothing. Faults: `ModelMissingError` where none can serve.
 */
export async function openSpaces(deps: OpenSpacesDeps): Promise<OpenedSpaces> {
  const { db, embedders, model, log } = deps;
  if (model.flaw === null) embedders.addNeural();
  const stored = await listSpaces(db);
  const hasActive = stored.some(({ isActive }) => isActive);
  const vectors = hasActive ? new Map<number, number>() : await countVectorsBySpace(db);
  const [first] = embedders.spaces();
  const plan = planStart({
    ...model,
    makeable: embedders.spaces().map(({ name }) => name),
    stored: stored.map(({ id, name, isActive }) => ({ name, isActive, vectors: vectors.get(id) ?? 0 })),
    isDecidedByHand: await isDecidedByHand(db),
    names: { ...names, lexical: first?.name ?? names.lexical },
  });
  if (plan.type === 'refuse') throw new ModelMissingError(plan.message);
  await serve(deps, plan, stored);
  const directory = new SpaceDirectory({ db, embedders, log });
  await directory.start();
  return { directory, plan };
}

async function serve(
  { db, ids, log, embedders }: OpenSpacesDeps,
  { space: name, isForced }: StartPlan & { type: 'serve' },
  stored: readonly StoredSpace[],
): Promise<void> {
  const space = [...stored, ...embedders.spaces()].find((known: EmbeddingSpace) => known.name === name);
  if (space === undefined) throw new Error(`the start chose an unknown space: ${name}`);
  const id = await ensureSpace(db, space);
  const was = stored.find(({ isActive }) => isActive);
  if (was === undefined) return activateFirst(db, id);
  if (!isForced) return;
  await db.transaction(async (tx) => {
    await holdVectors(tx);
    await switchSpace(tx, id);
    const details = { space: name, was: was.name, isForced: true };
    await appendAudit(tx, ids, { projectId: null, userId: null, action: 'space.activated', details });
  });
  log.warn({ space: name, was: was.name }, 'another space serves, as EMBEDDER says; it is filled in the background');
}
