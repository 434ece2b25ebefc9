import type { EmbeddingObserver } from '../embedding/embedder.js';
import type { EventKind } from '../events/catalogue.js';
import type { LlmUsage } from '../llm/provider.js';
import type { ThrottleBucket } from '../throttle.js';
import type { Metrics } from './registry.js';

interface ModelCall {
  provider: string;
  outcome: 'completed' | 'failed' | 'cancelled';
  durationMs: number;
  timeToFirstTokenMs: number | null;
  usage: LlmUsage | null;
  costUsd: number | null;
}

/** By the first digit of a status; an upgrade (101) is no answer. */
const httpFamilies = [undefined, undefined, '2xx', '3xx', '4xx', '5xx'] as const;
interface SimilaritySearch {
  lane: 'exact' | 'hnsw' | 'words' | 'hybrid';
  durationMs: number;
  hits: number;
}

/** The metrics as the rooms see them: each tells what happened and knows no metric's name. */
export function createObservers(metrics: Metrics) {
  const embedding: EmbeddingObserver = {
    onBatch({ texts, durationMs, lane }) {
      metrics.embeddingDuration.observe({ lane }, durationMs / 1_000);
      metrics.embeddingBatch.observe(texts);
    },
    onCache: (result) => metrics.embeddingCache.inc({ result }),
    onThreadReplaced: () => metrics.embeddingThreadsReplaced.inc(),
  };
  const annIndexes = {
    onBuilt: ({ outcome, durationMs }: { outcome: 'completed' | 'failed'; durationMs: number }) =>
      metrics.annBuildDuration.observe({ outcome }, durationMs / 1_000),
  };
  const feed = {
    onSubscriptions: (open: number) => metrics.subscriptions.set(open),
    onDelivered: (kind: EventKind) => metrics.deliveries.inc({ kind }),
    onOverflow: () => metrics.subscriptionsOverflowed.inc(),
  };
  return {
    embedding,
    prompts: promptObserver(metrics),
    annIndexes,
    feed,
    onCall({ path, code, durationMs }: { path: string; code: string; durationMs: number }) {
      metrics.requests.inc({ procedure: path, code });
      if (code === 'PAYMENT_REQUIRED') metrics.spendRefused.inc();
      metrics.requestDuration.observe({ procedure: path }, durationMs / 1_000);
    },
    retention: {
      onRemoved: (kind: 'prompts' | 'responses' | 'events', rows: number) => metrics.retentionRows.inc({ kind }, rows),
    },
    onHttpResponse(status: number) {
      const family = httpFamilies[Math.floor(status / 100)];
      if (family !== undefined) metrics.httpResponses.inc({ status: family });
    },
    onStatement: ({ outcome, durationMs }: { outcome: 'completed' | 'failed'; durationMs: number }) =>
      metrics.databaseStatements.observe({ outcome }, durationMs / 1_000),
    onSockets: (open: number) => metrics.sockets.set(open),
    onThrottled: (bucket: ThrottleBucket) => metrics.throttled.inc({ bucket }),
    onDatabaseThreadReplaced: () => metrics.databaseThreadsReplaced.inc(),
    onBackup: (outcome: 'completed' | 'failed') => metrics.backups.inc({ outcome }),
  };
}

function promptObserver(metrics: Metrics) {
  return {
    onFinished: (status: ModelCall['outcome']) => metrics.prompts.inc({ status }),
    onResponse: (status: ModelCall['outcome']) => metrics.responses.inc({ status }),
    onModel: (call: ModelCall) => observeModel(metrics, call),
    onSimilarity({ lane, durationMs, hits }: SimilaritySearch) {
      metrics.similarityDuration.observe({ lane }, durationMs / 1_000);
      metrics.similarityHits.observe(hits);
    },
    onInterrupted(count: number) {
      metrics.interruptedPrompts.inc(count);
      metrics.prompts.inc({ status: 'failed' }, count);
      metrics.responses.inc({ status: 'failed' }, count);
    },
  };
}

function observeModel(metrics: Metrics, call: ModelCall): void {
  metrics.modelDuration.observe({ provider: call.provider, outcome: call.outcome }, call.durationMs / 1_000);
  if (call.timeToFirstTokenMs !== null)
    metrics.modelTimeToFirstToken.observe({ provider: call.provider }, call.timeToFirstTokenMs / 1_000);
  if (call.costUsd !== null) metrics.modelCost.inc(call.costUsd);
  if (call.usage === null) return;
  metrics.modelTokens.inc({ kind: 'input' }, call.usage.inputTokens);
  metrics.modelTokens.inc({ kind: 'output' }, call.usage.outputTokens);
  metrics.modelTokens.inc({ kind: 'cached_input' }, call.usage.cachedInputTokens);
}
