import { codes, jobs, metric, ofService, withoutModel } from '../dashboards/names.js';
import { part } from '../dashboards/promql.js';
import type { Alert } from './model.js';

const rate = (name: string, time = '5m'): string => `sum(rate(${name}[${time}]))`;
/** The window of an increase holds what happened just before a process died, too. */
const increase = (name: string, time: string): string => `sum(increase(${name}[${time}]))`;
const share = (some: string, all: string): string => `${rate(some)} / ${rate(all)}`;
const by = (job: string, labels = ''): string => `{job="${job}",instance="a"${labels === '' ? '' : `,${labels}`}}`;
const service = (labels = ''): string => by(jobs.service, labels);
const callCount = (procedure: string, code: string): string =>
  `${metric.requests}${service(`procedure="${procedure}",code="${code}"`)}`;
const bucket = (histogram: string, le: string): string =>
  `${part(histogram, 'bucket')}${service(`procedure="prompts.get",le="${le}"`)}`;
const models = part(metric.modelDuration, 'count');

/** A process that was always there. */
const steady = '0x40';

/** What calls and their outcomes tell. */
const calls: Alert[] = [
  {
    name: 'PromptwellErrors',
    severity: 'critical',
    for: '5m',
    measure: share(`${metric.requests}{${codes.ours}}`, metric.requests),
    is: '>',
    limit: 0.05,
    guard: { measure: rate(metric.requests), above: 0.1 },
    summary: '{{ $value | humanizePercentage }} of the calls fail with an error of ours',
    description:
      'More than 5 % of all calls end with INTERNAL_SERVER_ERROR or SERVICE_UNAVAILABLE. The panel "Refused or failed" names procedure and code; the log of the process has each bug with its request id. SERVICE_UNAVAILABLE: the database is away or a queue is full.',
    fires: {
      [callCount('prompts.get', 'OK')]: '0+60x40',
      [callCount('prompts.get', 'INTERNAL_SERVER_ERROR')]: '0+6x40',
    },
    quiet: [
      { [callCount('prompts.get', 'OK')]: '0+60x40', [callCount('prompts.get', 'INTERNAL_SERVER_ERROR')]: '0+2x40' },
      // Three calls in half an hour, one of them failed: nothing to wake anybody for.
      {
        [callCount('prompts.get', 'OK')]: '0+0x10 2+0x30',
        [callCount('prompts.get', 'INTERNAL_SERVER_ERROR')]: '0+0x10 1+0x30',
      },
      // The provider's failures are another alert's.
      { [callCount('prompts.create', 'OK')]: '0+60x40', [callCount('prompts.create', 'BAD_GATEWAY')]: '0+30x40' },
      // So are callers that are refused.
      { [callCount('prompts.create', 'OK')]: '0+60x40', [callCount('prompts.create', 'TOO_MANY_REQUESTS')]: '0+99x40' },
    ],
  },
  {
    name: 'PromptwellSlow',
    severity: 'warning',
    for: '10m',
    measure: `histogram_quantile(0.99, sum by (le) (rate(${part(metric.requestDuration, 'bucket')}{${withoutModel}}[5m])))`,
    is: '>',
    limit: 1,
    guard: { measure: `sum(rate(${part(metric.requestDuration, 'count')}{${withoutModel}}[5m]))`, above: 0.1 },
    summary: 'The slowest hundredth of the calls takes {{ $value | humanizeDuration }}',
    description:
      'Calls that ask no model should take milliseconds. Look, in this order: database pool (waiting), statement time, event-loop delay, texts waiting to be embedded.',
    fires: {
      [bucket(metric.requestDuration, '1')]: '0+50x40',
      [bucket(metric.requestDuration, '2.5')]: '0+60x40',
      [bucket(metric.requestDuration, '+Inf')]: '0+60x40',
      [`${part(metric.requestDuration, 'count')}${service('procedure="prompts.get"')}`]: '0+60x40',
    },
    quiet: [
      {
        [bucket(metric.requestDuration, '1')]: '0+60x40',
        [bucket(metric.requestDuration, '2.5')]: '0+60x40',
        [bucket(metric.requestDuration, '+Inf')]: '0+60x40',
        [`${part(metric.requestDuration, 'count')}${service('procedure="prompts.get"')}`]: '0+60x40',
      },
      {
        [bucket(metric.requestDuration, '1')]: '0+1x40',
        [bucket(metric.requestDuration, '2.5')]: '0+2x40',
        [bucket(metric.requestDuration, '+Inf')]: '0+2x40',
        [`${part(metric.requestDuration, 'count')}${service('procedure="prompts.get"')}`]: '0+2x40',
      },
    ],
  },
  {
    name: 'PromptwellThrottling',
    severity: 'info',
    for: '15m',
    measure: share(metric.throttled, metric.requests),
    is: '>',
    limit: 0.1,
    guard: { measure: rate(metric.requests), above: 0.1 },
    summary: '{{ $value | humanizePercentage }} of the calls are throttled',
    description:
      'The panel "Throttled, by limit" says which limit. login or signup: somebody guesses passwords or makes accounts. create or similar: a client in a loop, or limits too low for real use (PROMPTS_PER_SECOND, PROMPTS_PER_MINUTE).',
    fires: {
      [`${metric.throttled}${service('bucket="login"')}`]: '0+20x40',
      [callCount('auth.login', 'OK')]: '0+100x40',
    },
    quiet: [
      { [`${metric.throttled}${service('bucket="login"')}`]: '0+5x40', [callCount('auth.login', 'OK')]: '0+100x40' },
      { [`${metric.throttled}${service('bucket="login"')}`]: '0+1x40', [callCount('auth.login', 'OK')]: '0+1x40' },
    ],
  },
  {
    name: 'PromptwellSpendCapReached',
    severity: 'warning',
    for: '1m',
    measure: increase(metric.spendRefused, '15m'),
    is: '>',
    limit: 0,
    summary: "Calls are refused because a day's money is used up",
    description:
      'A user or a project reached LLM_DAILY_CAP_USD; their calls are refused until midnight UTC. Raise the cap, or find what spends: the panel "Money", and the project\'s prompts by model.',
    fires: { [`${metric.spendRefused}${service()}`]: '0x10 3x30' },
    quiet: [{ [`${metric.spendRefused}${service()}`]: steady }, { [`${metric.spendRefused}${service()}`]: '7x40' }],
  },
  {
    name: 'PromptwellModelFailing',
    severity: 'warning',
    for: '10m',
    measure: share(`${models}{outcome="failed"}`, models),
    is: '>',
    limit: 0.2,
    guard: { measure: rate(models), above: 0.02 },
    summary: '{{ $value | humanizePercentage }} of the model calls fail',
    description:
      'The provider is down, throttles us, or a key or model name is wrong. The stored responses hold the reason (prompts.responses). Prompts are kept and can be asked again (prompts.regenerate).',
    fires: {
      [`${models}${service('provider="openai-compatible",outcome="completed"')}`]: '0+6x40',
      [`${models}${service('provider="openai-compatible",outcome="failed"')}`]: '0+3x40',
    },
    quiet: [
      {
        [`${models}${service('provider="openai-compatible",outcome="completed"')}`]: '0+6x40',
        [`${models}${service('provider="openai-compatible",outcome="failed"')}`]: '0+1x40',
      },
      // One call in the half hour, and it failed.
      { [`${models}${service('provider="openai-compatible",outcome="failed"')}`]: '0x10 1x30' },
    ],
  },
  {
    name: 'PromptwellInterruptedPrompts',
    severity: 'warning',
    for: '1m',
    measure: increase(metric.interruptedPrompts, '15m'),
    is: '>',
    limit: 0,
    summary: '{{ $value | humanize }} prompts lost their process before their answer',
    description:
      'A process ended without its grace: killed, out of memory, or crashed. Its log ends with the reason; the prompts are stored as failed (interrupted) and can be asked again.',
    fires: { [`${metric.interruptedPrompts}${service()}`]: '0x10 2x30' },
    quiet: [
      { [`${metric.interruptedPrompts}${service()}`]: steady },
      { [`${metric.interruptedPrompts}${service()}`]: '5x40' },
    ],
  },
  {
    name: 'PromptwellListenersBehind',
    severity: 'info',
    for: '15m',
    measure: rate(metric.subscriptionsOverflowed),
    is: '>',
    limit: 0.2,
    summary: 'Subscribers fall behind {{ $value | humanize }} times a second',
    description:
      'They read slower than events come and catch up from the database, which costs it work. One slow client, or a burst: compare with deliveries a second.',
    fires: { [`${metric.subscriptionsOverflowed}${service()}`]: '0+30x40' },
    quiet: [{ [`${metric.subscriptionsOverflowed}${service()}`]: '0+6x40' }],
  },
];

/** What the processes themselves tell. */
const processes: Alert[] = [
  {
    name: 'PromptwellDown',
    severity: 'critical',
    for: '2m',
    measure: `up${ofService}`,
    is: '<',
    limit: 1,
    summary: '{{ $labels.instance }} cannot be scraped',
    description:
      'The process is down, hangs, or its metrics port is not reachable. Ask /healthz and /readyz, then read its log; the last line says why it ended.',
    fires: { [`up${service()}`]: '1x10 0x30' },
    quiet: [{ [`up${service()}`]: '1x40' }, { [`up${service()}`]: '1x10 0 1x30' }],
  },
  {
    name: 'PromptwellRestarting',
    severity: 'warning',
    for: '1m',
    measure: `changes(process_start_time_seconds${ofService}[30m])`,
    is: '>',
    limit: 2,
    summary: '{{ $labels.instance }} was started {{ $value | humanize }} times in half an hour',
    description:
      'It ends again and again. Its log says why: often memory, the database away, or a setting that does not work.',
    fires: { [`process_start_time_seconds${service()}`]: '1x5 300x5 600x5 900x25' },
    quiet: [{ [`process_start_time_seconds${service()}`]: '1x20 900x20' }],
  },
  {
    name: 'PromptwellEventLoopLag',
    severity: 'warning',
    for: '5m',
    measure: `nodejs_eventloop_lag_p99_seconds${ofService}`,
    is: '>',
    limit: 0.25,
    summary: '{{ $labels.instance }} answers late: event-loop delay {{ $value | humanizeDuration }}',
    description:
      'Everybody at this process waits. CPU near one core: run more processes. Much garbage collection: give it more memory. Neither: something computes on the main thread, which is a bug of ours.',
    fires: { [`nodejs_eventloop_lag_p99_seconds${service()}`]: '0.4x40' },
    quiet: [
      { [`nodejs_eventloop_lag_p99_seconds${service()}`]: '0.02x40' },
      { [`nodejs_eventloop_lag_p99_seconds${service()}`]: '0.02x10 0.9 0.9 0.02x30' },
      // Prometheus measures itself under the same name.
      { [`nodejs_eventloop_lag_p99_seconds${by('something-else')}`]: '0.9x40' },
    ],
  },
  {
    name: 'PromptwellOpenFiles',
    severity: 'warning',
    for: '10m',
    measure: `process_open_fds${ofService} / process_max_fds${ofService}`,
    is: '>',
    limit: 0.8,
    summary: '{{ $labels.instance }} has {{ $value | humanizePercentage }} of its open files in use',
    description: 'At 100 % it accepts nobody. Raise the limit (ulimit -n, LimitNOFILE), or run more processes.',
    fires: { [`process_open_fds${service()}`]: '900x40', [`process_max_fds${service()}`]: '1024x40' },
    quiet: [{ [`process_open_fds${service()}`]: '700x40', [`process_max_fds${service()}`]: '1024x40' }],
  },
  {
    name: 'PromptwellDiskLow',
    severity: 'warning',
    for: '10m',
    measure: `sum by (instance) (${metric.dataDisk}{state="free"}) / sum by (instance) (${metric.dataDisk}{state="size"})`,
    is: '<',
    limit: 0.15,
    summary: 'The data disk of {{ $labels.instance }} has {{ $value | humanizePercentage }} left',
    description:
      'DATA_DIR holds the embedded database, its backups and the model. Free some space, keep fewer backups (BACKUP_KEEP), or enlarge the disk. At 5 % it becomes critical.',
    fires: {
      [`${metric.dataDisk}${service('state="free"')}`]: '10x40',
      [`${metric.dataDisk}${service('state="size"')}`]: '100x40',
    },
    quiet: [
      {
        [`${metric.dataDisk}${service('state="free"')}`]: '20x40',
        [`${metric.dataDisk}${service('state="size"')}`]: '100x40',
      },
    ],
  },
  {
    name: 'PromptwellDiskFull',
    severity: 'critical',
    for: '2m',
    measure: `sum by (instance) (${metric.dataDisk}{state="free"}) / sum by (instance) (${metric.dataDisk}{state="size"})`,
    is: '<',
    limit: 0.05,
    summary: 'The data disk of {{ $labels.instance }} is full: {{ $value | humanizePercentage }} left',
    description: 'Writes of the embedded database and its backups fail at any moment. Free space now.',
    fires: {
      [`${metric.dataDisk}${service('state="free"')}`]: '4x40',
      [`${metric.dataDisk}${service('state="size"')}`]: '100x40',
    },
    quiet: [
      {
        [`${metric.dataDisk}${service('state="free"')}`]: '10x40',
        [`${metric.dataDisk}${service('state="size"')}`]: '100x40',
      },
    ],
  },
  {
    name: 'PromptwellBackupsFailing',
    severity: 'critical',
    for: '1m',
    measure: `sum by (instance) (increase(${metric.backups}{outcome="failed"}[1h]))`,
    is: '>',
    limit: 0,
    summary: '{{ $labels.instance }} could not back up its embedded database',
    description:
      'A power cut now may cost everything since the last good backup (promptwell backups). The log says why it failed; mostly the disk is full or DATA_DIR not writable.',
    fires: { [`${metric.backups}${service('outcome="failed"')}`]: '0x10 1x30' },
    quiet: [
      {
        [`${metric.backups}${service('outcome="failed"')}`]: steady,
        [`${metric.backups}${service('outcome="completed"')}`]: '0+1x40',
      },
    ],
  },
  {
    name: 'PromptwellDatabaseThreadsReplaced',
    severity: 'critical',
    for: '1m',
    measure: `sum by (instance) (increase(${metric.databaseThreadsReplaced}[1h]))`,
    is: '>',
    limit: 0,
    summary: 'The embedded database of {{ $labels.instance }} was opened anew {{ $value | humanize }} times in an hour',
    description:
      'Its thread died or answered no more; what was acknowledged is stored, calls meanwhile were refused (SERVICE_UNAVAILABLE). Mostly the disk is full: free space. Else the log says why; move to a server before it grows.',
    fires: { [`${metric.databaseThreadsReplaced}${service()}`]: '0x10 1x30' },
    quiet: [{ [`${metric.databaseThreadsReplaced}${service()}`]: steady }],
  },
];

/** What waits inside. */
const queues: Alert[] = [
  {
    name: 'PromptwellEmbeddingQueueGrowing',
    severity: 'warning',
    for: '10m',
    measure: `sum(deriv(${metric.embeddingQueue}[10m]))`,
    is: '>',
    limit: 0,
    guard: { measure: `sum(${metric.embeddingQueue})`, above: 200 },
    summary: 'Texts wait to be embedded, and more each minute',
    description:
      'New prompts are found later, then refused (SERVICE_UNAVAILABLE). Raise EMBEDDING_THREADS if there are cores to spare, or run another process. A large import shows as the background lane and passes by itself.',
    fires: { [`${metric.embeddingQueue}${service('lane="background"')}`]: '0+50x40' },
    quiet: [
      { [`${metric.embeddingQueue}${service('lane="background"')}`]: '1900-40x40' },
      { [`${metric.embeddingQueue}${service('lane="interactive"')}`]: '0+1x40' },
    ],
  },
  {
    name: 'PromptwellEmbeddingThreadsReplaced',
    severity: 'warning',
    for: '1m',
    measure: `sum by (instance) (increase(${metric.embeddingThreadsReplaced}[1h]))`,
    is: '>',
    limit: 0,
    summary: '{{ $value | humanize }} embedding threads of {{ $labels.instance }} died',
    description:
      'They were replaced and their texts tried again. Once: look at the log. Again and again: too little memory (a neural thread takes up to 190 MB), or damaged model files (promptwell model fetch).',
    fires: { [`${metric.embeddingThreadsReplaced}${service()}`]: '0x10 1x30' },
    quiet: [{ [`${metric.embeddingThreadsReplaced}${service()}`]: steady }],
  },
  {
    name: 'PromptwellPoolWaiting',
    severity: 'warning',
    for: '5m',
    measure: `sum by (instance) (avg_over_time(${metric.databasePool}{state="waiting"}[5m]))`,
    is: '>',
    limit: 5,
    summary: '{{ $value | humanize }} callers of {{ $labels.instance }} wait for a database connection',
    description:
      'After 2 s of waiting they are refused. Slow statements hold the connections (panel "Busiest statements"), or the pool is too small: raise DATABASE_POOL_SIZE, within max_connections. The embedded engine has one connection: move to a server.',
    fires: { [`${metric.databasePool}${service('state="waiting"')}`]: '20x40' },
    quiet: [
      { [`${metric.databasePool}${service('state="waiting"')}`]: '1x40' },
      { [`${metric.databasePool}${service('state="waiting"')}`]: '0x10 20 0x30' },
    ],
  },
];

/** What works in the background. */
const background: Alert[] = [
  {
    name: 'PromptwellIndexFailing',
    severity: 'warning',
    for: '30m',
    measure: `max(${metric.annIndexes}{state="failed"})`,
    is: '>',
    limit: 0,
    summary: '{{ $value | humanize }} indexes of large projects cannot be built',
    description:
      'Those projects are searched exactly meanwhile: right, but slower. The log says why; mostly too little disk or maintenance_work_mem, or a statement that was cancelled. It is tried again every ten minutes.',
    fires: { [`${metric.annIndexes}${service('state="failed"')}`]: '1x60' },
    quiet: [
      { [`${metric.annIndexes}${service('state="failed"')}`]: '1x15 0x60' },
      { [`${metric.annIndexes}${service('state="building"')}`]: '3x60' },
    ],
  },
];

/** Alerts on the service. */
export const serviceAlerts: readonly Alert[] = [...calls, ...processes, ...queues, ...background];
