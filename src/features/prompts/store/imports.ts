import type { Tx } from '../../../platform/db/database.js';
import { type Inserted, insertPrompts, type Insertions } from './insertion.js';
import type { KeyedPrompt } from './reads.js';
import type { Tenant } from './statements.js';

/** A prompt that a key made, with its key. */
export interface KeptPrompt extends Pick<KeyedPrompt, 'id' | 'requestHash'> {
  key: string;
}

/** The import of prompts into one project, inside one transaction. */
export class ImportStore {
  readonly #tx: Tx;
  readonly #tenant: Tenant;

  constructor(tx: Tx, tenant: Tenant) {
    this.#tx = tx;
    this.#tenant = tenant;
  }

  /** The database's time, the same throughout the transaction. */
  async now(): Promise<Date> {
    const [row] = await this.#tx.$queryRaw<{ now: Date }[]>`SELECT now() AS now`;
    if (row === undefined) throw new Error('the database told no time');
    return row.now;
  }

  /** Stores those whose keys are free; answers their ids. */
  async insert(insertions: Insertions): Promise<Set<string>> {
    const rows = await this.#tx.$queryRaw<Inserted[]>(insertPrompts(this.#tenant, insertions));
    return new Set(rows.map(({ id }) => id));
  }

  /** The prompts that some keys of a user made, those of this transaction included. */
  kept(userId: string, keys: readonly string[]): Promise<KeptPrompt[]> {
    return this.#tx.$queryRaw<KeptPrompt[]>`
      SELECT p.id::text AS "id", p.idempotency_key AS "key", p.request_hash AS "requestHash" FROM prompt p
      WHERE p.project_id = ${this.#tenant.projectId}::uuid AND p.user_id = ${userId}::uuid
        AND p.idempotency_key = ANY(${[...keys]}::text[])`;
  }
}
