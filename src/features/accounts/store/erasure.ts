import type { Tx } from '../../../platform/db/database.js';

/** How much of a project, or of a person, there is. */
export interface ErasureCounts {
  prompts: number;
  responses: number;
  vectors: number;
  events: number;
  apiKeys: number;
}

/** A project about to be erased. */
export interface DoomedProject {
  id: string;
  name: string;
  isPersonal: boolean;
}

/** Events deleted in one transaction. */
const eventBatch = 2_000;

/** The erasure of projects and people, inside one transaction. */
export class ErasureStore {
  readonly #tx: Tx;

  constructor(tx: Tx) {
    this.#tx = tx;
  }

  /** A project; null when there is none. */
  project(id: string): Promise<DoomedProject | null> {
    return this.#tx.project.findUnique({ where: { id }, select: { id: true, name: true, isPersonal: true } });
  }

  /** The project of a prompt; null when there is no such prompt. */
  async projectOfPrompt(promptId: string): Promise<string | null> {
    const row = await this.#tx.prompt.findUnique({ where: { id: promptId }, select: { projectId: true } });
    return row?.projectId ?? null;
  }

  /** Nothing can be added to the project until this transaction ends: a new row would need its lock. */
  async lockProject(id: string): Promise<void> {
    await this.#tx.$executeRaw`SELECT 1 FROM project WHERE id = ${id}::uuid FOR UPDATE`;
  }

  /** What there is in a project, of everybody or of one user; the API keys are those of the project, or the user's. */
  async count({ projectId, userId }: { projectId: string; userId?: string }): Promise<ErasureCounts> {
    const author = userId ?? null;
    const [counts] = await this.#tx.$queryRaw<ErasureCounts[]>`
      WITH doomed AS MATERIALIZED (
        SELECT id FROM prompt
        WHERE project_id = ${projectId}::uuid AND (${author}::uuid IS NULL OR user_id = ${author}::uuid))
      SELECT (SELECT count(*)::int FROM doomed) AS prompts,
        (SELECT count(*)::int FROM response WHERE project_id = ${projectId}::uuid AND prompt_id IN (SELECT id FROM doomed)) AS responses,
        (SELECT count(*)::int FROM embedding WHERE project_id = ${projectId}::uuid AND prompt_id IN (SELECT id FROM doomed)) AS vectors,
        (SELECT count(*)::int FROM event WHERE project_id = ${projectId}::uuid
          AND (${author}::uuid IS NULL OR prompt_id IN (SELECT id FROM doomed))) AS events,
        (SELECT count(*)::int FROM api_key WHERE project_id = ${projectId}::uuid
          AND (${author}::uuid IS NULL OR user_id = ${author}::uuid)) AS "apiKeys"`;
    return counts ?? { prompts: 0, responses: 0, vectors: 0, events: 0, apiKeys: 0 };
  }

  /** What there is of one prompt; `events` lose its texts and stay. */
  async countOfPrompt(id: string): Promise<Omit<ErasureCounts, 'apiKeys'>> {
    const [counts] = await this.#tx.$queryRaw<Omit<ErasureCounts, 'apiKeys'>[]>`
      SELECT (SELECT count(*)::int FROM prompt WHERE id = ${id}::uuid) AS prompts,
        (SELECT count(*)::int FROM response r JOIN prompt p ON p.project_id = r.project_id AND p.id = r.prompt_id
          WHERE p.id = ${id}::uuid) AS responses,
        (SELECT count(*)::int FROM embedding WHERE prompt_id = ${id}::uuid) AS vectors,
        (SELECT count(*)::int FROM event WHERE prompt_id = ${id}::uuid) AS events`;
    return counts ?? { prompts: 0, responses: 0, vectors: 0, events: 0 };
  }

  /** Deletes some thousand of a project's events; answers how many. */
  deleteEvents(projectId: string): Promise<number> {
    return this.#tx.$executeRaw`
      DELETE FROM event WHERE id IN (SELECT id FROM event WHERE project_id = ${projectId}::uuid LIMIT ${eventBatch})`;
  }

  /** Deletes a project's keys and what was spent in it. Answers the keys' ids. */
  async deleteKeysAndSpend(projectId: string): Promise<string[]> {
    await this.#tx.spend.deleteMany({ where: { scope: `project:${projectId}` } });
    const keys = await this.#tx.$queryRaw<{ id: string }[]>`
      DELETE FROM api_key WHERE project_id = ${projectId}::uuid RETURNING id::text AS id`;
    return keys.map(({ id }) => id);
  }

  /** Deletes a project with everything that refers to it. Answers who was in it. */
  async deleteProject(projectId: string): Promise<string[]> {
    const members = await this.#tx.membership.findMany({ where: { projectId }, select: { userId: true } });
    await this.#tx.project.delete({ where: { id: projectId } });
    return members.map(({ userId }) => userId);
  }

  /** Marks an emptied project: the feed resumes from nothing before now. */
  async markEmptied(projectId: string): Promise<void> {
    await this.#tx.$executeRaw`UPDATE project SET events_kept_from = now() WHERE id = ${projectId}::uuid`;
  }

  /** The projects that nobody but the user is in: they go with the account. */
  async ownProjects(userId: string): Promise<DoomedProject[]> {
    return this.#tx.project.findMany({
      where: { memberships: { some: { userId }, every: { userId } } },
      select: { id: true, name: true, isPersonal: true },
      orderBy: { id: 'asc' },
    });
  }

  /** The other projects that hold prompts of the user, those left long ago included. Cost: a scan of all prompts. */
  async projectsWithPromptsOf(userId: string, except: readonly string[]): Promise<string[]> {
    const rows = await this.#tx.$queryRaw<{ id: string }[]>`
      SELECT DISTINCT project_id::text AS id FROM prompt
      WHERE user_id = ${userId}::uuid AND NOT project_id = ANY(${[...except]}::uuid[]) ORDER BY 1`;
    return rows.map(({ id }) => id);
  }

  /** Deletes the counts of a user's calls, which bear the user's id. */
  async deleteRateLimits(userId: string): Promise<void> {
    await this.#tx.$executeRaw`DELETE FROM rate_limit WHERE key LIKE ${`%:${userId}`}`;
  }

  /** Tells every process, when this transaction commits, that a project was erased. */
  async announce(channel: string, projectId: string): Promise<void> {
    await this.#tx.$executeRaw`SELECT pg_notify(${channel}, ${projectId})`;
  }
}
