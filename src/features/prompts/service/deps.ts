import type { ProjectAccess } from '../../../kernel/access.js';
import type { Clock } from '../../../kernel/clock.js';
import type { Ids } from '../../../kernel/ids.js';
import type { CursorCodec } from '../../../platform/cursor.js';
import type { Database } from '../../../platform/db/database.js';
import type { EmbeddedText } from '../../../platform/embedding/embedder.js';
import type { ServingSpace, Spaces } from '../../../platform/embedding/spaces.js';
import type { ProviderRouter } from '../../../platform/llm/choose.js';
import type { LlmUsage } from '../../../platform/llm/provider.js';
import type { Log } from '../../../platform/log.js';
import type { PromptBucket } from '../../../platform/throttle.js';
import type { Tenant } from '../store/statements.js';
import { SpaceMovedError } from '../store/writes.js';

/** What the prompt services tell the metrics. */
export interface PromptObserver {
  /** A prompt reached its end, with a model's answer or without having asked one. */
  onFinished(status: 'completed' | 'failed' | 'cancelled'): void;
  /** A response was stored. */
  onResponse(status: 'completed' | 'failed' | 'cancelled'): void;
  onModel(call: {
    provider: string;
    outcome: 'completed' | 'failed' | 'cancelled';
    durationMs: number;
    timeToFirstTokenMs: number | null;
    usage: LlmUsage | null;
    costUsd: number | null;
  }): void;
  onSimilarity(search: { lane: 'exact' | 'hnsw' | 'words' | 'hybrid'; durationMs: number; hits: number }): void;
  onInterrupted(prompts: number): void;
}

/** Which large projects have an approximate index of their own. */
export interface AnnIndexes {
  /** How many vectors the index had when last counted; undefined when there is none. May be a moment old. */
  find(projectId: string, spaceId: number): number | undefined;
  /** Told how many vectors a search compared one by one. */
  onCompared(projectId: string, spaceId: number, vectors: number): void;
}

/** What the prompt services are made of. */
export interface PromptDeps {
  db: Database;
  spaces: Spaces;
  annIndexes: AnnIndexes;
  providers: ProviderRouter;
  /** Counts a call of a user, or the prompts of an import. Faults: `rateLimited`. */
  throttle: {
    countPrompt(bucket: PromptBucket, userId: string): Promise<void>;
    countImport(userId: string, prompts: number): Promise<void>;
  };
  cursors: CursorCodec;
  clock: Clock;
  ids: Ids;
  log: Log;
  /** This process: the owner of the leases it takes. */
  processId: string;
  /** Most model money a UTC day per user and per project; undefined for no cap. */
  dailyCapUsd: number | undefined;
  /** Output tokens asked for when a call says none. */
  maxOutputTokens: number;
  observer: PromptObserver;
  /** Told when a prompt was stored without its vector. */
  onUnindexed(): void;
}

/** A project in a space, as every store of this room wants it. */
export const tenantOf = ({ id, dimensions }: ServingSpace, projectId: string): Tenant => ({
  projectId,
  spaceId: id,
  dimensions,
});

/** How often a write is begun anew because the space changed underneath; each time takes one more switch. */
const mostMoves = 3;

/** Runs `work` in the space that serves; once more, in the new one, whenever another serves by its commit. */
export async function inServingSpace<T>(spaces: Spaces, work: (space: ServingSpace) => Promise<T>): Promise<T> {
  let space = spaces.active();
  for (let moves = 0; ; moves += 1) {
    try {
      return await work(space);
    } catch (cause) {
      if (!(cause instanceof SpaceMovedError) || moves === mostMoves) throw cause;
      space = await spaces.refresh();
    }
  }
}

/** The vector of a text that a caller waits for. Faults: those of `Embedder.embed`. */
export async function embedText(
  { embedder }: ServingSpace,
  { projectId }: Pick<ProjectAccess, 'projectId'>,
  text: string,
): Promise<EmbeddedText> {
  const [embedded] = await embedder.embed([text], { lane: 'interactive', scope: projectId });
  if (embedded === undefined) throw new Error('the embedder gave no vector for a text');
  return embedded;
}
