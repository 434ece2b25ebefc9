import type { Tx } from '../../../platform/db/database.js';
import type { ApiKeyRow } from '../view.js';

/** A new key's row. */
export interface NewApiKeyRow {
  id: string;
  userId: string;
  name: string;
  prefix: string;
  keyHash: string;
  scopes: string[];
  expiresAt: Date | null;
  createdAt: Date;
}

const shown = {
  id: true,
  projectId: true,
  userId: true,
  name: true,
  prefix: true,
  scopes: true,
  expiresAt: true,
  lastUsedAt: true,
  createdAt: true,
} as const;

/** The API keys of one project, inside one transaction. `userId: null` means everybody's. */
export class ApiKeyStore {
  readonly #tx: Tx;
  readonly #projectId: string;

  constructor(tx: Tx, projectId: string) {
    this.#tx = tx;
    this.#projectId = projectId;
  }

  /** Adds a key. */
  insert(row: NewApiKeyRow): Promise<ApiKeyRow> {
    return this.#tx.apiKey.create({ data: { ...row, projectId: this.#projectId }, select: shown });
  }

  /** How many keys are not revoked. */
  count(): Promise<number> {
    return this.#tx.apiKey.count({ where: { projectId: this.#projectId, revokedAt: null } });
  }

  /** The keys that are not revoked, newest first; ids ascend with time. */
  list(userId: string | null): Promise<ApiKeyRow[]> {
    return this.#tx.apiKey.findMany({
      where: { projectId: this.#projectId, revokedAt: null, ...(userId === null ? {} : { userId }) },
      select: shown,
      orderBy: { id: 'desc' },
    });
  }

  /** Revokes a key; false when there is none such. */
  async revoke(id: string, userId: string | null, at: Date): Promise<boolean> {
    const { count } = await this.#tx.apiKey.updateMany({
      where: { id, projectId: this.#projectId, revokedAt: null, ...(userId === null ? {} : { userId }) },
      data: { revokedAt: at },
    });
    return count === 1;
  }
}
