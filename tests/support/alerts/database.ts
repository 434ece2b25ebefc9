import { exporter } from '../dashboards/exporter.js';
import { jobs } from '../dashboards/names.js';
import type { Alert } from './model.js';

const scraped = (labels = ''): string => `{job="${jobs.database}",instance="pg"${labels === '' ? '' : `,${labels}`}}`;
const { up, connections, maxConnections, longestTransaction, deadlocks, blocksHit, blocksRead } = exporter;
const reads = (name: string): string => `sum by (instance) (rate(${name}[15m]))`;
const open = '{state=~"active|idle in transaction.*"}';

/** Alerts on PostgreSQL and its exporter; silent where there is neither. */
export const databaseAlerts: readonly Alert[] = [
  {
    name: 'PostgresDown',
    severity: 'critical',
    for: '1m',
    measure: up.name,
    is: '<',
    limit: 1,
    summary: 'The exporter cannot reach PostgreSQL',
    description:
      'PostgreSQL is down, has no connection left, or refuses the exporter (password, pg_hba.conf). Calls of the service fail with SERVICE_UNAVAILABLE as long as it is down; it reconnects by itself.',
    fires: { [`${up.name}${scraped()}`]: '1x10 0x30' },
    quiet: [{ [`${up.name}${scraped()}`]: '1x40' }],
  },
  {
    name: 'PostgresExporterDown',
    severity: 'warning',
    for: '5m',
    measure: `up{job="${jobs.database}"}`,
    is: '<',
    limit: 1,
    summary: 'The PostgreSQL exporter cannot be scraped',
    description: 'The database may be well, but nobody sees it. Start the exporter, or look at its log.',
    fires: { [`up${scraped()}`]: '1x10 0x30' },
    quiet: [{ [`up${scraped()}`]: '1x40' }, { [`up${scraped()}`]: '1x10 0x2 1x30' }],
  },
  {
    name: 'PostgresConnectionsNearLimit',
    severity: 'critical',
    for: '5m',
    measure: `sum by (instance) (${connections.name}) / max by (instance) (${maxConnections.name})`,
    is: '>',
    limit: 0.8,
    summary: '{{ $value | humanizePercentage }} of the connections of PostgreSQL are taken',
    description:
      'At 100 % new processes cannot start and migrations cannot run. Each process takes up to DATABASE_POOL_SIZE and one: lower it, end idle clients, raise max_connections, or put a pooler before the server (DIRECT_DATABASE_URL past it).',
    fires: {
      [`${connections.name}${scraped('state="idle"')}`]: '90x40',
      [`${maxConnections.name}${scraped()}`]: '100x40',
    },
    quiet: [
      { [`${connections.name}${scraped('state="idle"')}`]: '60x40', [`${maxConnections.name}${scraped()}`]: '100x40' },
    ],
  },
  {
    name: 'PostgresLongTransaction',
    severity: 'warning',
    for: '1m',
    measure: `max by (instance, datname) (${longestTransaction.name}${open})`,
    is: '>',
    limit: 300,
    summary: 'A transaction in {{ $labels.datname }} runs for {{ $value | humanizeDuration }}',
    description:
      'It holds its locks, VACUUM cannot clean behind it, and followers of events wait for it: they read only what is older than the oldest open transaction. Find it: SELECT pid, state, query FROM pg_stat_activity ORDER BY xact_start; end it: SELECT pg_terminate_backend(pid).',
    fires: { [`${longestTransaction.name}${scraped('datname="promptwell",state="idle in transaction"')}`]: '0+60x40' },
    quiet: [
      { [`${longestTransaction.name}${scraped('datname="promptwell",state="active"')}`]: '20x40' },
      // A backup of the server, say: no transaction of a client.
      { [`${longestTransaction.name}${scraped('datname="promptwell",state="disabled"')}`]: '900x40' },
    ],
  },
  {
    name: 'PostgresDeadlocks',
    severity: 'warning',
    for: '1m',
    measure: `sum by (instance, datname) (increase(${deadlocks.name}[15m]))`,
    is: '>',
    limit: 5,
    summary: '{{ $value | humanize }} deadlocks in {{ $labels.datname }} in a quarter of an hour',
    description:
      'The service tries such transactions three times. This many is a bug of ours, or another program writes to our tables: report it with the statements in the log of PostgreSQL.',
    fires: { [`${deadlocks.name}${scraped('datname="promptwell"')}`]: '0+1x40' },
    quiet: [{ [`${deadlocks.name}${scraped('datname="promptwell"')}`]: '0x10 2x30' }],
  },
  {
    name: 'PostgresReadsFromDisk',
    severity: 'info',
    for: '30m',
    measure: `${reads(blocksHit.name)} / (${reads(blocksHit.name)} + ${reads(blocksRead.name)})`,
    is: '<',
    limit: 0.9,
    guard: { measure: reads(blocksRead.name), above: 100 },
    summary: 'Only {{ $value | humanizePercentage }} of the blocks are found in memory',
    description: 'The vectors that are searched no longer fit into shared_buffers. Give PostgreSQL more memory.',
    fires: { [`${blocksHit.name}${scraped()}`]: '0+60000x80', [`${blocksRead.name}${scraped()}`]: '0+12000x80' },
    quiet: [
      { [`${blocksHit.name}${scraped()}`]: '0+60000x80', [`${blocksRead.name}${scraped()}`]: '0+600x80' },
      // A server that has just been started has everything yet to read, and little of it.
      { [`${blocksHit.name}${scraped()}`]: '0+60x80', [`${blocksRead.name}${scraped()}`]: '0+60x80' },
    ],
  },
];
