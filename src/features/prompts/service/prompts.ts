import type { ProjectAccess } from '../../../kernel/access.js';
import { Fault, notFound } from '../../../kernel/fault.js';
import { announceForgotten } from '../../../platform/embedding/forgetting.js';
import type { ServingSpace } from '../../../platform/embedding/spaces.js';
import { appendEvents } from '../../../platform/events/outbox.js';
import { requestHash, textHash } from '../fingerprint.js';
import type { ImportedPrompts, ImportPromptsInput } from '../import-schema.js';
import type {
  CreatePromptInput,
  ListPromptsInput,
  ListResponsesInput,
  Page,
  PromptView,
  ResponseView,
  SimilarPrompts,
  SimilarPromptsInput,
  StreamPromptInput,
  UpdatePromptInput,
} from '../schema.js';
import type { Seal } from '../../../platform/cursor.js';
import { PromptReads } from '../store/reads.js';
import { PromptWrites } from '../store/writes.js';
import { promptView, responseView } from '../view.js';
import { PromptCreation, storedFault } from './creation.js';
import { embedText, inServingSpace, type PromptDeps, tenantOf } from './deps.js';
import type { GenerationEnd } from './generation.js';
import type { Generations } from './generations.js';
import { importPrompts } from './import.js';
import { pageOf } from './page.js';
import { removePrompts } from './removal.js';
import { findSimilar } from './similarity.js';
import { PromptStreaming, type StreamCaller, type StreamItem } from './streaming.js';

/** Everything that is done with prompts, for one caller in one project. */
export class PromptService {
  readonly #deps: PromptDeps;
  readonly #generations: Generations;
  readonly #creation: PromptCreation;
  readonly #streaming: PromptStreaming;

  constructor(deps: PromptDeps, generations: Generations) {
    this.#deps = deps;
    this.#generations = generations;
    this.#creation = new PromptCreation(deps, generations);
    this.#streaming = new PromptStreaming(deps, this.#creation);
  }

  /**
   * The prompt, stored and (unless `generate` is false) answered. It goes on when the caller leaves.
   *
   * Faults: those of `PromptCreation.begin`; `upstream`, `upstreamTimeout` or `overloaded` with `promptId` when the model
   * failed: the prompt is stored as `failed` then; `cancelled` when the answer was stopped: its beginning is stored.
   */
  async create(access: ProjectAccess, input: CreatePromptInput): Promise<PromptView> {
    const begun = await this.#creation.begin(access, input);
    if (begun.type === 'running') {
      begun.generation.pin();
      return answered(await begun.generation.answered);
    }
    if (begun.type === 'ended') return answered(begun);
    const row = await this.#streaming.ended(access, begun.prompt.id, null);
    if (row === null) throw notFound('prompt');
    return answered({ prompt: promptView(row), fault: storedFault(row) });
  }

  /** Stores prompts that were made elsewhere; see `importPrompts`. */
  async import(access: ProjectAccess, input: ImportPromptsInput): Promise<ImportedPrompts> {
    return importPrompts(this.#deps, access, input);
  }

  /** See `PromptStreaming.stream`. */
  stream(access: ProjectAccess, input: StreamPromptInput, caller: StreamCaller): AsyncGenerator<StreamItem> {
    return this.#streaming.stream(access, input, caller);
  }

  /** The prompt with one more answer. Faults: `notFound`, `precondition` while pending, and those of `create`. */
  async regenerate(access: ProjectAccess, again: { id: string; model?: string }): Promise<PromptView> {
    const generation = await this.#creation.regenerate(access, again);
    return answered(await generation.answered);
  }

  /** One prompt. Faults: `notFound` when the project has none of that id. */
  async get(access: ProjectAccess, id: string): Promise<PromptView> {
    const row = await this.#reads(access).get(id);
    if (row === null) throw notFound('prompt');
    return promptView(row);
  }

  /** A page of the answers to a prompt, newest first. Faults: `notFound`; `invalid` for a cursor of another prompt. */
  async responses(access: ProjectAccess, { id, cursor, limit }: ListResponsesInput): Promise<Page<ResponseView>> {
    const seal = { field: 'cursor', scope: `${access.projectId}:responses:${id}` };
    const before = cursor === undefined ? null : this.#deps.cursors.open(seal, cursor);
    const reads = this.#reads(access);
    const { rows, hasMore } = await pageOf(limit, {
      read: (page) => reads.responses(id, { before: page.after ?? before, limit: page.rows }),
      charactersOf: ({ text }) => text.length,
    });
    if (rows.length === 0) await this.get(access, id);
    return this.#page(seal, rows.map(responseView), hasMore);
  }

  /** A page of prompts, newest first. Faults: `invalid` for a cursor of another project or filter. */
  async list(access: ProjectAccess, { cursor, limit, filter }: ListPromptsInput): Promise<Page<PromptView>> {
    const seal = { field: 'cursor', scope: `${access.projectId}:${requestHash(filter)}` };
    const before = cursor === undefined ? null : this.#deps.cursors.open(seal, cursor);
    const reads = this.#reads(access);
    const { rows, hasMore } = await pageOf(limit, {
      read: (page) => reads.list({ filter, before: page.after ?? before, limit: page.rows }),
      charactersOf: ({ text, system, response }) => text.length + (system?.length ?? 0) + (response?.text.length ?? 0),
    });
    return this.#page(seal, rows.map(promptView), hasMore);
  }

  /** The nearest prompts, nearest first; see `findSimilar`. */
  async similar(access: ProjectAccess, input: SimilarPromptsInput): Promise<SimilarPrompts> {
    return findSimilar(this.#deps, access, input);
  }

  /**
   * The prompt, changed; a new text has its new vector at once, and counts like a new prompt.
   *
   * Faults: `notFound`; `rateLimited`; `precondition` for a new text while the old one is being answered; `overloaded`
   * when the text cannot be embedded now; nothing is changed then.
   */
  async update(access: ProjectAccess, { projectId: _projectId, ...change }: UpdatePromptInput): Promise<PromptView> {
    if (change.text !== undefined) await this.#deps.throttle.countPrompt('create', access.userId);
    return inServingSpace(this.#deps.spaces, (space) => this.#update(space, access, change));
  }

  async #update(space: ServingSpace, access: ProjectAccess, change: Omit<UpdatePromptInput, 'projectId'>) {
    const { text, id } = change;
    const embedded = text === undefined ? null : await embedText(space, access, text);
    return this.#deps.db.within(access.projectId).transaction(async (tx) => {
      const writes = new PromptWrites(tx, tenantOf(space, access.projectId));
      const hash = text === undefined ? {} : { textHash: textHash(text) };
      const former = await writes.update({ ...change, ...hash });
      if (former === null) throw notFound('prompt');
      if (embedded !== null && text !== undefined) {
        await writes.putVector({ promptId: id, textHash: textHash(text), ...embedded });
        if (former !== textHash(text)) await announceForgotten(tx, access.projectId, former);
      }
      const row = await writes.get(id);
      if (row === null) throw notFound('prompt');
      if (row.status === 'pending' && text !== undefined)
        throw new Fault('precondition', 'The prompt is being answered: its text can change afterwards.', {
          state: 'pending',
          promptId: id,
        });
      const view = promptView(row);
      if (row.isPushed)
        await appendEvents(tx, [{ projectId: access.projectId, kind: 'prompt.updated', promptId: id, view }]);
      return view;
    });
  }

  /** Deletes a prompt with its responses and vectors; see `removePrompts`. Faults: `notFound`. */
  async delete(access: ProjectAccess, id: string): Promise<{ id: string }> {
    const { projectId } = access;
    await this.#deps.db.within(projectId).transaction(async (tx) => {
      if ((await removePrompts(tx, { projectId, id })) === 0) throw notFound('prompt');
    });
    this.#generations.get(id)?.cancel();
    return { id };
  }

  #page<Item extends { id: string }>(seal: Seal, items: Item[], hasMore: boolean): Page<Item> {
    const last = hasMore ? items.at(-1) : undefined;
    return { items, nextCursor: last === undefined ? null : this.#deps.cursors.seal(seal, last.id) };
  }

  #reads(access: ProjectAccess): PromptReads {
    return new PromptReads(this.#deps.db, tenantOf(this.#deps.spaces.active(), access.projectId));
  }
}

/** The prompt of an end, or its failure with the prompt's id. */
function answered({ prompt, fault }: GenerationEnd): PromptView {
  if (prompt.status === 'cancelled')
    throw new Fault('cancelled', 'The answer was stopped before its end; what came is kept.', { promptId: prompt.id });
  if (fault === null) return prompt;
  throw new Fault(fault.kind, fault.message, { ...fault.details, promptId: prompt.id }, fault);
}
