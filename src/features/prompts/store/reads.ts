import type { Database, Scoped } from '../../../platform/db/database.js';
import type { Prisma } from '../../../platform/db/generated/client.js';
import type { ListPromptsInput } from '../schema.js';
import type { PromptRow, ResponseRow } from '../view.js';
import type { AskedWord, WordRow } from '../word-ranking.js';
import { countVectors, type Depth, nearbyPrompts, type Search, similarPrompts, vectorOf } from './search.js';
import { getPrompt, listPrompts, listResponses, promptByKey, promptsByIds, type Tenant } from './statements.js';
import { askedWords, wordRows, type WordSearch } from './words.js';

/** A prompt found by its idempotency key: which request made it. */
export interface KeyedPrompt {
  id: string;
  requestHash: string;
  status: PromptRow['status'];
}

/** A row of a similarity answer. */
export interface SimilarRow extends PromptRow {
  distance: number;
  candidates: number;
}

/** The nearest of a large project, by its index. */
export interface Nearby {
  rows: (PromptRow & { distance: number })[];
  /** How many candidates the index gave; fewer than were asked for when it has no more, or is gone. */
  found: number;
  /** The distance of the farthest of them. */
  farthest: number;
}

/** The reads of one project, outside transactions, through the pool: an eighth of the cost of Prisma's. */
export class PromptReads {
  readonly #engine: Database['engine'];
  readonly #db: Scoped;
  readonly #tenant: Tenant;

  constructor(db: Pick<Database, 'engine' | 'within'>, tenant: Tenant) {
    this.#engine = db.engine;
    this.#db = db.within(tenant.projectId);
    this.#tenant = tenant;
  }

  /** One prompt, or null when the project has none of that id. */
  async get(id: string): Promise<PromptRow | null> {
    const { text, values } = getPrompt(this.#tenant, id);
    const [row] = await this.#db.readKept<PromptRow>(text, values);
    return row ?? null;
  }

  /** The prompt that a user's idempotency key made, or null. */
  async byKey(userId: string, idempotencyKey: string): Promise<KeyedPrompt | null> {
    const { text, values } = promptByKey(this.#tenant, { userId, idempotencyKey });
    const [row] = await this.#db.readKept<KeyedPrompt>(text, values);
    return row ?? null;
  }

  /** Responses to a prompt, newest first; those older than `before` when it is given. */
  async responses(promptId: string, page: { before: string | null; limit: number }): Promise<ResponseRow[]> {
    const rows = await this.#run<{ response: ResponseRow }>(listResponses(this.#tenant, promptId, page));
    return rows.map((row) => row.response);
  }

  /** A page, newest first, of prompts older than `before`. */
  list(page: { filter: ListPromptsInput['filter']; before: string | null; limit: number }): Promise<PromptRow[]> {
    const { text, values } = listPrompts(this.#tenant, page);
    // The texts of filtered ones are many.
    const isBare = Object.keys(page.filter).length === 0;
    return isBare ? this.#db.readParsed<PromptRow>(text, values) : this.#db.read<PromptRow>(text, values);
  }

  /** The nearest prompts, nearest first; every vector that passes the filter is compared. */
  similar(search: Search): Promise<SimilarRow[]> {
    return this.#run<SimilarRow>(similarPrompts(this.#tenant, search));
  }

  /** The nearest prompts by the project's own index, nearest first. */
  async nearby(search: Search, depth: Depth): Promise<Nearby> {
    const lane = { engine: this.#engine, depth };
    const rows = await this.#run<NearbyRow>(nearbyPrompts(this.#tenant, search, lane));
    const hits = rows.filter((row) => row.distance !== null) as Nearby['rows'];
    return { rows: hits, found: rows[0]?.found ?? 0, farthest: rows[0]?.farthest ?? 0 };
  }

  /** How many vectors pass a search's filter, counted no further than `bound`. */
  async countVectors(search: Search, bound: number): Promise<number> {
    const [row] = await this.#run<{ candidates: number }>(countVectors(this.#tenant, search, bound));
    return row?.candidates ?? 0;
  }

  /** A prompt's own vector as pgvector writes it, or null when it has none yet. */
  async vectorOf(promptId: string): Promise<string | null> {
    const [row] = await this.#run<{ vector: string }>(vectorOf(this.#tenant, promptId));
    return row?.vector ?? null;
  }

  /** The words of a text, in its order, each with how many prompts hold it (up to `countLimit`), and the project's size. */
  askedWords(text: string, countLimit: number): Promise<(AskedWord & { stored: number })[]> {
    return this.#run(askedWords(this.#tenant, text, countLimit));
  }

  /** What prompts hold of the words asked for, in no order. */
  wordRows(search: WordSearch): Promise<(WordRow & { similarity: number | null })[]> {
    return this.#run(wordRows(this.#tenant, search));
  }

  /** Some prompts of the project, in no order. */
  byIds(ids: readonly string[]): Promise<PromptRow[]> {
    return ids.length === 0 ? Promise.resolve([]) : this.#run<PromptRow>(promptsByIds(this.#tenant, ids));
  }

  #run<Row extends object>(statement: Prisma.Sql): Promise<Row[]> {
    return this.#db.read<Row>(statement.text, statement.values);
  }
}

/** A hit, or what stands in for one where nothing is near enough. */
type NearbyRow = PromptRow & { distance: number | null; found: number; farthest: number | null };
