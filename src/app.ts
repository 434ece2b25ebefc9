import { embeddingInfo, readiness } from './app-probes.js';
import { composeSpaces } from './app-spaces.js';
import { type Config, ConfigError } from './config.js';
import { createAccounts } from './features/accounts/service.js';
import { FeedService } from './features/feed/service.js';
import { LargeProjects } from './features/large-projects/service.js';
import * as removal from './features/prompts/service/removal.js';
import type { PromptDeps } from './features/prompts/service/deps.js';
import { Generations } from './features/prompts/service/generations.js';
import { PromptLeases } from './features/prompts/service/leases.js';
import { PromptService } from './features/prompts/service/prompts.js';
import { startRetention } from './features/retention/service/upkeep.js';
import { createMetricsServer } from './http/probes.js';
import { createHttpServer } from './http/server.js';
import { type Clock, systemClock } from './kernel/clock.js';
import { type Ids, systemIds } from './kernel/ids.js';
import { type CloseReport, Lifecycle } from './kernel/lifecycle.js';
import { createAuth } from './platform/auth/auth.js';
import { loadAuthKeys } from './platform/auth/secret.js';
import { CursorCodec } from './platform/cursor.js';
import { openDatabase } from './platform/db/client.js';
import type { Database } from './platform/db/database.js';
import type { Embedder } from './platform/embedding/embedder.js';
import { heedForgotten } from './platform/embedding/forgetting.js';
import type { ModelFile } from './platform/embedding/model-files.js';
import { modelFacts } from './platform/embedding/open-spaces.js';
import { EventBus } from './platform/events/bus.js';
import { EventLog } from './platform/events/log.js';
import { startPruning } from './platform/events/pruner.js';
import { chooseProviders, type ProviderRouter } from './platform/llm/choose.js';
import { createLog, type Log } from './platform/log.js';
import { collectGauges } from './platform/metrics/gauges.js';
import { createObservers } from './platform/metrics/observers.js';
import { createMetrics } from './platform/metrics/registry.js';
import type { SystemInfo } from './features/system/router.js';
import { Throttle } from './platform/throttle.js';
import { createAppRouter } from './router.js';
import { version } from './version.js';

/** What tests may replace; everything else is real everywhere. */
export interface AppOptions {
  clock?: Clock;
  ids?: Ids;
  log?: Log;
  embedder?: Embedder;
  /** The files of the neural model; their checksums are those of the real one. */
  modelFiles?: readonly ModelFile[];
  providers?: ProviderRouter;
  /** The folder of the compiled program, where the worker threads are; tests run from source and name `dist`. */
  compiledUrl?: URL;
  /** How long the embedded engine must have been quiet before it builds an index of a large project. */
  annQuietMs?: number;
  /** See `DatabaseDeps.seedTarball`. */
  seedTarball?: string;
}

/** The running service. */
export interface App {
  url: string;
  metricsUrl: string;
  /** What it stores in; tests look there for what must not have been written. */
  db: Database;
  /** The space whose vectors answer similarity, and why it is that one. */
  embedding: { space: string; reason: string };
  /** Takes no new work, finishes what was accepted, then closes everything. Twice is the same promise. */
  close(): Promise<CloseReport>;
}

/**
 * The whole service, built in the order in which work flows through it, listening when this resolves.
 *
 * Faults: whatever keeps it from starting (a database that is missing or too old, a taken folder or port), with a message
 * that says what to do; what was opened by then is closed.
 */
export async function createApp(config: Config, options: AppOptions = {}): Promise<App> {
  const lifecycle = new Lifecycle(config.shutdownMs);
  try {
    return await build(config, options, lifecycle);
  } catch (cause) {
    await lifecycle.close();
    throw cause;
  }
}

async function build(config: Config, options: AppOptions, lifecycle: Lifecycle): Promise<App> {
  const clock = options.clock ?? systemClock;
  const ids = options.ids ?? systemIds(() => clock.nowMs());
  const log = options.log ?? createLog(config.log);
  const metrics = createMetrics();
  const observers = createObservers(metrics);

  const keys = await loadAuthKeys(config.auth, ids);
  const cursors = new CursorCodec(keys.cursors);
  // Before the database: a missing model is said at once, not after the first start's seconds.
  const model = await modelFacts(config.embedding, options.modelFiles);
  const { onBackup, onDatabaseThreadReplaced: onThreadReplaced, onStatement } = observers;
  const db = await openDatabase({
    config: config.db,
    clock,
    ids,
    log,
    onBackup,
    onThreadReplaced,
    onStatement,
    ...databaseOptions(options),
  });
  // Last, with whatever time is left: all of it at most.
  lifecycle.onClose('database', config.shutdownMs, (outOfTime) => db.close(outOfTime));

  const processId = ids.uuid();
  const spaces = await composeSpaces({
    config: config.embedding,
    db,
    clock,
    ids,
    log,
    lifecycle,
    observer: observers.embedding,
    model,
    processId,
    embedderOptions: embedderOptions(options),
    modelFiles: options.modelFiles,
  });
  lifecycle.onClose('forgetting', deadlinesMs.small, await heedForgotten(db, spaces.embedders));

  const throttle = new Throttle({
    db,
    clock,
    limits: config.limits,
    loginFailuresPer15Min: config.auth.loginFailuresPer15Min,
    signupsPerHour: config.auth.signupsPerHour,
    onThrottled: observers.onThrottled,
  });
  lifecycle.onClose('throttle', deadlinesMs.small, () => throttle.close());
  const auth = createAuth({ keys, clock, ids, config: config.auth });
  const accounts = await createAccounts({ db, clock, ids, auth, cursors, throttle, removal, config: config.auth });
  lifecycle.onClose('authenticator', deadlinesMs.small, () => accounts.authenticator.close());

  const events = new EventLog(db);
  const bus = new EventBus({ db, log, events });
  await bus.start();
  lifecycle.onClose('bus', deadlinesMs.small, () => bus.close());
  lifecycle.onClose('pruner', deadlinesMs.small, startPruning({ events, log, retentionMs: config.events.retentionMs }));
  const feed = new FeedService({
    bus,
    events,
    cursors,
    clock,
    retentionMs: config.events.retentionMs,
    observer: observers.feed,
  });
  lifecycle.onClose('erasures', deadlinesMs.small, await feed.heedErasures(db));

  const annIndexes = new LargeProjects({
    db,
    spaces: spaces.directory,
    clock,
    log,
    observer: observers.annIndexes,
    minVectors: config.search.annMinVectors,
    quietMs: options.annQuietMs ?? annQuietMs,
  });
  lifecycle.onClose('large projects', deadlinesMs.small, () => annIndexes.close());
  const providers = options.providers ?? chooseProviders(config.llm, { clock });
  const promptDeps: PromptDeps = {
    db,
    spaces: spaces.directory,
    annIndexes,
    providers,
    throttle,
    cursors,
    clock,
    ids,
    log,
    processId,
    dailyCapUsd: config.llm.dailyCapUsd,
    maxOutputTokens: config.llm.maxOutputTokens,
    observer: observers.prompts,
    onUnindexed: () => spaces.indexing.wake(),
  };
  const generations = new Generations(promptDeps);
  const prompts = new PromptService(promptDeps, generations);
  const leases = new PromptLeases(promptDeps, generations);
  lifecycle.onClose('leases', deadlinesMs.small, () => leases.close());

  const { retention, stop } = startRetention({
    db,
    clock,
    ids,
    log,
    cursors,
    eventRetentionMs: config.events.retentionMs,
    removal,
    observer: observers.retention,
  });
  lifecycle.onClose('retention', deadlinesMs.small, stop);

  const llm = providers.choose();
  const system = (): SystemInfo => ({
    version,
    engine: db.engine,
    embedding: embeddingInfo(spaces),
    model: { provider: llm.provider.name, name: llm.model },
    signup: config.auth.isSignupOpen ? 'open' : 'closed',
  });
  const router = createAppRouter({ accounts, prompts, feed, retention, spaces: spaces.service, system });
  const probes = {
    readiness: () => readiness({ db, spaces, lifecycle }),
    renderMetrics: () => metrics.render(),
  };
  collectGauges(metrics, {
    version,
    dataDir: config.db.dataDir,
    db,
    annIndexes,
    embedders: spaces.embedders,
    spaces: spaces.directory,
    missing: () => spaces.service.progress.missing(),
    fetchedShare: () => (spaces.fetchState()?.percent ?? 100) / 100,
    passwords: auth.passwords,
  });
  const metricsServer = createMetricsServer(probes, config.metrics);
  lifecycle.onClose('metrics', deadlinesMs.small, () => metricsServer.close());
  const door = await createHttpServer({
    ...probes,
    config: config.http,
    metricsToken: config.metrics.token,
    router,
    clock,
    ids,
    log,
    authenticator: accounts.authenticator,
    onCall: (call) => observers.onCall(call),
    onSockets: observers.onSockets,
    onHttpResponse: (status) => observers.onHttpResponse(status),
  });
  // What a call began after the drain: its model is stopped, and what was said is stored.
  lifecycle.onClose('last generations', deadlinesMs.small, () => generations.drain(0));
  // Cuts followers too: a stream that ends by itself counts as complete and is not resumed elsewhere.
  lifecycle.onClose('door', deadlinesMs.door, () => door.close());
  const { drainMs, drainDeadlineMs } = drainTimes(config.shutdownMs);
  lifecycle.onClose('generations', drainDeadlineMs, () => generations.drain(drainMs));
  lifecycle.onClose('new work', deadlinesMs.small, () => door.beginDrain());

  await Promise.all([leases.start(), annIndexes.start()]);
  spaces.start();
  const [url, metricsUrl] = await Promise.all([
    door.listen().catch(portFault('PORT')),
    metricsServer.listen().catch(portFault('METRICS_PORT')),
  ]);
  return {
    url,
    metricsUrl,
    db,
    embedding: { space: spaces.directory.active().name, reason: spaces.reason },
    close: () => lifecycle.close(),
  };
}

/** The embedded engine stands still while it builds an index: only after a minute without a write or a search. */
const annQuietMs = 60_000;

/** How long each part may take to close; together with the drain they stay within ten seconds. */
const deadlinesMs = { small: 1_000, door: 3_000 } as const;

/** Models may finish for half of the shutdown; what they said by then has a fifth of it to be stored. */
const drainTimes = (shutdownMs: number) => ({ drainMs: shutdownMs * 0.5, drainDeadlineMs: shutdownMs * 0.7 });

/** Says which variable names the port that another program has. */
const portFault = (variable: 'PORT' | 'METRICS_PORT') => (cause: NodeJS.ErrnoException) => {
  const { code, message } = cause;
  const reason =
    code === 'EADDRINUSE'
      ? 'another program has this port; set another, or 0 for any free one'
      : 'cannot be listened on';
  const names = code === 'EADDRINUSE' ? variable : `${variable.replace('PORT', 'HOST')}, ${variable}`;
  throw new ConfigError(`${names}: ${reason} (${message})`, { cause });
};

const databaseOptions = ({ compiledUrl, seedTarball }: AppOptions) => ({
  ...(compiledUrl === undefined ? {} : { threadUrl: new URL('platform/db/pglite-thread.js', compiledUrl).href }),
  ...(seedTarball === undefined ? {} : { seedTarball }),
});

const embedderOptions = ({ compiledUrl, embedder }: AppOptions) => ({
  ...(compiledUrl === undefined ? {} : { threadUrl: new URL('platform/embedding/thread.js', compiledUrl) }),
  ...(embedder === undefined ? {} : { fixed: embedder }),
});
