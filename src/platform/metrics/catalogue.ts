/** The values a label may take: a closed list, or null where the caller keeps the set closed (procedures, codes, names). */
type LabelValues = readonly string[] | null;

/** One metric: what Prometheus calls it, what it tells, and which labels it has. */
export interface MetricDefinition {
  readonly kind: 'counter' | 'gauge' | 'histogram';
  /** `promptwell_<thing>_<unit>[_total]`, base units. */
  readonly name: string;
  readonly help: string;
  readonly labels: Readonly<Record<string, LabelValues>>;
  /** Upper bounds of a histogram's buckets, ascending. */
  readonly buckets?: readonly number[];
}

const lanes = ['interactive', 'background'] as const;
const endings = ['completed', 'failed', 'cancelled'] as const;
const eventKinds = ['prompt.created', 'prompt.completed', 'prompt.failed', 'prompt.updated', 'prompt.deleted'] as const;

/** From a warm point read (about 1 ms) to the longest statement (10 s by default). */
const callSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;
/** From the offline responder to the default deadline of a model (120 s). */
const modelSeconds = [0.01, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120] as const;

/**
 * Every metric of Promptwell's own, under the name that code uses.
 *
 * Shape: labels come from closed sets and never name a tenant, a user, a prompt or an address, so the number of series
 * does not grow with use. Dashboards and alerts take their names from here.
 */
export const catalogue = {
  requests: {
    kind: 'counter',
    name: 'promptwell_requests_total',
    help: 'Procedure calls answered, by outcome: OK or a tRPC error code.',
    labels: { procedure: null, code: null },
  },
  requestDuration: {
    kind: 'histogram',
    name: 'promptwell_request_duration_seconds',
    help: 'Time from a call to its answer; subscriptions are not counted.',
    labels: { procedure: null },
    buckets: callSeconds,
  },
  httpResponses: {
    kind: 'counter',
    name: 'promptwell_http_responses_total',
    help: 'HTTP answers of the main port by class of status; what no procedure ever saw is here alone.',
    labels: { status: ['2xx', '3xx', '4xx', '5xx'] },
  },
  prompts: {
    kind: 'counter',
    name: 'promptwell_prompts_total',
    help: 'Prompts that reached a final status, those stored without asking a model included.',
    labels: { status: endings },
  },
  responses: {
    kind: 'counter',
    name: 'promptwell_responses_total',
    help: 'Responses stored: one for each end of a model call, failures included.',
    labels: { status: endings },
  },
  interruptedPrompts: {
    kind: 'counter',
    name: 'promptwell_interrupted_prompts_total',
    help: 'Prompts whose process ended before their answer, found by their expired lease.',
    labels: {},
  },
  modelDuration: {
    kind: 'histogram',
    name: 'promptwell_model_duration_seconds',
    help: 'Time of a whole model call, retries included.',
    labels: { provider: null, outcome: endings },
    buckets: modelSeconds,
  },
  modelTimeToFirstToken: {
    kind: 'histogram',
    name: 'promptwell_model_time_to_first_token_seconds',
    help: 'Time from asking a model to the first piece of its answer.',
    labels: { provider: null },
    buckets: modelSeconds,
  },
  modelTokens: {
    kind: 'counter',
    name: 'promptwell_model_tokens_total',
    help: 'Tokens of model calls; cached input is part of input.',
    labels: { kind: ['input', 'output', 'cached_input'] },
  },
  modelCost: {
    kind: 'counter',
    name: 'promptwell_model_cost_usd_total',
    help: 'Money spent on model calls whose price is known.',
    labels: {},
  },
  embeddingDuration: {
    kind: 'histogram',
    name: 'promptwell_embedding_duration_seconds',
    help: 'Time of one run of the embedding model.',
    labels: { lane: lanes },
    buckets: callSeconds,
  },
  embeddingBatch: {
    kind: 'histogram',
    name: 'promptwell_embedding_batch_texts',
    help: 'Texts in one run of the embedding model.',
    labels: {},
    buckets: [1, 2, 4, 8, 16, 32, 64, 128],
  },
  embeddingQueue: {
    kind: 'gauge',
    name: 'promptwell_embedding_queue_texts',
    help: 'Texts that wait to be embedded.',
    labels: { lane: lanes },
  },
  embeddingCache: {
    kind: 'counter',
    name: 'promptwell_embedding_cache_total',
    help: 'Texts looked up among those already embedded.',
    labels: { result: ['hit', 'miss'] },
  },
  embeddingThreadsReplaced: {
    kind: 'counter',
    name: 'promptwell_embedding_threads_replaced_total',
    help: 'Embedding threads that died and were replaced.',
    labels: {},
  },
  spaceMissing: {
    kind: 'gauge',
    name: 'promptwell_space_missing_prompts',
    help: 'Prompts without a vector in a space, by the name of the space.',
    labels: { space: null },
  },
  modelFetch: {
    kind: 'gauge',
    name: 'promptwell_model_fetch_ratio',
    help: 'How much of the neural model is on this machine, from 0 to 1; 1 where none is to be fetched.',
    labels: {},
  },
  similarityDuration: {
    kind: 'histogram',
    name: 'promptwell_similarity_duration_seconds',
    help: 'Time of the statements of a similarity search: by vectors (exact, or through an index), by words, or by both.',
    labels: { lane: ['exact', 'hnsw', 'words', 'hybrid'] },
    buckets: callSeconds,
  },
  similarityHits: {
    kind: 'histogram',
    name: 'promptwell_similarity_hits',
    help: 'Hits in one similarity answer.',
    labels: {},
    buckets: [0, 1, 2, 5, 10, 20, 50],
  },
  annIndexes: {
    kind: 'gauge',
    name: 'promptwell_ann_indexes',
    help: 'Approximate indexes of large projects, by state, as this process believes them.',
    labels: { state: ['building', 'ready', 'failed'] },
  },
  annBuildDuration: {
    kind: 'histogram',
    name: 'promptwell_ann_build_duration_seconds',
    help: "Time of building a large project's index.",
    labels: { outcome: ['completed', 'failed'] },
    buckets: [1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600],
  },
  subscriptions: {
    kind: 'gauge',
    name: 'promptwell_subscriptions',
    help: 'Running subscriptions, over WebSocket and SSE.',
    labels: {},
  },
  sockets: { kind: 'gauge', name: 'promptwell_sockets', help: 'Open WebSockets.', labels: {} },
  deliveries: {
    kind: 'counter',
    name: 'promptwell_deliveries_total',
    help: 'Events handed to subscribers; one event counts once per subscriber.',
    labels: { kind: eventKinds },
  },
  subscriptionsOverflowed: {
    kind: 'counter',
    name: 'promptwell_subscriptions_overflowed_total',
    help: 'Times that a subscription fell behind and caught up from the database.',
    labels: {},
  },
  throttled: {
    kind: 'counter',
    name: 'promptwell_throttled_total',
    help: "Calls refused by a rate limit, by the limit's name.",
    labels: { bucket: ['create', 'similar', 'import', 'login', 'signup', 'invitation'] },
  },
  spendRefused: {
    kind: 'counter',
    name: 'promptwell_spend_refused_total',
    help: "Calls refused because the day's money of a user or a project was used up.",
    labels: {},
  },
  passwordQueue: {
    kind: 'gauge',
    name: 'promptwell_password_queue_calls',
    help: 'Calls that wait for a password to be hashed.',
    labels: {},
  },
  databaseRowSecurity: {
    kind: 'gauge',
    name: 'promptwell_database_row_security',
    help: '1 while row-level security binds the work of projects, 0 while the queries alone keep them apart.',
    labels: {},
  },
  databasePool: {
    kind: 'gauge',
    name: 'promptwell_database_pool_connections',
    help: 'Database connections in use and idle, and callers waiting for one.',
    labels: { state: ['active', 'idle', 'waiting'] },
  },
  databaseStatements: {
    kind: 'histogram',
    name: 'promptwell_database_statement_duration_seconds',
    help: "Time of one SQL statement as the service sees it: network, locks and the database's own work.",
    labels: { outcome: ['completed', 'failed'] },
    buckets: callSeconds,
  },
  databaseThreadsReplaced: {
    kind: 'counter',
    name: 'promptwell_database_threads_replaced_total',
    help: 'Threads of the embedded database that died or answered no more, and were replaced.',
    labels: {},
  },
  dataDisk: {
    kind: 'gauge',
    name: 'promptwell_data_disk_bytes',
    help: 'The file system of the data folder: its size, and what the service may still write.',
    labels: { state: ['size', 'free'] },
  },
  backups: {
    kind: 'counter',
    name: 'promptwell_backups_total',
    help: 'Backups of the database, those before migrations included.',
    labels: { outcome: ['completed', 'failed'] },
  },
  retentionRows: {
    kind: 'counter',
    name: 'promptwell_retention_rows_total',
    help: "Rows removed because they were past their project's days.",
    labels: { kind: ['prompts', 'responses', 'events'] },
  },
  buildInfo: {
    kind: 'gauge',
    name: 'promptwell_build_info',
    help: 'Always 1; the labels say what runs.',
    labels: { version: null, engine: ['embedded', 'server'], space: null },
  },
} as const satisfies Readonly<Record<string, MetricDefinition>>;
