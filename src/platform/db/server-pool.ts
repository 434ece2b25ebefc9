import pg from 'pg';
import type { Config } from '../../config.js';

/**
 * How long a call waits for a free connection, while nobody gets one, before `overloaded`: then all are held. A burst
 * that moves on waits longer. Source: threats.md F06, calls end within 1.5 s, of which two hundred at once need a third
 * of a second by themselves.
 */
const waitTimeoutMs = 800;

/** How long making a connection may take (seven round trips with TLS and a password), and the longest wait of all. */
const connectTimeoutMs = 2_000;

/** How much later than the server's own timeout the client gives up: only a statement nobody hears of gets there. */
const readTimeoutSlackMs = 2_000;

type Got = (error: Error | null | undefined, client?: pg.PoolClient, release?: (error?: unknown) => void) => void;

/** A pool on the server that fails at once while `isAway`, and soon while every connection is held. */
export function openPool(config: Config['db'], isAway: () => boolean): pg.Pool {
  const pool = new pg.Pool({
    connectionString: config.url,
    application_name: 'promptwell',
    max: config.poolSize,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: config.statementTimeoutMs + readTimeoutSlackMs,
    keepAlive: true,
    // PgBouncer refuses start-up parameters that it does not know; past a pooler the role's own timeout must be set.
    ...(config.url === config.directUrl ? startUp(config) : {}),
  });
  const connect = pool.connect.bind(pool) as unknown as (got: Got) => void;
  const isMoving = watchTurnover(pool);
  const guarded = (got: Got): void => {
    if (isAway()) process.nextTick(got, new Error('Connection terminated: the database answers nothing'));
    else if (pool.totalCount < config.poolSize || pool.idleCount > 0) connect(got);
    else withinTime({ connect, isMoving }, got);
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

/**
 * What a connection begins with. Statements that are kept by name are planned for their values, but for those that ask
 * for one plan (`scoped-query.ts`): left to itself the server changes from the one to the other after five calls.
 */
const startUp = ({ statementTimeoutMs }: Config['db']): pg.ClientConfig => ({
  statement_timeout: statementTimeoutMs,
  options: '-c plan_cache_mode=force_custom_plan',
});

/** Answers what tells each caller whether anybody got a connection since it last asked, or one is being made. */
function watchTurnover(pool: pg.Pool): () => () => boolean {
  let served = 0;
  let taken = 0;
  pool.on('acquire', () => {
    served += 1;
    taken += 1;
  });
  pool.on('release', () => {
    taken -= 1;
  });
  return () => {
    let seen = served;
    return () => {
      const hasServed = served !== seen;
      seen = served;
      return hasServed || pool.totalCount > pool.idleCount + taken;
    };
  };
}

interface Queue {
  connect: (got: Got) => void;
  isMoving: () => () => boolean;
}

/** The pool has one time for waiting and for connecting; this is the shorter one, for waiting in a queue that stands. */
function withinTime({ connect, isMoving }: Queue, got: Got): void {
  let isLate = false;
  const hasMoved = isMoving();
  const timer = setInterval(() => {
    if (hasMoved()) return;
    clearInterval(timer);
    isLate = true;
    got(new Error('timeout exceeded when trying to connect'));
  }, waitTimeoutMs);
  connect((error, client, release) => {
    clearInterval(timer);
    if (!isLate) got(error, client, release);
    else if (error == null) release?.();
  });
}
