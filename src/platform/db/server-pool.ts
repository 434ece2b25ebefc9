import pg from 'pg';
import type { Config } from '../../config.js';

/** How long a call waits for a free connection before `overloaded`. Source: threats.md F06, calls end within 1.5 s. */
const waitTimeoutMs = 1_000;

/** How long making a connection may take: seven round trips with TLS and a password. */
const connectTimeoutMs = 2_000;

/** How much later than the server's own timeout the client gives up: only a statement nobody hears of gets there. */
const readTimeoutSlackMs = 2_000;

type Got = (error: Error | null | undefined, client?: pg.PoolClient, release?: (error?: unknown) => void) => void;

/** A pool on the server that fails at once while `isAway`, and soon while every connection is taken. */
export function openPool(config: Config['db'], isAway: () => boolean): pg.Pool {
  const pool = new pg.Pool({
    connectionString: config.url,
    application_name: 'promptwell',
    max: config.poolSize,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: config.statementTimeoutMs + readTimeoutSlackMs,
    keepAlive: true,
    // PgBouncer refuses start-up parameters that it does not know; past a pooler the role's own timeout must be set.
    ...(config.url === config.directUrl ? { statement_timeout: config.statementTimeoutMs } : {}),
  });
  const connect = pool.connect.bind(pool) as unknown as (got: Got) => void;
  const guarded = (got: Got): void => {
    if (isAway()) process.nextTick(got, new Error('Connection terminated: the database answers nothing'));
    else if (pool.totalCount < config.poolSize || pool.idleCount > 0) connect(got);
    else withinTime(connect, got);
  };
  // The pool's own `query` and Prisma's adapter both come through here, one with a function and one without.
  return Object.assign(pool, {
    connect: (got?: Got): unknown =>
      got === undefined
        ? new Promise((resolve, reject) => {
            guarded((error, client) => (error == null ? resolve(client) : reject(error)));
          })
        : guarded(got),
  });
}

/** The pool has one time for waiting and for connecting; this is the shorter one, for waiting. */
function withinTime(connect: (got: Got) => void, got: Got): void {
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    got(new Error('timeout exceeded when trying to connect'));
  }, waitTimeoutMs);
  connect((error, client, release) => {
    clearTimeout(timer);
    if (!isLate) got(error, client, release);
    else if (error == null) release?.();
  });
}
