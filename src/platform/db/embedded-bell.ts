import pg from 'pg';
import { Ears } from './ears.js';

/** LISTEN on the pool's one connection: on the embedded engine, where else would a notification come from. */
export class EmbeddedBell {
  readonly #ears = new Ears();

  /** As `Database.listen`. */
  async listen(pool: pg.Pool, channel: string, onWake: (payload: string) => void): Promise<() => Promise<void>> {
    if (this.#ears.add(channel, onWake)) await pool.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
    return async () => {
      if (!this.#ears.remove(channel, onWake)) return;
      // A closed database listens no more.
      await pool.query(`UNLISTEN ${pg.escapeIdentifier(channel)}`).catch(() => undefined);
    };
  }

  /**
   * Makes a new connection of the pool hear, before anyone else has it: a failed statement costs the pool its connection,
   * and something may have been missed since.
   */
  async attach(client: pg.ClientBase): Promise<void> {
    client.on('notification', ({ channel, payload }) => this.#ears.wake(channel, payload ?? ''));
    for (const channel of this.#ears.channels) await client.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
    this.#ears.wakeAll();
  }
}
