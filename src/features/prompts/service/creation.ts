import type { ProjectAccess } from '../../../kernel/access.js';
import { Fault, notFound } from '../../../kernel/fault.js';
import { eventChannel } from '../../../platform/events/catalogue.js';
import { appendEvents } from '../../../platform/events/outbox.js';
import type { Tx } from '../../../platform/db/database.js';
import type { ServingSpace } from '../../../platform/embedding/spaces.js';
import type { ChosenModel } from '../../../platform/llm/choose.js';
import type { LlmRequest } from '../../../platform/llm/provider.js';
import { requestHash, textHash } from '../fingerprint.js';
import type { CreatePromptInput, PromptView, StreamPromptInput } from '../schema.js';
import { type Inserted, insertPrompts } from '../store/insertion.js';
import { type KeyedPrompt, PromptReads } from '../store/reads.js';
import { type Reservation, SpendStore } from '../store/spend.js';
import { type NewPrompt, PromptWrites, SpaceMovedError } from '../store/writes.js';
import { type PromptRow, promptView } from '../view.js';
import { PromptAdoption } from './adoption.js';
import { type Beginning, firstInsertion } from './beginning.js';
import { embedText, inServingSpace, type PromptDeps, tenantOf } from './deps.js';
import type { Generation, GenerationJob } from './generation.js';
import type { Generations } from './generations.js';
import { PromptInsertions } from './insertions.js';

/** A prompt that was stored, by this call or an earlier one with the same key. */
export type Begun =
  | { type: 'running'; prompt: PromptView; generation: Generation }
  /** Another process asks the model. */
  | { type: 'elsewhere'; prompt: PromptView }
  | { type: 'ended'; prompt: PromptView; fault: Fault | null };

type Input = CreatePromptInput | StreamPromptInput;

/** Stores new prompts and begins their generations; the same key with the same body finds the prompt it made before. */
export class PromptCreation {
  readonly #deps: PromptDeps;
  readonly #generations: Generations;
  readonly #insertions: PromptInsertions;
  readonly #adoption: PromptAdoption;

  constructor(deps: PromptDeps, generations: Generations) {
    this.#deps = deps;
    this.#generations = generations;
    this.#insertions = new PromptInsertions(deps.db);
    this.#adoption = new PromptAdoption(deps, generations);
  }

  /**
   * The prompt of an input, stored.
   *
   * Cost: one transaction before the model is asked. Faults: `conflict` for a key that made another request;
   * `rateLimited`; `budget` when the spend cap leaves no room; nothing is written then.
   */
  async begin(access: ProjectAccess, input: Input): Promise<Begun> {
    const hash = hashOf(input);
    const earlier = await this.earlier(access, input);
    if (earlier !== null) return earlier;
    this.#generations.requireOpen();
    await this.#deps.throttle.countPrompt('create', access.userId);
    const begun =
      'generate' in input && !input.generate
        ? await this.#store(access, input, hash)
        : await this.#start(access, input, hash);
    const other = begun ?? (await this.earlier(access, input));
    if (other === null) throw new Fault('conflict', 'The idempotency key was in use a moment ago; try again.');
    return other;
  }

  /** Asks a model for one more answer. Faults: `notFound`; `precondition` while pending; `rateLimited`; `budget`. */
  async regenerate(access: ProjectAccess, again: { id: string; model?: string }): Promise<Generation> {
    const space = this.#deps.spaces.active();
    const tenant = tenantOf(space, access.projectId);
    const row = await new PromptReads(this.#deps.db, tenant).get(again.id);
    if (row === null) throw notFound('prompt');
    if (row.status === 'pending') throw answeredAlready(row.id);
    this.#generations.requireOpen();
    await this.#deps.throttle.countPrompt('create', access.userId);
    const chosen = this.#deps.providers.choose(again.model ?? undefined);
    const request = this.#request(row, chosen);
    return this.#adoption.beginning(row.id, async () => {
      const reservation = await this.#deps.db.within(access.projectId).transaction(async (tx) => {
        const writes = new PromptWrites(tx, tenant);
        if (!(await writes.reopen({ promptId: row.id, leaseOwner: this.#deps.processId })))
          throw answeredAlready(row.id);
        const reserved = await this.#reserve(new SpendStore(tx, access), chosen, request);
        await announceUpdate(tx, await writes.get(row.id));
        return reserved;
      });
      return this.#generations.begin({ ...jobOf(access, space, row), chosen, request, reservation, isPinned: true });
    });
  }

  /** What an earlier call with the same key made, or null. Faults: `conflict` for a key that made another request. */
  async earlier(access: ProjectAccess, input: Input): Promise<Begun | null> {
    if (input.idempotencyKey === undefined) return null;
    const reads = new PromptReads(this.#deps.db, tenantOf(this.#deps.spaces.active(), access.projectId));
    const keyed: KeyedPrompt | null = await reads.byKey(access.userId, input.idempotencyKey);
    if (keyed === null) return null;
    if (keyed.requestHash !== hashOf(input))
      throw new Fault('conflict', 'idempotencyKey: was used with another body before.', { current: keyed.id });
    const row = await reads.get(keyed.id);
    if (row === null) return null;
    const prompt = promptView(row);
    // After the row was read: its process enters it here only once it is committed.
    const generation = this.#generations.get(keyed.id);
    if (generation !== undefined) return { type: 'running', prompt, generation };
    if (row.status !== 'pending') return { type: 'ended', prompt, fault: storedFault(row) };
    const adopted = await this.#adoption.adopt(row.id, () => this.#lostJob(access, input, row));
    return adopted === null ? { type: 'elsewhere', prompt } : { type: 'running', prompt, generation: adopted };
  }

  /** The job of a pending prompt whose row was committed and whose connection broke before saying so. */
  #lostJob(access: ProjectAccess, input: Input, row: PromptRow): GenerationJob {
    const chosen = this.#deps.providers.choose(row.model ?? undefined);
    const request = this.#request(row, chosen);
    const usd = this.#setAside(chosen, request);
    // Set aside in the row's own transaction, on its day; asked once more, it was on a day that is not known here.
    const isFirst = row.responses === 0;
    const reservation = usd === null || !isFirst ? null : { usd, day: row.createdAt.toISOString().slice(0, 10) };
    const isPinned = 'generate' in input;
    return { ...jobOf(access, this.#deps.spaces.active(), row), chosen, request, reservation, isPinned };
  }

  /** Stores a prompt that no model is asked for, with its vector, at once; null when its key was taken meanwhile. */
  async #store(access: ProjectAccess, input: Input, hash: string): Promise<Begun | null> {
    return inServingSpace(this.#deps.spaces, async (space) => {
      const vector = await embedText(space, access, input.text);
      const prompt = this.#row(access, input, { requestHash: hash, leaseOwner: null });
      const stored = await this.#insert(access, { space, prompt, vector, asked: null });
      if (stored !== null) {
        this.#deps.observer.onFinished('completed');
        return { type: 'ended', prompt: stored.view, fault: null };
      }
      const serving = await this.#deps.spaces.refresh();
      if (serving.id !== space.id) throw new SpaceMovedError('another space serves by now');
      return null;
    });
  }

  /** Stores a pending prompt, durably, and begins its generation; null when its key was taken meanwhile. */
  async #start(access: ProjectAccess, input: Input, hash: string): Promise<Begun | null> {
    const space = this.#deps.spaces.active();
    const chosen = this.#deps.providers.choose(input.model);
    const request = this.#request(input, chosen);
    const prompt = this.#row(access, input, { requestHash: hash, leaseOwner: this.#deps.processId });
    return this.#adoption.beginning(prompt.id, async () => {
      const stored = await this.#insert(access, { space, prompt, vector: null, asked: { chosen, request } });
      if (stored === null) return null;
      const generation = this.#generations.begin({
        ...jobOf(access, space, { ...prompt, space: null }),
        chosen,
        request,
        reservation: stored.reservation,
        isPinned: 'generate' in input,
      });
      return { type: 'running', prompt: stored.view, generation };
    });
  }

  /**
   * One statement, shared with others that come at the same time; with a spend cap, one transaction that reserves the
   * money too. Null when the key was taken.
   */
  async #insert(access: ProjectAccess, beginning: Beginning) {
    const { space, asked } = beginning;
    const { insertion, viewOf } = firstInsertion(access, beginning);
    const tenant = tenantOf(space, access.projectId);
    if (asked === null || this.#deps.dailyCapUsd === undefined) {
      const inserted = await this.#insertions.add(tenant, insertion);
      return inserted === null ? null : { view: viewOf(inserted), reservation: null };
    }
    return this.#deps.db.within(access.projectId).transaction(async (tx) => {
      const statement = insertPrompts(tenant, { insertions: [insertion], channel: eventChannel });
      const [inserted] = await tx.$queryRaw<Inserted[]>(statement);
      if (inserted === undefined) return null;
      const reservation = await this.#reserve(new SpendStore(tx, access), asked.chosen, asked.request);
      return { view: viewOf(inserted), reservation };
    });
  }

  #row(access: ProjectAccess, input: Input, state: { requestHash: string; leaseOwner: string | null }): NewPrompt {
    return {
      ...state,
      id: this.#deps.ids.uuid(),
      userId: access.userId,
      text: input.text,
      textHash: textHash(input.text),
      system: input.system ?? null,
      model: input.model ?? null,
      parameters: input.parameters ?? {},
      conversationId: input.conversationId ?? null,
      environment: input.environment,
      tags: input.tags,
      metadata: input.metadata,
      isPushed: input.push,
      idempotencyKey: input.idempotencyKey ?? null,
    };
  }

  #request(asked: Pick<Input, 'text' | 'parameters'> & { system?: string | null }, chosen: ChosenModel): LlmRequest {
    const system =
      asked.system === undefined || asked.system === null ? [] : [{ role: 'system' as const, content: asked.system }];
    return {
      model: chosen.model,
      messages: [...system, { role: 'user', content: asked.text }],
      parameters: { maxOutputTokens: this.#deps.maxOutputTokens, ...asked.parameters },
    };
  }

  /** What one call sets aside; null without a cap, and for a model of unknown price (a local one). */
  #setAside({ provider }: ChosenModel, request: LlmRequest): number | null {
    return this.#deps.dailyCapUsd === undefined ? null : provider.estimateUsd(request);
  }

  async #reserve(spend: SpendStore, chosen: ChosenModel, request: LlmRequest): Promise<Reservation | null> {
    const { dailyCapUsd } = this.#deps;
    const usd = this.#setAside(chosen, request);
    if (dailyCapUsd === undefined || usd === null) return null;
    const reservation = await spend.reserve(usd, dailyCapUsd);
    if (reservation === null)
      throw new Fault('budget', `This call could pass the daily spend cap of ${dailyCapUsd} USD.`, {
        capUsd: dailyCapUsd,
      });
    return reservation;
  }
}

/** What a generation needs of the prompt itself. */
const jobOf = (
  { projectId, userId }: ProjectAccess,
  space: ServingSpace,
  { id, text, isPushed, space: vectorSpace }: Pick<PromptRow, 'id' | 'text' | 'isPushed' | 'space'>,
) => ({
  space,
  tenant: tenantOf(space, projectId),
  userId,
  promptId: id,
  text,
  textHash: textHash(text),
  isPushed,
  needsVector: vectorSpace === null,
});

/** Tells the feed that a prompt is pending again. */
async function announceUpdate(tx: Tx, row: PromptRow | null): Promise<void> {
  if (row?.isPushed !== true) return;
  const { projectId, id } = row;
  await appendEvents(tx, [{ projectId, kind: 'prompt.updated', promptId: id, view: promptView(row) }]);
}

const answeredAlready = (promptId: string): Fault =>
  new Fault('precondition', 'The prompt is being answered already.', { state: 'pending', promptId });

/**
 * What of an input makes it the same request again: all but where it goes and how it is resumed. A stream and a create
 * of one body are the same request.
 */
function hashOf(input: Input): string {
  const { projectId: _projectId, idempotencyKey: _key, ...rest } = input;
  const { lastEventId: _resume, ...body } = rest as typeof rest & { lastEventId?: string };
  return requestHash({ generate: true, ...body });
}

/** The failure that a stored prompt ended with, as its caller got it; null when it did not fail. */
export function storedFault(row: PromptRow): Fault | null {
  const error = row.status === 'failed' ? row.response?.error : null;
  if (error === undefined || error === null) return null;
  const details = { ...error.details, promptId: row.id };
  if (error.kind === 'interrupted')
    return new Fault('precondition', error.message, { ...details, state: 'interrupted' });
  return new Fault(error.kind as Fault['kind'], error.message, details);
}
