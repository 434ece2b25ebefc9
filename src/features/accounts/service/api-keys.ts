import type { ProjectAccess } from '../../../kernel/access.js';
import type { Clock } from '../../../kernel/clock.js';
import { Fault, invalidField, notFound } from '../../../kernel/fault.js';
import type { Ids } from '../../../kernel/ids.js';
import type { ApiKeys } from '../../../platform/auth/api-keys.js';
import { appendAudit } from '../../../platform/audit.js';
import type { Database } from '../../../platform/db/database.js';
import type { ApiKeyView, CreateApiKeyInput, NewApiKeyView } from '../schema.js';
import { ApiKeyStore } from '../store/api-keys.js';
import { SessionStore } from '../store/sessions.js';
import { apiKeyView } from '../view.js';

/** What API keys need. */
export interface ApiKeyDeps {
  db: Database;
  clock: Clock;
  ids: Ids;
  keys: ApiKeys;
}

/** Keeps a project's list short enough to be shown whole; far more than programs that need telling apart. */
const keysPerProject = 100;

/** API keys, each bound to one project and to the member who made it. */
export class ApiKeyService {
  readonly #deps: ApiKeyDeps;

  constructor(deps: ApiKeyDeps) {
    this.#deps = deps;
  }

  /** A new key, shown this once. Faults: `invalid` naming `expiresAt` if it is not ahead, `precondition` at 100 keys. */
  async create(access: ProjectAccess, input: CreateApiKeyInput): Promise<NewApiKeyView> {
    const { db, clock, ids, keys } = this.#deps;
    const createdAt = new Date(clock.nowMs());
    const expiresAt = input.expiresAt === undefined ? null : new Date(input.expiresAt);
    if (expiresAt !== null && expiresAt <= createdAt) throw invalidField('expiresAt', 'must be in the future');
    const { key, prefix, hash } = keys.mint();
    const { name, scopes } = input;
    const row = await db.within(access.projectId).transaction(async (tx) => {
      const store = new ApiKeyStore(tx, access.projectId);
      if ((await store.count()) >= keysPerProject)
        throw new Fault('precondition', `The project has ${keysPerProject} API keys; revoke one first.`, {
          state: 'full',
        });
      const { projectId, userId } = access;
      const id = ids.uuid();
      const details = { apiKeyId: id, name, scopes: scopes.join(' ') };
      await appendAudit(tx, ids, { projectId, userId, action: 'apiKey.created', details });
      return store.insert({ id, userId, name, prefix, keyHash: hash, scopes, expiresAt, createdAt });
    });
    return { ...apiKeyView(row), key };
  }

  /** The keys that are not revoked, newest first: the caller's, or for an admin or owner everybody's. */
  async list(access: ProjectAccess): Promise<ApiKeyView[]> {
    const { projectId } = access;
    const rows = await this.#deps.db
      .within(projectId)
      .transaction((tx) => new ApiKeyStore(tx, projectId).list(whose(access)));
    return rows.map(apiKeyView);
  }

  /** Ends a key and its live sockets. Faults: `notFound`, also for another member's key unless the caller governs. */
  async revoke(access: ProjectAccess, id: string): Promise<void> {
    const { db, ids } = this.#deps;
    const { projectId, userId } = access;
    await db.within(projectId).transaction(async (tx) => {
      const isRevoked = await new ApiKeyStore(tx, access.projectId).revoke(
        id,
        whose(access),
        new Date(this.#deps.clock.nowMs()),
      );
      if (!isRevoked) throw notFound('API key');
      await appendAudit(tx, ids, { projectId, userId, action: 'apiKey.revoked', details: { apiKeyId: id } });
      await new SessionStore(tx).announce({ of: 'apiKey', id });
    });
  }
}

/** Whose keys the caller governs: null for everybody's. */
const whose = ({ role, userId }: ProjectAccess): string | null =>
  role === 'owner' || role === 'admin' ? null : userId;
