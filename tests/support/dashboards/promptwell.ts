import { codes, metric, ofService, withoutModel } from './names.js';
import type { Board, Panel } from './model.js';
import { increase, mean, part, quantile, quantiles, rate, shareOf, total } from './promql.js';

const overview: Panel[] = [
  {
    title: 'Processes up',
    about: 'Processes of the service that Prometheus reaches. Fewer than you run: look at the log of the missing one.',
    unit: 'none',
    shape: 'stat',
    marks: { look: 1, act: 0.5 },
    series: { up: `sum(up${ofService})` },
  },
  {
    title: 'Calls',
    about: 'Procedure calls answered each second, of all processes together.',
    unit: 'reqps',
    shape: 'stat',
    series: { calls: rate(metric.requests) },
  },
  {
    title: 'Failed by us',
    about: 'Share of calls that ended with a 5xx of our own. Above 1 %: the row "Calls" says which procedure and code.',
    unit: 'percentunit',
    decimals: 2,
    shape: 'stat',
    marks: { look: 0.01, act: 0.05 },
    series: { share: shareOf(rate(`${metric.requests}{${codes.ours}}`), rate(metric.requests)) },
  },
  {
    title: 'p99, without models',
    about: 'The slowest hundredth of the calls that ask no model. Slow: see database pool, event loop, statement time.',
    unit: 's',
    shape: 'stat',
    marks: { look: 0.5, act: 1 },
    series: { p99: quantile(0.99, `${metric.requestDuration}{${withoutModel}}`) },
  },
  {
    title: 'Prompts in an hour',
    about: 'Prompts that reached their end within the last hour.',
    unit: 'short',
    decimals: 0,
    shape: 'stat',
    series: { prompts: increase(metric.prompts, '1h') },
  },
  {
    title: 'Money in a day',
    about: 'What the model calls of the last 24 hours cost, as far as their price is known.',
    unit: 'currencyUSD',
    shape: 'stat',
    series: { spent: increase(metric.modelCost, '24h') },
  },
  {
    title: 'Listeners',
    about: 'Running subscriptions, over WebSocket and SSE.',
    unit: 'short',
    shape: 'stat',
    series: { subscriptions: total(metric.subscriptions) },
  },
  {
    title: 'Event-loop delay',
    about: 'p99 of the worst process. Above 250 ms everybody waits: see CPU and garbage collection.',
    unit: 's',
    shape: 'stat',
    marks: { look: 0.1, act: 0.25 },
    series: { p99: `max(nodejs_eventloop_lag_p99_seconds${ofService})` },
  },
];

const calls: Panel[] = [
  {
    title: 'Calls a second, by procedure',
    about: 'Who asks for what. A sudden step of one procedure is a new client or a loop in one.',
    unit: 'reqps',
    shape: 'stack',
    series: { '{{procedure}}': rate(metric.requests, 'procedure') },
  },
  {
    title: 'Refused or failed, by procedure and code',
    about:
      'Every call that was not answered with OK. TOO_MANY_REQUESTS and UNAUTHORIZED are the caller; the rest of the 4xx usually a client with a bug; INTERNAL_SERVER_ERROR is one of ours: the log has it with its request id.',
    unit: 'reqps',
    series: { '{{procedure}} {{code}}': rate(`${metric.requests}{${codes.failed}}`, 'procedure, code') },
  },
  {
    title: 'HTTP answers, by class',
    about:
      'Every answer of the main port, also what no procedure ever saw (wrong path, host, media type). A batch of calls is one answer.',
    unit: 'reqps',
    series: { '{{status}}': rate(metric.httpResponses, 'status') },
  },
  {
    title: 'Time to answer',
    about: 'All calls, those that wait for a model included; subscriptions are not in it.',
    unit: 's',
    marks: { look: 2.5, act: 10 },
    series: { mean: mean(metric.requestDuration), ...quantiles(metric.requestDuration) },
  },
  {
    title: 'Time to answer p95, by procedure',
    about:
      'Which procedure is slow. prompts.create and prompts.regenerate wait for a model; the others should stay far below 100 ms.',
    unit: 's',
    series: { '{{procedure}}': quantile(0.95, metric.requestDuration, 'procedure') },
  },
  {
    title: 'Share of 4xx and 5xx',
    about: 'Of all procedure calls: callers refused (4xx) and calls that we or a model failed (5xx).',
    unit: 'percentunit',
    marks: { look: 0.05, act: 0.2 },
    series: {
      '4xx': shareOf(rate(`${metric.requests}{${codes.callers}}`), rate(metric.requests)),
      '5xx': shareOf(rate(`${metric.requests}{${codes.servers}}`), rate(metric.requests)),
    },
  },
  {
    title: 'Throttled, by limit',
    about:
      'Calls refused by a rate limit. login and signup: somebody guesses; create and similar: raise PROMPTS_PER_SECOND and PROMPTS_PER_MINUTE, or talk to the user.',
    unit: 'reqps',
    series: { '{{bucket}}': rate(metric.throttled, 'bucket') },
  },
  {
    title: 'Refused for money, in an hour',
    about: "Calls that would pass the day's cap (LLM_DAILY_CAP_USD) of a user or a project.",
    unit: 'short',
    series: { calls: increase(metric.spendRefused, '1h') },
  },
  {
    title: 'Waiting for a password hash',
    about: 'Sign-ins and sign-ups in the queue of the hasher. Always above 0: many sign-ins at once, or an attack.',
    unit: 'short',
    marks: { look: 10, act: 30 },
    series: { calls: total(metric.passwordQueue) },
  },
];

const models: Panel[] = [
  {
    title: 'Prompts, by outcome',
    about: 'Prompts that reached their end, those stored without asking a model included.',
    unit: 'ops',
    shape: 'stack',
    series: { '{{status}}': rate(metric.prompts, 'status') },
  },
  {
    title: 'Responses, by outcome',
    about: 'Responses stored; a failed model call leaves one that says why.',
    unit: 'ops',
    shape: 'stack',
    series: { '{{status}}': rate(metric.responses, 'status') },
  },
  {
    title: 'Interrupted prompts, in an hour',
    about: 'Prompts whose process died before their answer. Not 0: a process was killed or crashed.',
    unit: 'short',
    marks: { look: 1, act: 10 },
    series: { prompts: increase(metric.interruptedPrompts, '1h') },
  },
  {
    title: 'Model calls, by provider and outcome',
    about: 'What the providers answered. `failed` rising: look at the provider; the responses hold the reason.',
    unit: 'ops',
    series: { '{{provider}}, {{outcome}}': rate(part(metric.modelDuration, 'count'), 'provider, outcome') },
  },
  {
    title: 'Time of a model call',
    about: 'From asking to the whole answer, retries included.',
    unit: 's',
    series: quantiles(metric.modelDuration, 'provider'),
  },
  {
    title: 'Time to the first token',
    about: 'What a reader waits for before words appear.',
    unit: 's',
    series: quantiles(metric.modelTimeToFirstToken, 'provider'),
  },
  {
    title: 'Tokens a second',
    about: 'Cached input is part of input.',
    unit: 'ops',
    series: { '{{kind}}': rate(metric.modelTokens, 'kind') },
  },
  {
    title: 'Money',
    about: 'Model calls of known price. Caps are set by LLM_DAILY_CAP_USD.',
    unit: 'currencyUSD',
    series: { 'in an hour': increase(metric.modelCost, '1h'), 'in a day': increase(metric.modelCost, '24h') },
  },
  {
    title: 'Failed model calls',
    about:
      'Share of the model calls that failed. Above a fifth: the provider is down, or a key or a model name is wrong.',
    unit: 'percentunit',
    max: 1,
    marks: { look: 0.05, act: 0.2 },
    series: {
      share: shareOf(
        rate(`${part(metric.modelDuration, 'count')}{outcome="failed"}`),
        rate(part(metric.modelDuration, 'count')),
      ),
    },
  },
];

const search: Panel[] = [
  {
    title: 'Texts waiting to be embedded',
    about:
      'interactive: searches and new prompts, should be near 0. background: the indexer filling up. Growing: more EMBEDDING_THREADS.',
    unit: 'short',
    series: { '{{lane}}': total(metric.embeddingQueue, 'lane') },
  },
  {
    title: 'Time of an embedding run',
    about: 'One run of the model over one batch.',
    unit: 's',
    series: {
      'median, {{lane}}': quantile(0.5, metric.embeddingDuration, 'lane'),
      'p95, {{lane}}': quantile(0.95, metric.embeddingDuration, 'lane'),
    },
  },
  {
    title: 'Texts in a run',
    about: 'What queued while the last run was on is embedded together: large batches mean a busy embedder.',
    unit: 'short',
    series: { mean: mean(metric.embeddingBatch) },
  },
  {
    title: 'Texts embedded a second',
    about: 'Texts that went through the model; those found in the cache did not.',
    unit: 'ops',
    series: { texts: rate(part(metric.embeddingBatch, 'sum')) },
  },
  {
    title: 'Already embedded',
    about: 'Share of the texts that needed no run of the model.',
    unit: 'percentunit',
    max: 1,
    series: { 'cache hits': shareOf(rate(`${metric.embeddingCache}{result="hit"}`), rate(metric.embeddingCache)) },
  },
  {
    title: 'Embedding threads replaced, in an hour',
    about: 'A thread died: the log says of what. Every hour one: memory, or a text that kills the model.',
    unit: 'short',
    marks: { look: 1, act: 5 },
    series: { threads: increase(metric.embeddingThreadsReplaced, '1h') },
  },
  {
    title: 'Prompts without a vector, by space',
    about: 'Falls to 0 while a space is filled. Stays: see the log of indexing, and texts waiting.',
    unit: 'short',
    series: { '{{space}}': `max by (space) (${metric.spaceMissing})` },
  },
  {
    title: 'Neural model fetched',
    about: 'On its way to a process that fetches it in the background; 100 % where nothing is fetched.',
    unit: 'percentunit',
    max: 1,
    series: { fetched: `min(${metric.modelFetch})` },
  },
  {
    title: 'Time of a search, by lane',
    about:
      'Without the embedding. exact grows with a project, hnsw is the index of a large one, words and hybrid read texts too.',
    unit: 's',
    series: quantiles(metric.similarityDuration, 'lane'),
  },
  {
    title: 'Searches a second, by lane',
    about: 'Which lane answers.',
    unit: 'reqps',
    shape: 'stack',
    series: { '{{lane}}': rate(part(metric.similarityDuration, 'count'), 'lane') },
  },
  {
    title: 'Hits in an answer',
    about: 'Falling to 0: prompts without vectors (see the queue), or a minScore that nothing reaches.',
    unit: 'short',
    series: { mean: mean(metric.similarityHits) },
  },
  {
    title: 'Answers without a hit',
    about: 'Share of the searches that found nothing. Rising: prompts without vectors, or filters that nothing passes.',
    unit: 'percentunit',
    max: 1,
    series: {
      share: shareOf(
        rate(`${part(metric.similarityHits, 'bucket')}{le="0"}`),
        rate(part(metric.similarityHits, 'count')),
      ),
    },
  },
  {
    title: 'Indexes of large projects',
    about:
      'failed: the build is tried again; its projects are searched exactly meanwhile, slower and right. The log says why.',
    unit: 'short',
    series: { '{{state}}': `max by (state) (${metric.annIndexes})` },
  },
  {
    title: 'Time to build an index, mean of a day',
    about: 'In the background, one at a time. 0: none was built.',
    unit: 's',
    series: {
      seconds: `${increase(part(metric.annBuildDuration, 'sum'), '24h')} / (${increase(part(metric.annBuildDuration, 'count'), '24h')} > 0) or vector(0)`,
    },
  },
];

const live: Panel[] = [
  {
    title: 'Listeners',
    about: 'Running subscriptions and open WebSockets.',
    unit: 'short',
    series: { subscriptions: total(metric.subscriptions), sockets: total(metric.sockets) },
  },
  {
    title: 'Deliveries a second, by event',
    about: 'Events handed to subscribers; one event counts once for each.',
    unit: 'ops',
    shape: 'stack',
    series: { '{{kind}}': rate(metric.deliveries, 'kind') },
  },
  {
    title: 'Fell behind, in an hour',
    about:
      'Times that a subscriber read too slowly and caught up from the database. Nothing is lost; often: a slow client.',
    unit: 'short',
    series: { subscriptions: increase(metric.subscriptionsOverflowed, '1h') },
  },
];

const database: Panel[] = [
  {
    title: 'Database pool',
    about:
      'Connections of the service, and callers waiting for one. Waiting: slow statements, or raise DATABASE_POOL_SIZE.',
    unit: 'short',
    series: { '{{state}}': total(metric.databasePool, 'state') },
  },
  {
    title: 'Statement time, as the service sees it',
    about: "Network, locks and the database's own work; the wait for a connection is not in it.",
    unit: 's',
    marks: { look: 0.1, act: 1 },
    series: { mean: mean(metric.databaseStatements), ...quantiles(metric.databaseStatements) },
  },
  {
    title: 'Statements a second',
    about: 'failed: refused, timed out, or the database was away.',
    unit: 'ops',
    series: { '{{outcome}}': rate(part(metric.databaseStatements, 'count'), 'outcome') },
  },
  {
    title: 'Database threads replaced, in an hour',
    about: 'Embedded engine: its thread died or answered no more, mostly over a full disk. The log says why.',
    unit: 'short',
    width: 6,
    marks: { look: 1, act: 5 },
    series: { '{{instance}}': increase(metric.databaseThreadsReplaced, '1h', 'instance') },
  },
  {
    title: 'Backups, in a day',
    about:
      'failed must be 0: the log says why, mostly a full disk. On the server engine only migrations make them: use pg_dump or your provider for the rest.',
    unit: 'short',
    width: 6,
    series: { '{{outcome}}': increase(metric.backups, '24h', 'outcome') },
  },
  {
    title: 'Rows removed by retention, in a day',
    about: 'What passed the days that its project set. A sudden rise: somebody shortened them (audit.list says who).',
    unit: 'short',
    width: 6,
    series: { '{{kind}}': increase(metric.retentionRows, '24h', 'kind') },
  },
  {
    title: 'Data disk in use',
    about:
      'The file system of DATA_DIR: the embedded database, its backups, the model. Full: writes fail and backups stop.',
    unit: 'percentunit',
    width: 6,
    max: 1,
    marks: { look: 0.85, act: 0.95 },
    series: {
      '{{instance}}': `1 - sum by (instance) (${metric.dataDisk}{state="free"}) / sum by (instance) (${metric.dataDisk}{state="size"})`,
    },
  },
  {
    title: 'Data disk, free',
    about: 'Bytes that the service may still write.',
    unit: 'bytes',
    width: 6,
    series: { '{{instance}}': total(`${metric.dataDisk}{state="free"}`, 'instance') },
  },
  {
    title: 'Row-level security',
    about:
      '1: the database itself keeps projects apart, behind the queries. 0: the queries alone do; promptwell doctor says what is missing.',
    unit: 'none',
    width: 6,
    series: { '{{instance}}': total(metric.databaseRowSecurity, 'instance') },
  },
];

const runtime: Panel[] = [
  {
    title: 'Event-loop delay',
    about:
      'How late a process comes to what it must do. High with a busy CPU: too few processes; with much garbage: memory.',
    unit: 's',
    marks: { look: 0.1, act: 0.25 },
    series: {
      'p99, {{instance}}': `nodejs_eventloop_lag_p99_seconds${ofService}`,
      'mean, {{instance}}': `nodejs_eventloop_lag_mean_seconds${ofService}`,
    },
  },
  {
    title: 'CPU',
    about: 'Cores in use; 1 is one core. Embedding threads and the embedded database count too.',
    unit: 'none',
    decimals: 2,
    series: {
      '{{instance}}': rate(`process_cpu_seconds_total${ofService}`, 'instance'),
      'of it system, {{instance}}': rate(`process_cpu_system_seconds_total${ofService}`, 'instance'),
    },
  },
  {
    title: 'Memory',
    about: 'resident is what the machine gives; heap is JavaScript; external are buffers, such as the vectors.',
    unit: 'bytes',
    series: {
      'resident, {{instance}}': `process_resident_memory_bytes${ofService}`,
      'heap, {{instance}}': `nodejs_heap_size_used_bytes${ofService}`,
      'external, {{instance}}': `nodejs_external_memory_bytes${ofService}`,
    },
  },
  {
    title: 'Garbage collection, by kind',
    about: 'Share of the time spent collecting. Above a tenth: too little memory for what is in it.',
    unit: 'percentunit',
    marks: { look: 0.05, act: 0.1 },
    series: { '{{kind}}, {{instance}}': rate(`nodejs_gc_duration_seconds_sum${ofService}`, 'kind, instance') },
  },
  {
    title: 'Open files and sockets',
    about: 'Of those that the system allows the process. Near 1: raise the limit (ulimit -n).',
    unit: 'percentunit',
    max: 1,
    marks: { look: 0.6, act: 0.8 },
    series: { '{{instance}}': `process_open_fds${ofService} / process_max_fds${ofService}` },
  },
  {
    title: 'Running since',
    about: 'Time since each process began. Small again and again: it crashes and is started anew.',
    unit: 's',
    series: { '{{instance}}': `time() - process_start_time_seconds${ofService}` },
  },
  {
    title: 'What runs',
    about:
      'Version, database engine and embedding space, and how many processes of each. Two versions for long: a roll-out that got stuck.',
    unit: 'none',
    shape: 'stat',
    width: 24,
    text: 'name',
    series: { '{{version}}, {{engine}}, {{space}}': total(metric.buildInfo, 'version, engine, space') },
  },
];

/** The service: what is asked of it, how it answers, and how it feels. */
export const promptwell: Board = {
  file: 'promptwell.json',
  uid: 'promptwell',
  title: 'Promptwell',
  hasDatabases: false,
  rows: {
    Overview: overview,
    Calls: calls,
    'Prompts and models': models,
    'Embedding and search': search,
    Live: live,
    'Database, as the service sees it': database,
    Process: runtime,
  },
};
