import { exporter } from './exporter.js';
import { jobs } from './names.js';
import type { Board, Panel } from './model.js';
import { increase, rate, total } from './promql.js';

const inDatabase = '{datname=~"$database"}';
const named = Object.fromEntries(Object.entries(exporter).map(([key, { name }]) => [key, name])) as {
  [Key in keyof typeof exporter]: string;
};
const chosen = (key: keyof typeof exporter): string => `${named[key]}${inDatabase}`;

/** Without the two states that no client of a service is ever in. */
const inUse = (key: keyof typeof exporter): string =>
  `${named[key]}{datname=~"$database",state!~"disabled|fastpath function call"}`;

/** How much of the connections that the server allows is taken; background workers are not in the count. */
const usedConnections = `sum(${named.connections}) / max(${named.maxConnections})`;
/** No `or vector(0)`: here a quiet time must not look like the worst one. */
const cacheHits = `${rate(chosen('blocksHit'))} / ((${rate(chosen('blocksHit'))} + ${rate(chosen('blocksRead'))}) > 0)`;

const overview: Panel[] = [
  {
    title: 'Database',
    about: '1: the exporter reaches PostgreSQL. 0: it is down, full, or refuses the exporter.',
    unit: 'none',
    shape: 'stat',
    marks: { look: 1, act: 0.5 },
    series: { up: `min(${named.up})` },
  },
  {
    title: 'Exporter',
    about: '1: Prometheus reaches the exporter.',
    unit: 'none',
    shape: 'stat',
    marks: { look: 1, act: 0.5 },
    series: { up: `min(up{job="${jobs.database}"})` },
  },
  {
    title: 'Connections taken',
    about: 'Of max_connections, by everybody. Above 80 %: fewer processes, a smaller DATABASE_POOL_SIZE, or a pooler.',
    unit: 'percentunit',
    shape: 'stat',
    marks: { look: 0.6, act: 0.8 },
    series: { share: usedConnections },
  },
  {
    title: 'Longest transaction',
    about: 'Of the chosen databases. Minutes: something hangs, and VACUUM cannot clean up behind it.',
    unit: 's',
    shape: 'stat',
    marks: { look: 60, act: 300 },
    series: { longest: `max(${chosen('longestTransaction')})` },
  },
  {
    title: 'Found in memory',
    about: 'Blocks that were in shared_buffers. Below 90 % for long: more memory for PostgreSQL.',
    unit: 'percentunit',
    shape: 'stat',
    decimals: 1,
    marks: { look: 0.95, act: 0.9 },
    series: { share: cacheHits },
  },
  {
    title: 'Deadlocks in an hour',
    about: 'Transactions that PostgreSQL ended. The service tries them again; many: report it.',
    unit: 'short',
    decimals: 0,
    shape: 'stat',
    marks: { look: 1, act: 10 },
    series: { deadlocks: increase(chosen('deadlocks'), '1h') },
  },
  {
    title: 'Size',
    about: 'The chosen databases on disk.',
    unit: 'bytes',
    shape: 'stat',
    series: { size: total(chosen('size')) },
  },
  {
    title: 'Write-ahead log',
    about: 'Its segments on disk. Growing without end: a replication slot that nobody reads, or archiving that fails.',
    unit: 'bytes',
    shape: 'stat',
    series: { size: `max(${named.walSize})` },
  },
];

const connections: Panel[] = [
  {
    title: 'Connections, by state',
    about: 'Of the chosen databases. idle in transaction for long: a client that forgot to commit.',
    unit: 'short',
    width: 6,
    shape: 'stack',
    series: { '{{state}}': total(inUse('connections'), 'state') },
  },
  {
    title: 'Connections taken',
    about: 'By everybody on this server, of max_connections. At 1 new clients are refused.',
    unit: 'percentunit',
    width: 6,
    max: 1,
    marks: { look: 0.6, act: 0.8 },
    series: { share: usedConnections },
  },
  {
    title: 'Longest transaction, by state',
    about: 'Age of the oldest transaction in each state.',
    unit: 's',
    width: 6,
    marks: { look: 60, act: 300 },
    series: { '{{state}}': `max by (state) (${inUse('longestTransaction')})` },
  },
  {
    title: 'Clients, by database',
    about: 'Who shares this server. A Promptwell process takes up to DATABASE_POOL_SIZE and one for events.',
    unit: 'short',
    width: 6,
    shape: 'stack',
    series: { '{{datname}}': total(chosen('backends'), 'datname') },
  },
];

const statements: Panel[] = [
  {
    title: 'Query time, mean',
    about:
      "The database's own time for one statement, from pg_stat_statements. The service's view, with network and locks, is on the dashboard Promptwell.",
    unit: 's',
    series: {
      '{{datname}}': `${rate(chosen('statementSeconds'), 'datname')} / (${rate(chosen('statementCalls'), 'datname')} > 0)`,
    },
  },
  {
    title: 'Busiest statements',
    about:
      'Seconds of work a second of the five that cost most; 1 is a core. What they are: SELECT query FROM pg_stat_statements WHERE queryid = ...',
    unit: 'none',
    decimals: 3,
    series: { '{{queryid}}': `topk(5, ${rate(chosen('statementSeconds'), 'queryid')})` },
  },
  {
    title: 'Slowest statements, mean',
    about: 'Mean time of the five slowest that ran.',
    unit: 's',
    series: {
      '{{queryid}}': `topk(5, ${rate(chosen('statementSeconds'), 'queryid')} / (${rate(chosen('statementCalls'), 'queryid')} > 0))`,
    },
  },
  {
    title: 'Statements a second',
    about: 'As pg_stat_statements counts them: the hundred that cost most.',
    unit: 'ops',
    series: { '{{datname}}': rate(chosen('statementCalls'), 'datname') },
  },
  {
    title: 'Rows of statements a second',
    about: 'Rows given back or changed. Many rows for few statements: a scan that should be a lookup.',
    unit: 'ops',
    series: { '{{datname}}': rate(chosen('statementRows'), 'datname') },
  },
  {
    title: 'Transactions a second',
    about: 'Rolled back: refused by a rule, cancelled, or a conflict that is tried again.',
    unit: 'ops',
    series: { committed: rate(chosen('committed')), 'rolled back': rate(chosen('rolledBack')) },
  },
];

const rows: Panel[] = [
  {
    title: 'Rows fetched and returned',
    about:
      'returned: rows that scans looked at; fetched: rows that indexes led to. Far more returned than fetched: a scan of whole tables.',
    unit: 'ops',
    series: { fetched: rate(chosen('rowsFetched')), returned: rate(chosen('rowsReturned')) },
  },
  {
    title: 'Rows inserted, updated, deleted',
    about: 'What is written.',
    unit: 'ops',
    series: {
      inserted: rate(chosen('rowsInserted')),
      updated: rate(chosen('rowsUpdated')),
      deleted: rate(chosen('rowsDeleted')),
    },
  },
  {
    title: 'Found in memory',
    about: 'Blocks that were in shared_buffers.',
    unit: 'percentunit',
    max: 1,
    marks: { look: 0.95, act: 0.9 },
    series: { share: cacheHits },
  },
];

const storage: Panel[] = [
  {
    title: 'Size, by database',
    about: 'Tables, indexes and vectors on disk.',
    unit: 'bytes',
    shape: 'stack',
    series: { '{{datname}}': total(chosen('size'), 'datname') },
  },
  {
    title: 'Growth in a day',
    about: "At the last hour's pace. With the free space of the server's disk it says when that is full.",
    unit: 'bytes',
    series: { '{{datname}}': `sum by (datname) (deriv(${chosen('size')}[1h])) * 86400` },
  },
  {
    title: 'Blocks read and temporary files',
    about: 'read: blocks of 8 kB that were not in memory. temporary: sorts and joins beyond work_mem.',
    unit: 'Bps',
    series: { read: `${rate(chosen('blocksRead'))} * 8192`, temporary: rate(chosen('temporaryBytes')) },
  },
  {
    title: 'Write-ahead log',
    about: 'Its segments on disk. Growing without end: a replication slot that nobody reads, or archiving that fails.',
    unit: 'bytes',
    series: { size: `max(${named.walSize})` },
  },
  {
    title: 'Locks, by mode',
    about: 'Held or waited for. Many accessexclusivelock: a migration or index build that blocks everybody.',
    unit: 'short',
    series: { '{{mode}}': total(chosen('locks'), 'mode') },
  },
  {
    title: 'Deadlocks and failed scrapes',
    about: 'failed scrapes: 1 while the exporter cannot read a part of its figures; its log says which.',
    unit: 'short',
    series: {
      'deadlocks in an hour': increase(chosen('deadlocks'), '1h'),
      'failed scrapes': `max(${named.scrapeError})`,
    },
  },
];

/** The PostgreSQL server, as its exporter tells. The embedded engine has none. */
export const postgres: Board = {
  file: 'promptwell-postgres.json',
  uid: 'promptwell-postgres',
  title: 'Promptwell: PostgreSQL',
  hasDatabases: true,
  rows: { Overview: overview, Connections: connections, Statements: statements, Rows: rows, Storage: storage },
};
