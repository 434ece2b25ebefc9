import type { Database } from '../../../platform/db/database.js';
import type { Log } from '../../../platform/log.js';
import { annChannel, type AnnRecord, readAnnRecords } from '../store.js';

const keyOf = (projectId: string, spaceId: number): string => `${projectId} ${spaceId}`;

/** What this process believes of the indexes: their records, read again whenever a notification says they changed. */
export class AnnBeliefs {
  readonly #db: Database;
  readonly #log: Log;
  #records = new Map<string, AnnRecord>();
  #reading: Promise<void> | undefined;
  #isAgain = false;
  #stop: (() => Promise<void>) | undefined;

  constructor({ db, log }: { db: Database; log: Log }) {
    this.#db = db;
    this.#log = log;
  }

  /** Reads the records, and listens for changes. */
  async start(): Promise<void> {
    this.#stop = await this.#db.listen(annChannel, () => this.#refresh());
    await this.#read();
  }

  /** Hears nothing any more. */
  async close(): Promise<void> {
    await this.#stop?.();
    await this.#reading;
  }

  /** How many vectors a ready index had when they were counted; undefined when there is none. */
  find(projectId: string, spaceId: number): number | undefined {
    const record = this.#records.get(keyOf(projectId, spaceId));
    return record?.state === 'ready' ? record.rows : undefined;
  }

  /** Whether anything is recorded of an index, whatever its state. */
  isKnown(projectId: string, spaceId: number): boolean {
    return this.#records.has(keyOf(projectId, spaceId));
  }

  /** How many indexes are in each state. */
  states(): Record<AnnRecord['state'], number> {
    const counts = { building: 0, ready: 0, failed: 0 };
    for (const { state } of this.#records.values()) counts[state] += 1;
    return counts;
  }

  #refresh(): void {
    if (this.#reading !== undefined) {
      this.#isAgain = true;
      return;
    }
    this.#isAgain = false;
    this.#reading = this.#read()
      // What is believed until the next notification may be wrong; searches look for themselves.
      .catch((cause: unknown) => this.#log.warn({ err: cause }, 'the records of large projects could not be read'))
      .finally(() => {
        this.#reading = undefined;
        if (this.#isAgain) this.#refresh();
      });
  }

  async #read(): Promise<void> {
    const records = await readAnnRecords(this.#db);
    this.#records = new Map(records.map((record) => [keyOf(record.projectId, record.spaceId), record]));
  }
}
