import { announceForgotten } from '../../../platform/embedding/forgetting.js';
import { appendEvents, redactEvents, redactResponses } from '../../../platform/events/outbox.js';
import type { Tx } from '../../../platform/db/database.js';
import { type DoomedPrompt, type PromptSelection, RemovalStore } from '../store/removal.js';
import { tombstoneView } from '../view.js';

/** Rows removed in one transaction: some tens of milliseconds, and an event of each is small. */
const batchSize = 200;

/**
 * Removes the next of the selected prompts with their responses and vectors, in what the feed can replay, and in what the
 * embedders of every process remember; the feed is told `prompt.deleted` of those that it was told of.
 *
 * Shape: answers how many went, at most 200; 0 when none are left. All of it happens when the transaction commits.
 */
export async function removePrompts(tx: Tx, selection: PromptSelection): Promise<number> {
  const { projectId } = selection;
  const store = new RemovalStore(tx);
  const doomed = await store.lockPrompts(selection, batchSize);
  if (doomed.length === 0) return 0;
  const tombstones = doomed.map((row) => ({ projectId, promptId: row.id, row, view: tombstoneView(row) }));
  await redactEvents(tx, tombstones);
  await store.deletePrompts(
    projectId,
    doomed.map(({ id }) => id),
  );
  const told = tombstones.filter(({ row }) => row.isPushed);
  await appendEvents(
    tx,
    told.map(({ promptId, view }) => ({ projectId, kind: 'prompt.deleted', promptId, view })),
  );
  await forget(tx, projectId, doomed);
  return doomed.length;
}

/** The same for prompts whose project goes with all its events: nobody is told of each. */
export async function removePromptsSilently(tx: Tx, selection: PromptSelection): Promise<number> {
  const store = new RemovalStore(tx);
  const doomed = await store.lockPrompts(selection, batchSize);
  if (doomed.length === 0) return 0;
  await store.deletePrompts(
    selection.projectId,
    doomed.map(({ id }) => id),
  );
  await forget(tx, selection.projectId, doomed);
  return doomed.length;
}

/**
 * Removes a project's oldest responses past an age, from its prompts and from what the feed can replay; the prompts stay.
 *
 * Shape: answers how many went, at most 200; 0 when none are left.
 */
export async function removeResponses(tx: Tx, of: { projectId: string; olderThanDays: number }): Promise<number> {
  const removed = await new RemovalStore(tx).deleteResponses(of, batchSize);
  if (removed.length === 0) return 0;
  await redactResponses(tx, {
    projectId: of.projectId,
    promptIds: removed.map(({ promptId }) => promptId),
    responseIds: removed.map(({ id }) => id),
  });
  return removed.length;
}

/** One text by its hash, as the row bears it; for several the whole project, which may hold their earlier wordings too. */
async function forget(tx: Tx, projectId: string, doomed: readonly DoomedPrompt[]): Promise<void> {
  const [first] = doomed;
  if (doomed.length === 1 && first !== undefined) await announceForgotten(tx, projectId, first.textHash);
  else await announceForgotten(tx, projectId);
}
