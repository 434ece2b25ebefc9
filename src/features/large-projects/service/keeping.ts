import type { Clock } from '../../../kernel/clock.js';
import type { Log } from '../../../platform/log.js';
import type { AnnTarget } from '../../../platform/db/ann-index.js';
import type { AnnRecord, AnnStore } from '../store.js';

/** Projects looked at in one round beside those that searches named: 10 000 small ones are all seen in 20 rounds. */
const pageSize = 500;
/** How long a build that failed is left alone. */
const retryMs = 10 * 60_000;
/** How long a count of vectors is good for: `ef_search` follows it. */
const recountMs = 10 * 60_000;
/** An index goes when its project fell below this share of the threshold: less than a half, or it would come and go. */
const dropShare = 0.5;
/** Far above any project whose vectors one search should walk through; a count stops there. */
const countBound = 50_000_000;
const beforeAllIds = '00000000-0000-0000-0000-000000000000';

/** What the keeper tells the metrics. */
export interface AnnObserver {
  onBuilt(build: { outcome: 'completed' | 'failed'; durationMs: number }): void;
}

/** What one round works with, under the lock. */
export interface Keeping {
  store: AnnStore;
  log: Log;
  clock: Clock;
  observer: AnnObserver;
  minVectors: number;
  /** The space that serves: only its vectors get new indexes. */
  spaceId: number;
  /** False where a build would stand in somebody's way now. */
  mayBuild: boolean;
  signal: AbortSignal;
}

/**
 * One round: leftovers of what ended in the middle are removed, indexes of projects that shrank are dropped, projects
 * that have grown large get theirs.
 *
 * Cost: some short statements, and index-only counts of at most a page of projects; a build where one is due.
 */
export async function keepIndexes(
  keeping: Keeping,
  { noticed, afterId = beforeAllIds }: { noticed: readonly string[]; afterId: string | undefined },
): Promise<{ nextAfterId: string | undefined; isWaiting: boolean }> {
  const { store, spaceId, minVectors } = keeping;
  const records = await tidy(keeping);
  await review(keeping, records);
  const page = await store.page(spaceId, { after: afterId, limit: pageSize, bound: minVectors });
  const large = page.filter(({ vectors }) => vectors >= minVectors).map(({ projectId }) => projectId);
  const due = [...new Set([...noticed, ...large])].filter((projectId) => isDue(records, { projectId, spaceId }));
  let isWaiting = false;
  for (const projectId of due) {
    if (keeping.signal.aborted) break;
    const rows = await store.count({ projectId, spaceId }, countBound);
    if (rows < minVectors) continue;
    if (keeping.mayBuild) await build(keeping, { projectId, spaceId }, rows);
    else isWaiting = true;
  }
  return { nextAfterId: page.length < pageSize ? undefined : page.at(-1)?.projectId, isWaiting };
}

const isSame = (one: AnnTarget, other: AnnTarget): boolean =>
  one.projectId === other.projectId && one.spaceId === other.spaceId;

const isDue = (records: readonly AnnRecord[], target: AnnTarget): boolean => {
  const record = records.find((one) => isSame(one, target));
  return record === undefined || (record.state === 'failed' && record.ageMs > retryMs);
};

/** Makes catalogue and records agree, and answers the records that stand. Nobody builds meanwhile: the lock is ours. */
async function tidy({ store, log }: Keeping): Promise<AnnRecord[]> {
  const records = await store.records();
  const needed: AnnTarget[] = [];
  for (const { target, isValid } of await store.relations()) {
    const record = records.find((one) => isSame(one, target));
    if (isValid && record !== undefined && record.state !== 'failed') {
      needed.push(target);
      continue;
    }
    // Its project or space is gone, or the process that built it ended in the middle.
    await store.drop(target);
    log.info({ ...target, isValid }, 'dropped an index of a large project that nothing needs');
  }
  const standing: AnnRecord[] = [];
  for (const record of records) {
    const isThere = needed.some((one) => isSame(one, record));
    if (record.state !== 'failed' && !isThere) await store.forget(record);
    else standing.push(record);
    // Built to its end by a process that could not say so.
    if (record.state === 'building' && isThere) await store.finish(record, { rows: record.rows, buildMs: null });
  }
  return standing;
}

/** Counts the project that is longest uncounted, and drops its index if it shrank far. One a round bounds the work. */
async function review({ store, log, minVectors }: Keeping, records: readonly AnnRecord[]): Promise<void> {
  const oldest = records.find(({ state }) => state === 'ready');
  if (oldest === undefined || oldest.ageMs < recountMs) return;
  const rows = await store.count(oldest, countBound);
  if (rows >= minVectors * dropShare) return store.recount(oldest, rows);
  await store.forget(oldest);
  await store.drop(oldest);
  log.info(
    { projectId: oldest.projectId, spaceId: oldest.spaceId, rows },
    'dropped the index of a project that shrank',
  );
}

async function build(keeping: Keeping, large: AnnTarget, rows: number): Promise<void> {
  const { store, log, clock, observer } = keeping;
  const dimensions = await store.begin(large, rows);
  if (dimensions === null) return;
  log.info({ ...large, rows, dimensions }, 'building the index of a large project');
  const startedMs = clock.monotonicMs();
  const elapsedMs = (): number => Math.round(clock.monotonicMs() - startedMs);
  try {
    await store.build(large, { dimensions, rows });
    await store.finish(large, { rows: await store.count(large, countBound), buildMs: elapsedMs() });
    observer.onBuilt({ outcome: 'completed', durationMs: elapsedMs() });
    log.info({ ...large, rows, durationMs: elapsedMs() }, 'a large project has its index');
  } catch (cause) {
    // Closing cancels a build; the next process finds what is left of it.
    if (keeping.signal.aborted) return;
    observer.onBuilt({ outcome: 'failed', durationMs: elapsedMs() });
    log.error({ ...large, rows, err: cause }, 'the index of a large project could not be built; searches stay exact');
    await store.fail(large);
  }
}
