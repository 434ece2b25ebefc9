import pg from 'pg';
import { Ears } from './ears.js';

/** LISTEN on the pool's one connection: on the embedded engine, where else would a notification come from. */
export class EmbeddedBell {
  readonly #pool: pg.Pool;
  readonly #ears = new Ears();

  constructor(pool: pg.Pool) {
    this.#pool = pool;
    pool.on('connect', (client) => this.#attach(client));
  }

  /** As `Database.listen`. */
  async listen(channel: string, onWake: (payload: string) => void): Promise<() => Promise<void>> {
    if (this.#ears.add(channel, onWake)) await this.#pool.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
    return async () => {
      if (this.#ears.remove(channel, onWake)) await this.#pool.query(`UNLISTEN ${pg.escapeIdentifier(channel)}`);
    };
  }

  /** A failed statement costs the pool its connection; the next one listens again and tells that something may be missed. */
  #attach(client: pg.PoolClient): void {
    client.on('notification', ({ channel, payload }) => this.#ears.wake(channel, payload ?? ''));
    for (const channel of this.#ears.channels)
      client.query(`LISTEN ${pg.escapeIdentifier(channel)}`).catch(() => undefined);
    this.#ears.wakeAll();
  }
}
