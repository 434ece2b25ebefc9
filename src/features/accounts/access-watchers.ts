import { type ProjectAccess, refusalOf, type Role } from '../../kernel/access.js';
import type { Fault } from '../../kernel/fault.js';

interface AccessWatcher {
  access: ProjectAccess;
  onEnd: (refusal: Fault) => void;
}

/** One member of one project. */
export interface MemberId {
  projectId: string;
  userId: string;
}

/** Those who want to know when their leave in a project ends; each is told once. */
export class AccessWatchers {
  readonly #watchers = new Set<AccessWatcher>();

  /** How many watch. */
  get size(): number {
    return this.#watchers.size;
  }

  /** Calls `onEnd` when the leave has ended; answers what stops watching. */
  add(access: ProjectAccess, onEnd: (refusal: Fault) => void): () => void {
    const watcher: AccessWatcher = { access, onEnd };
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  /**
   * Asks for the roles of those who watch now (of one user, or of all) and tells each whose leave has ended.
   *
   * Shape: who begins to watch while the roles are asked for is left to the next check.
   */
  async check(userId: string | null, rolesOf: (members: MemberId[]) => Promise<Map<string, Role>>): Promise<void> {
    const asked = [...this.#watchers].filter(({ access }) => userId === null || access.userId === userId);
    if (asked.length === 0) return;
    const roles = await rolesOf(asked.map(({ access }) => access));
    for (const watcher of asked) {
      const { principal, scope } = watcher.access;
      const refusal = refusalOf(principal, roles.get(memberKey(watcher.access)), scope);
      if (refusal !== null && this.#watchers.delete(watcher)) watcher.onEnd(refusal);
    }
  }

  /** Forgets everyone; nobody is told. */
  clear(): void {
    this.#watchers.clear();
  }
}

/** Under what `rolesOf` answers a member's role. */
export const memberKey = ({ projectId, userId }: MemberId): string => `${projectId} ${userId}`;
