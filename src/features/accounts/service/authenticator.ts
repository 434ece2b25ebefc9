import { LRUCache } from 'lru-cache';
import type { Authenticator, Principal, ProjectAccess } from '../../../kernel/access.js';
import type { Clock } from '../../../kernel/clock.js';
import { expiredCredential, Fault, invalidCredential } from '../../../kernel/fault.js';
import type { Auth } from '../../../platform/auth/auth.js';
import type { Database } from '../../../platform/db/database.js';
import { AccessWatchers } from '../access-watchers.js';
import { parseRevocation, revocationChannel } from '../revocation.js';
import { CredentialStore } from '../store/credentials.js';
import { knownScopes } from '../view.js';
import { isEndedBy, Watchers } from '../watchers.js';

/** What the authenticator needs. */
export interface AuthenticatorDeps {
  db: Pick<Database, 'read' | 'listen'>;
  clock: Clock;
  auth: Pick<Auth, 'tokens' | 'apiKeys'>;
}

/** An authenticator that listens for revocations until it is closed. */
export interface OpenAuthenticator extends Authenticator {
  /** Checks every credential anew from now on, in this process at once: for what a caller has just changed. */
  forget(): void;
  close(): Promise<void>;
}

interface Remembered {
  principal: Promise<Principal>;
  untilMs: number;
}

/** How long a check is trusted if no notification says otherwise. Keys: revoked within a second (threats.md T19). */
const trustMs = { session: 2_000, apiKey: 1_000 } as const;

/**
 * Of the least recently used, by a library whose list is made of arrays: a `Map` whose hits are moved to its end walks
 * over the holes they leave, 32 to 47 µs a call at this size (tests/bench/RESULTS.md, "A token's check").
 */
const cacheLimit = 10_000;

/** Below the promised 5 s: the fallback for a lost notification. */
const sweepIntervalMs = 4_000;

const lastUsedIntervalMs = 60_000;

/**
 * The authenticator over this database, hearing the revocations of every process.
 *
 * Cost: format and signature are checked before any SQL; then one statement, at most once in two seconds a credential.
 */
export async function openAuthenticator(deps: AuthenticatorDeps): Promise<OpenAuthenticator> {
  const authenticator = new SessionAuthenticator(deps);
  await authenticator.listen();
  return authenticator;
}

class SessionAuthenticator implements OpenAuthenticator {
  readonly #deps: AuthenticatorDeps;
  readonly #store: CredentialStore;
  readonly #watchers: Watchers;
  readonly #accesses = new AccessWatchers();
  readonly #cache = new LRUCache<string, Remembered>({ max: cacheLimit });
  readonly #background = new Set<Promise<void>>();
  #sweepTimer: ReturnType<typeof setTimeout> | undefined;
  #stopListening: (() => Promise<void>) | undefined;
  #isClosed = false;

  constructor(deps: AuthenticatorDeps) {
    this.#deps = deps;
    this.#store = new CredentialStore(deps.db);
    this.#watchers = new Watchers(deps.clock);
  }

  async listen(): Promise<void> {
    this.#stopListening = await this.#deps.db.listen(revocationChannel, (payload) => this.#onRevocation(payload));
  }

  async authenticate(credential: string): Promise<Principal> {
    const remembered = this.#cache.get(credential);
    const isFresh = remembered !== undefined && remembered.untilMs > this.#deps.clock.monotonicMs();
    const principal = await (isFresh ? remembered.principal : this.#remember(credential));
    if (this.#isExpired(principal)) throw expiredCredential();
    return principal;
  }

  watch(principal: Principal, onEnd: () => void): () => void {
    const stop = this.#watchers.add(principal, onEnd);
    this.#scheduleSweep();
    return stop;
  }

  watchAccess(access: ProjectAccess, onEnd: (refusal: Fault) => void): () => void {
    const stop = this.#accesses.add(access, onEnd);
    this.#scheduleSweep();
    return stop;
  }

  forget(): void {
    this.#cache.clear();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#sweepTimer);
    this.#watchers.clear();
    this.#accesses.clear();
    await this.#stopListening?.();
    await Promise.all(this.#background);
  }

  /** The check itself is remembered, not its result: callers at the same moment share one statement. */
  #remember(credential: string): Promise<Principal> {
    const keyHash = this.#deps.auth.apiKeys.hashOf(credential);
    const principal = keyHash === null ? this.#byToken(credential) : this.#byApiKey(keyHash);
    const lifeMs = keyHash === null ? trustMs.session : trustMs.apiKey;
    const entry = { principal, untilMs: this.#deps.clock.monotonicMs() + lifeMs };
    this.#cache.set(credential, entry);
    principal.catch(() => {
      if (this.#cache.peek(credential) === entry) this.#cache.delete(credential);
    });
    return principal;
  }

  async #byToken(token: string): Promise<Principal> {
    const claims = await this.#deps.auth.tokens.verifyAccess(token);
    const { userId, sessionId, version, expiresAtMs } = claims;
    const memberships = await this.#store.memberships({ id: sessionId, userId, version }, this.#now());
    const [first] = memberships;
    if (first === undefined)
      throw new Fault('unauthenticated', 'This session has ended: sign in again.', { reason: 'revoked' });
    return {
      kind: 'session',
      userId,
      sessionId,
      apiKeyId: null,
      expiresAtMs,
      defaultProjectId: first.projectId,
      roles: new Map(memberships.map(({ projectId, role }) => [projectId, role])),
      scopes: null,
      isAdministrator: first.isAdministrator,
    };
  }

  async #byApiKey(keyHash: string): Promise<Principal> {
    const row = await this.#store.apiKey(keyHash, this.#now());
    if (row === null) throw invalidCredential();
    this.#recordUse(row.id, row.lastUsedAt);
    return {
      kind: 'apiKey',
      userId: row.userId,
      sessionId: null,
      apiKeyId: row.id,
      expiresAtMs: row.expiresAt?.getTime() ?? null,
      defaultProjectId: row.projectId,
      roles: new Map([[row.projectId, row.role]]),
      scopes: knownScopes(row.scopes),
      isAdministrator: false,
    };
  }

  /** In the background: no call waits for it, and a lost record is made up for by the next use. */
  #recordUse(id: string, lastUsedAt: Date | null): void {
    const now = this.#now();
    const unlessSince = new Date(now.getTime() - lastUsedIntervalMs);
    if (lastUsedAt !== null && lastUsedAt >= unlessSince) return;
    this.#inBackground(this.#store.touchApiKey(id, now, unlessSince));
  }

  #onRevocation(payload: string): void {
    this.forget();
    const revocation = parseRevocation(payload);
    if (revocation === null) this.#inBackground(this.#sweep(null));
    else if (revocation.of === 'membership') this.#inBackground(this.#sweep(revocation.id));
    else this.#watchers.endWhere((principal) => isEndedBy(principal, revocation));
  }

  #scheduleSweep(): void {
    if (this.#sweepTimer !== undefined || this.#isClosed || this.#watchers.size + this.#accesses.size === 0) return;
    const onTimer = (): void => {
      this.#sweepTimer = undefined;
      this.#inBackground(this.#sweep(null).finally(() => this.#scheduleSweep()));
    };
    this.#sweepTimer = setTimeout(onTimer, sweepIntervalMs).unref();
  }

  /** Checks what one user has open, or what all have. Keys go with their maker's membership: they are checked first. */
  async #sweep(userId: string | null): Promise<void> {
    this.#watchers.endWhere((principal) => this.#isExpired(principal));
    await this.#sweepCredentials(userId);
    await this.#accesses.check(userId, (members) => this.#store.roles(members));
  }

  async #sweepCredentials(userId: string | null): Promise<void> {
    const watched = this.#watchers.principals().filter((principal) => userId === null || principal.userId === userId);
    if (watched.length === 0) return;
    const ids = {
      sessionIds: watched.flatMap(({ sessionId }) => sessionId ?? []),
      apiKeyIds: watched.flatMap(({ apiKeyId }) => apiKeyId ?? []),
    };
    const living = await this.#store.living(ids, this.#now());
    const asked = new Set([...ids.sessionIds, ...ids.apiKeyIds]);
    this.#watchers.endWhere(({ sessionId, apiKeyId }) => {
      const id = sessionId ?? apiKeyId ?? '';
      return asked.has(id) && !living.has(id);
    });
  }

  /** While the database is away nothing is known to have ended; the next sweep asks again. */
  #inBackground(work: Promise<void>): void {
    const settled: Promise<void> = work.catch(() => undefined).finally(() => this.#background.delete(settled));
    this.#background.add(settled);
  }

  #isExpired({ expiresAtMs }: Principal): boolean {
    return expiresAtMs !== null && expiresAtMs <= this.#deps.clock.nowMs();
  }

  #now(): Date {
    return new Date(this.#deps.clock.nowMs());
  }
}
