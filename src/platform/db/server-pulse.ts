import pg from 'pg';
import type { Clock } from '../../kernel/clock.js';
import type { DatabaseLog } from './engine.js';
import type { OnStatement } from './statement-times.js';

/** How often running statements are looked at. */
const tickMs = 250;

/** After this long without a word from the server it is asked for one. */
const askAfterMs = 500;

/** After this long it counts as away. With the calls' own second it stays within the 3 s of threats.md F05. */
const awayAfterMs = 2_000;

/** How long one question may wait: one that reached a frozen server is answered the moment it goes on. */
const askTimeoutMs = 2_000;

/** What a pulse is made of. */
export interface PulseDeps {
  clock: Clock;
  log: DatabaseLog;
  /** Of the server itself: a pooler that is busy says nothing of it. */
  connectionString: string;
  onStatement: OnStatement | undefined;
}

type Query = (...args: unknown[]) => unknown;

/**
 * Whether the server still answers anything at all: statements may be slow, a server that lives is never mute.
 *
 * Shape: asked on a connection of its own, only while a statement runs for half a second and nothing else was heard.
 * After 2 s of silence (a frozen server, a cut network) the running statements are ended, and `isAway` until it answers.
 */
export class ServerPulse {
  readonly #deps: PulseDeps;
  /** How many statements run on each connection. */
  readonly #running = new Map<pg.ClientBase, number>();
  readonly #ticks: NodeJS.Timeout;
  #silentTicks = 0;
  #isAway = false;
  #question: Promise<void> | undefined;

  constructor(deps: PulseDeps) {
    this.#deps = deps;
    this.#ticks = setInterval(() => this.#tick(), tickMs).unref();
  }

  /** True from 2 s of silence on, until the server answers. */
  get isAway(): boolean {
    return this.#isAway;
  }

  /** Heeds each statement on every connection that `pool` opens from now on, Prisma's included, and times it. */
  watch(pool: pg.Pool): void {
    pool.on('connect', (client) => {
      const query = client.query.bind(client) as Query;
      Object.assign(client, { query: this.#heeded(client, query) });
    });
  }

  /** Asks no more. */
  async close(): Promise<void> {
    clearInterval(this.#ticks);
    await this.#question;
  }

  /** `pg` answers a call that ends with a function through it, and any other with a promise. */
  #heeded(client: pg.ClientBase, query: Query): Query {
    return (...args) => {
      const last = args.at(-1);
      if (typeof last === 'function') {
        const end = this.#begin(client);
        const told: Query = (error, ...rest) => {
          end(error ?? null);
          return (last as Query)(error, ...rest);
        };
        return query(...args.slice(0, -1), told);
      }
      const running = query(...args);
      if (running instanceof Promise) {
        const end = this.#begin(client);
        void running.then(
          () => end(null),
          (error: unknown) => end(error),
        );
      }
      return running;
    };
  }

  #begin(client: pg.ClientBase): (error: unknown) => void {
    const { clock, onStatement } = this.#deps;
    const startedMs = clock.monotonicMs();
    if (this.#running.size === 0) this.#silentTicks = 0;
    this.#running.set(client, (this.#running.get(client) ?? 0) + 1);
    return (error) => {
      const left = (this.#running.get(client) ?? 1) - 1;
      if (left === 0) this.#running.delete(client);
      else this.#running.set(client, left);
      if (isAnswer(error)) this.#silentTicks = 0;
      onStatement?.({ outcome: error === null ? 'completed' : 'failed', durationMs: clock.monotonicMs() - startedMs });
    };
  }

  /** Ticks are counted, not time: a thread that was busy itself has heard nothing either. */
  #tick(): void {
    if (this.#isAway) {
      this.#endRunning();
      this.#ask();
      return;
    }
    if (this.#running.size === 0) return;
    this.#silentTicks += 1;
    const silentMs = this.#silentTicks * tickMs;
    if (silentMs >= askAfterMs) this.#ask();
    if (silentMs < awayAfterMs) return;
    this.#isAway = true;
    this.#deps.log.error({ silentMs }, 'the database answers nothing; calls are refused until it does');
    this.#endRunning();
  }

  #endRunning(): void {
    // With a statement under way `end` cuts the connection; the statement fails at once.
    for (const client of this.#running.keys()) void (client as pg.Client).end().catch(() => undefined);
  }

  #ask(): void {
    this.#question ??= this.#hears().then((isHeard) => {
      this.#question = undefined;
      if (!isHeard) return;
      this.#silentTicks = 0;
      if (this.#isAway) this.#deps.log.info({}, 'the database answers again');
      this.#isAway = false;
    });
  }

  async #hears(): Promise<boolean> {
    const client = new pg.Client({
      connectionString: this.#deps.connectionString,
      application_name: 'promptwell-pulse',
      connectionTimeoutMillis: askTimeoutMs,
      query_timeout: askTimeoutMs,
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.query('SELECT 1');
      return true;
    } catch (cause) {
      return isAnswer(cause);
    } finally {
      void client.end().catch(() => undefined);
    }
  }
}

/** A refusal is an answer, too: only the server says one with an SQLSTATE. */
const isAnswer = (error: unknown): boolean => error === null || error instanceof pg.DatabaseError;
