import { RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible';
import type { Config } from '../config.js';
import type { Clock } from '../kernel/clock.js';
import { Fault, type FaultKind } from '../kernel/fault.js';
import type { Database } from './db/database.js';
import { Allowances } from './throttle/allowances.js';

/** What a user may do only so often. */
export type PromptBucket = 'create' | 'similar';

/** Everything that is counted; a label from a closed set. */
export type ThrottleBucket = PromptBucket | 'import' | AttemptBucket;

/** What is guessed at: a password, a username that is taken, the token of an invitation. */
export type AttemptBucket = 'login' | 'signup' | 'invitation';

/** Who tries to sign in, up, or to join. Opaque texts of at most 100 characters: callers hash what must not be stored. */
export interface AttemptSubject {
  bucket: AttemptBucket;
  address: string;
  account: string;
  /** True when the account has signed in from there before: then strangers' failures do not count against it. */
  isKnownAddress: boolean;
}

/** What the throttle is made of. */
export interface ThrottleDeps {
  db: Pick<Database, 'read'>;
  clock: Clock;
  limits: Config['limits'];
  loginFailuresPer15Min: number;
  signupsPerHour: number;
  /** Told of each refusal, for metrics. */
  onThrottled?: (bucket: ThrottleBucket) => void;
}

/** Failures that count; anything else (overload, a bug) was no guess. */
const failureKinds: readonly FaultKind[] = ['unauthenticated', 'conflict', 'notFound'];

/** Source: issue 2 section 3: ten failures in 15 minutes. */
const failureWindowS = 15 * 60;

/** How far the clocks of processes may be apart without a word. Source: F23 of the plan of faults. */
const clockSlackS = 5;

/** Prompts that may be imported in place of one creation: no model is asked, and nobody waits for their vectors. */
const importedPerPrompt = 1_000;

const cleanUpIntervalMs = 5 * 60_000;

/**
 * Counts calls in Postgres, so that several processes share the counts.
 *
 * Shape: fixed windows that begin with a subject's first call. Prompts: see `Allowances`. Attempts: times are the machine's
 * wall clock (the library's own), at one upsert by primary key for each window asked.
 */
export class Throttle {
  readonly #deps: ThrottleDeps;
  readonly #prompts: Allowances;
  readonly #imports: RateLimiterPostgres;
  readonly #failures: RateLimiterPostgres;
  readonly #signups: RateLimiterPostgres;
  readonly #cleanUp: ReturnType<typeof setInterval>;

  constructor(deps: ThrottleDeps) {
    const { limits } = deps;
    this.#deps = deps;
    this.#prompts = new Allowances({
      ...deps,
      second: { name: 'second', points: limits.promptsPerSecond, durationMs: 1_000 },
      minute: { name: 'minute', points: limits.promptsPerMinute, durationMs: 60_000 },
      burst: limits.promptsBurst === 0 ? null : { name: 'burst', points: limits.promptsBurst, durationMs: 60_000 },
    });
    this.#imports = limiter(deps.db, {
      keyPrefix: 'import',
      points: limits.promptsPerMinute * importedPerPrompt,
      duration: 60,
    });
    this.#failures = limiter(deps.db, {
      keyPrefix: 'failures',
      points: deps.loginFailuresPer15Min,
      duration: failureWindowS,
    });
    this.#signups = limiter(deps.db, { keyPrefix: 'signups', points: deps.signupsPerHour, duration: 3_600 });
    this.#cleanUp = setInterval(() => void this.#clearExpired(), cleanUpIntervalMs).unref();
  }

  /**
   * Counts one call of a user; ask after the input was found good, so that a bad one costs nothing.
   *
   * Shape: allowed while the second has room (or the burst of the minute) and the minute has; a call that one window
   * refuses is given back to the other. Faults: `rateLimited` with `retryAfterMs`.
   */
  async countPrompt(bucket: PromptBucket, userId: string): Promise<void> {
    const waitMs = await this.#prompts.take(`${bucket}:${userId}`);
    if (waitMs !== null) throw this.#refusal(bucket, waitMs);
  }

  /** Counts prompts that a user imports, up to so many a minute. Faults: `rateLimited`; none of them counts then. */
  async countImport(userId: string, prompts: number): Promise<void> {
    const waitMs = await consume(this.#imports, userId, prompts);
    if (waitMs === null) return;
    await this.#giveBack(this.#imports, userId, prompts);
    throw this.#refusal('import', waitMs);
  }

  /**
   * Runs an attempt to sign in, up, or to join, unless too many failed before from its address or for its account.
   *
   * Shape: the attempt is counted first and given back when it did not fail, so that parallel ones cannot outrun the
   * count. An account's count is of all unknown addresses together, and one for each address known to it.
   * Faults: `rateLimited` with `retryAfterMs`; those of `work` pass unchanged.
   */
  async attempt<T>(subject: AttemptSubject, work: () => Promise<T>): Promise<T> {
    const { bucket, address, account, isKnownAddress } = subject;
    const keys = [`${bucket}:address:${address}`, `${bucket}:account:${account}${isKnownAddress ? `:${address}` : ''}`];
    const counted: string[] = [];
    let hasFailed = false;
    try {
      for (const key of keys) {
        counted.push(key);
        const waitMs = await consume(this.#failures, key);
        if (waitMs !== null) throw this.#refusal(bucket, waitMs);
      }
      return await work();
    } catch (cause) {
      hasFailed = cause instanceof Fault && failureKinds.includes(cause.kind);
      throw cause;
    } finally {
      if (!hasFailed) for (const key of counted) await this.#giveBack(this.#failures, key);
    }
  }

  /** Counts a sign-up that may make an account, before its password is hashed. Faults: `rateLimited`. */
  async countSignup(address: string): Promise<void> {
    const waitMs = await consume(this.#signups, address);
    if (waitMs !== null) throw this.#refusal('signup', waitMs);
  }

  /** Stops the clearing of expired counts. */
  close(): void {
    clearInterval(this.#cleanUp);
  }

  /** Not the library's `reward`: in a window that began meanwhile it would leave a credit. A lost one expires by itself. */
  async #giveBack(window: RateLimiterPostgres, key: string, points = 1): Promise<void> {
    const sql = 'UPDATE rate_limit SET points = points - $2 WHERE key = $1 AND points >= $2';
    await this.#deps.db.read(sql, [window.getKey(key), points]).catch(() => undefined);
  }

  /** Rows whose window is over by both clocks count nothing; leaving them for the next round does no harm. */
  async #clearExpired(): Promise<void> {
    const sql = 'DELETE FROM rate_limit WHERE expire < least($1::float8, extract(epoch FROM now()) * 1000)';
    await this.#deps.db.read(sql, [this.#deps.clock.nowMs()]).catch(() => undefined);
  }

  #refusal(bucket: ThrottleBucket, retryAfterMs: number): Fault {
    this.#deps.onThrottled?.(bucket);
    return new Fault('rateLimited', `Too many calls; try again in ${Math.ceil(retryAfterMs / 1_000)} s.`, {
      retryAfterMs,
    });
  }
}

/** A limiter over the table that the migrations made; the statements' names are dropped: poolers refuse named ones. */
function limiter(
  db: Pick<Database, 'read'>,
  options: { keyPrefix: string; points: number; duration: number },
): RateLimiterPostgres {
  const query = async ({ text, values }: { text: string; values: unknown[] }) => ({
    rows: await db.read(text, values),
  });
  return new RateLimiterPostgres({
    ...options,
    storeClient: { query },
    storeType: 'client',
    tableName: 'rate_limit',
    tableCreated: true,
    clearExpiredByTimeout: false,
  });
}

/**
 * Null when the key had room for the points, else the milliseconds until it has.
 *
 * A window that ends later than one begun now was begun by another clock, or before this one was set back: it is begun
 * anew, so that nobody is kept out for as long as the clocks differ.
 */
async function consume(window: RateLimiterPostgres, key: string, points = 1): Promise<number | null> {
  const waitMs = await tryToConsume(window, key, points);
  if (waitMs === null || waitMs <= (window.duration + clockSlackS) * 1_000) return waitMs;
  await window.delete(key);
  return tryToConsume(window, key, points);
}

async function tryToConsume(window: RateLimiterPostgres, key: string, points: number): Promise<number | null> {
  try {
    await window.consume(key, points);
    return null;
  } catch (refusal) {
    if (refusal instanceof RateLimiterRes) return Math.max(1, refusal.msBeforeNext);
    throw refusal;
  }
}
