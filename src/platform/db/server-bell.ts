import pg from 'pg';
import { Ears } from './ears.js';
import type { DatabaseLog } from './engine.js';
import { toFault } from './faults.js';

/** Waits between attempts to reconnect, in ms; the last one repeats. */
const reconnectWaitsMs = [0, 100, 500, 1_000, 2_000] as const;

/** How often a silent connection is asked whether it is still there: half-open ones say nothing by themselves. */
const heartbeatMs = 15_000;

/** How long connecting or a heartbeat may take. */
const answerTimeoutMs = 5_000;

/** LISTEN on a connection of its own: a pooler in transaction mode would swallow the notifications. */
export class ServerBell {
  readonly #connectionString: string;
  readonly #log: DatabaseLog;
  readonly #ears = new Ears();
  #client: pg.Client | undefined;
  /** The first connection; later ones are the bell's own business. */
  #connecting: Promise<void> | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #heartbeat: ReturnType<typeof setInterval> | undefined;
  #isClosed = false;

  constructor(deps: { connectionString: string; log: DatabaseLog }) {
    this.#connectionString = deps.connectionString;
    this.#log = deps.log;
  }

  /** As `Database.listen`. Connects at the first call. */
  async listen(channel: string, onWake: (payload: string) => void): Promise<() => Promise<void>> {
    const isFirst = this.#ears.add(channel, onWake);
    this.#connecting ??= this.#connect();
    try {
      await this.#connecting;
    } catch (cause) {
      this.#connecting = undefined;
      this.#ears.remove(channel, onWake);
      throw toFault(cause);
    }
    // Where this fails the connection is lost, and the next one listens to every channel.
    if (isFirst) await this.#client?.query(`LISTEN ${pg.escapeIdentifier(channel)}`).catch(() => undefined);
    return async () => {
      if (!this.#ears.remove(channel, onWake)) return;
      await this.#client?.query(`UNLISTEN ${pg.escapeIdentifier(channel)}`).catch(() => undefined);
    };
  }

  /** Ends the connection; nobody is woken any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    clearInterval(this.#heartbeat);
    await this.#connecting?.catch(() => undefined);
    await this.#client?.end();
  }

  async #connect(): Promise<void> {
    const client = new pg.Client({
      connectionString: this.#connectionString,
      application_name: 'promptwell-bell',
      connectionTimeoutMillis: answerTimeoutMs,
      query_timeout: answerTimeoutMs,
      keepAlive: true,
    });
    // 'end' follows every 'error', and is where the loss is dealt with.
    client.on('error', (cause) => this.#log.warn({ err: cause }, 'the listening connection failed'));
    client.on('notification', ({ channel, payload }) => this.#ears.wake(channel, payload ?? ''));
    try {
      await client.connect();
      if (this.#isClosed) throw new Error('the bell was closed');
      for (const channel of this.#ears.channels) await client.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
    } catch (cause) {
      await client.end().catch(() => undefined);
      throw cause;
    }
    this.#client = client;
    client.once('end', () => this.#reconnect(0));
    this.#watch(client);
  }

  #watch(client: pg.Client): void {
    clearInterval(this.#heartbeat);
    this.#heartbeat = setInterval(() => {
      client.query('SELECT 1').catch(() => client.end().catch(() => undefined));
    }, heartbeatMs).unref();
  }

  #reconnect(attempt: number): void {
    if (this.#isClosed) return;
    const waitMs = reconnectWaitsMs[Math.min(attempt, reconnectWaitsMs.length - 1)];
    this.#retry = setTimeout(() => {
      this.#connect().then(
        () => this.#ears.wakeAll(),
        () => this.#reconnect(attempt + 1),
      );
    }, waitMs);
  }
}
