import { Fault, type FaultKind } from '../../../kernel/fault.js';
import type { Ending } from '../../../kernel/ending.js';
import { appendEvents } from '../../../platform/events/outbox.js';
import type { EmbeddedText } from '../../../platform/embedding/embedder.js';
import type { ServingSpace } from '../../../platform/embedding/spaces.js';
import type { ChosenModel } from '../../../platform/llm/choose.js';
import type { LlmRequest } from '../../../platform/llm/provider.js';
import type { PromptView } from '../schema.js';
import { type Reservation, SpendStore } from '../store/spend.js';
import type { Tenant } from '../store/statements.js';
import { type NewResponse, PromptWrites } from '../store/writes.js';
import { type PromptRow, promptView } from '../view.js';
import { ask, costOf, type ModelAnswer, responseOf } from './answer.js';
import { embedText, inServingSpace, type PromptDeps, tenantOf } from './deps.js';

/** A cut stream that is not resumed within this is given up, and its model with it. */
const resumeGraceMs = 1_000;
/** Waits before storing an answer is tried again while the database is away. */
const storeRetriesMs = [100, 300, 1_000, 3_000, 6_000];

/** How long a caller waits for an answer to be stored; the storing itself is tried for longer. Source: threats.md F05. */
const callerWaitMs = 1_500;

/** What a database that is away, frozen or fought over answers: another try may well succeed. */
const mayPass: ReadonlySet<FaultKind> = new Set(['overloaded', 'timeout', 'conflict']);

/** A stored pending prompt and the model it is for. */
export interface GenerationJob {
  /** The space that served when the prompt was stored; its vector is kept in the one that serves at its end. */
  space: ServingSpace;
  tenant: Tenant;
  userId: string;
  promptId: string;
  text: string;
  textHash: string;
  isPushed: boolean;
  chosen: ChosenModel;
  request: LlmRequest;
  reservation: Reservation | null;
  /** False for a prompt that has its vector already. */
  needsVector: boolean;
  /** True when somebody waits for the whole answer: then no stream's end cancels it. */
  isPinned: boolean;
}

/** What is stored together at the end. */
interface Storing {
  answer: ModelAnswer;
  response: NewResponse;
  vector: EmbeddedText | null;
}

/** How a generation ended, as it was stored. */
export interface GenerationEnd {
  prompt: PromptView;
  /** Why the model failed; null when it did not. */
  fault: Fault | null;
}

/** One prompt's way from pending to its end: the model asked and the text embedded side by side, then stored together. */
export class Generation {
  readonly #deps: PromptDeps;
  readonly #job: GenerationJob;
  readonly #abort = new AbortController();
  #text = '';
  #followers = 0;
  #held: NodeJS.Timeout | undefined;
  #waiting: (() => void)[] = [];
  #isDone = false;
  #tellUnstored: (cause: Fault) => void = () => undefined;
  /** Resolves once stored. Faults: `precondition` when the prompt is gone meanwhile; `overloaded` when it cannot be stored. */
  readonly done: Promise<GenerationEnd>;
  /** `done` for a caller, who is told with `overloaded` when storing takes long: the answer may still be stored later. */
  readonly answered: Promise<GenerationEnd>;

  constructor(deps: PromptDeps, job: GenerationJob) {
    this.#deps = deps;
    this.#job = job;
    this.done = this.#run().finally(() => {
      this.#isDone = true;
      clearTimeout(this.#held);
      this.#ring();
    });
    const unstored = new Promise<never>((_, reject) => (this.#tellUnstored = reject));
    this.answered = Promise.race([this.done, unstored]);
    this.answered.catch(() => undefined);
    // Whoever waits gets the failure; when nobody does it is still no unhandled rejection.
    this.done.catch((cause: unknown) =>
      this.#deps.log.warn({ err: cause, promptId: job.promptId }, 'answer not stored'),
    );
  }

  /** What the model has said so far. */
  get text(): string {
    return this.#text;
  }

  /** Whether the end is known, so that no more text comes. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** Resolves when there is more text or the end, or `signal` fires. */
  changed(signal: Ending): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        signal.removeEventListener('abort', wake);
        resolve();
      };
      signal.addEventListener('abort', wake);
      this.#waiting.push(wake);
    });
  }

  /** Counts a reader in. It leaves as `stopped` (by its client) or `cut`; the last one to leave may cancel the model. */
  follow(): (how: 'stopped' | 'cut') => void {
    this.#followers += 1;
    return (how) => {
      this.#followers -= 1;
      if (how === 'cut') this.hold();
      else this.#cancelIfAlone();
    };
  }

  /** Keeps the model at work for a second more: a cut reader may come back, here or at another process. */
  hold(): void {
    clearTimeout(this.#held);
    this.#held = setTimeout(() => {
      this.#held = undefined;
      this.#cancelIfAlone();
    }, resumeGraceMs).unref();
  }

  /** Somebody waits for the whole answer from now on. */
  pin(): void {
    this.#job.isPinned = true;
  }

  /** Stops the model; what it said is kept. */
  cancel(): void {
    this.#abort.abort();
  }

  #cancelIfAlone(): void {
    if (this.#followers === 0 && this.#held === undefined && !this.#job.isPinned) this.cancel();
  }

  async #run(): Promise<GenerationEnd> {
    const { chosen, request } = this.#job;
    const vector = this.#job.needsVector ? this.#embed(this.#job.space) : Promise.resolve(null);
    const answer = await ask(chosen, request, {
      signal: this.#abort.signal,
      monotonicMs: () => this.#deps.clock.monotonicMs(),
      onDelta: (text) => {
        this.#text += text;
        this.#ring();
      },
      onBug: (cause) => this.#deps.log.error({ err: cause, provider: chosen.provider.name }, 'a provider threw a bug'),
    });
    this.#observe(answer);
    const prompt = await this.#storePatiently(answer, await vector);
    // Not before: the indexer leaves a prompt alone while it is pending, and would look again only minutes later.
    if (prompt.embedding === null) this.#deps.onUnindexed();
    this.#deps.observer.onFinished(answer.status);
    this.#deps.observer.onResponse(answer.status);
    return { prompt, fault: answer.fault };
  }

  /** An embedder that is full or down never costs an answer: the indexer adds the vector later. */
  async #embed(space: ServingSpace): Promise<EmbeddedText | null> {
    try {
      return await embedText(space, this.#job.tenant, this.#job.text);
    } catch (cause) {
      this.#deps.log.warn({ err: cause, promptId: this.#job.promptId }, 'not embedded now; the indexer will');
      return null;
    }
  }

  async #storePatiently(answer: ModelAnswer, vector: EmbeddedText | null): Promise<PromptView> {
    const response = responseOf(answer, { id: this.#deps.ids.uuid(), promptId: this.#job.promptId }, this.#job.chosen);
    const startedMs = this.#deps.clock.monotonicMs();
    for (const delayMs of storeRetriesMs) {
      try {
        return await this.#storeWhereServing(answer, response, vector);
      } catch (cause) {
        if (!(cause instanceof Fault) || !mayPass.has(cause.kind)) throw cause;
        if (this.#deps.clock.monotonicMs() - startedMs + delayMs > callerWaitMs)
          this.#tellUnstored(notYetStored(this.#job.promptId, cause));
        await new Promise((resolve) => setTimeout(resolve, delayMs));
      }
    }
    return this.#storeWhereServing(answer, response, vector);
  }

  /** While the model answered, another space may have come to serve. */
  #storeWhereServing(answer: ModelAnswer, response: NewResponse, first: EmbeddedText | null): Promise<PromptView> {
    const { space: begun, tenant } = this.#job;
    return inServingSpace(this.#deps.spaces, async (space) => {
      const vector = first === null || space.id === begun.id ? first : await this.#embed(space);
      return this.#store(tenantOf(space, tenant.projectId), { answer, response, vector });
    });
  }

  #store(tenant: Tenant, { answer, response, vector }: Storing): Promise<PromptView> {
    const { promptId, textHash, isPushed, reservation } = this.#job;
    const { db, processId } = this.#deps;
    return db.within(tenant.projectId).transaction(async (tx) => {
      const writes = new PromptWrites(tx, tenant);
      const end = { promptId, leaseOwner: processId, status: answer.status, model: response.model };
      if (!(await writes.finish(end))) return storedBefore(await writes.get(promptId), response);
      await writes.insertResponse(response);
      if (vector !== null) await writes.putVector({ promptId, textHash, ...vector });
      if (reservation !== null)
        await new SpendStore(tx, { projectId: tenant.projectId, userId: this.#job.userId }).settle(
          reservation,
          costOf(answer, reservation),
        );
      const row = await writes.get(promptId);
      if (row === null) throw gone(promptId);
      const view = promptView(row);
      const kind = answer.status === 'completed' ? 'prompt.completed' : 'prompt.failed';
      if (isPushed) await appendEvents(tx, [{ projectId: tenant.projectId, kind, promptId, view }]);
      return view;
    });
  }

  #observe(answer: ModelAnswer): void {
    this.#deps.observer.onModel({
      provider: this.#job.chosen.provider.name,
      outcome: answer.status,
      durationMs: answer.latencyMs,
      timeToFirstTokenMs: answer.timeToFirstTokenMs,
      usage: answer.spent?.usage ?? null,
      costUsd: answer.spent?.costUsd ?? null,
    });
  }

  #ring(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}

/** The view of an answer whose first storing was committed although the connection broke before saying so. */
function storedBefore(row: PromptRow | null, response: NewResponse): PromptView {
  if (row?.response?.id !== response.id) throw gone(response.promptId);
  return promptView(row);
}

const notYetStored = (promptId: string, cause: Fault): Fault =>
  new Fault(
    'overloaded',
    'The database is away: the answer is kept for it a while. Send the same idempotencyKey again, or read the prompt.',
    { retryAfterMs: 1_000, promptId },
    cause,
  );

const gone = (promptId: string): Fault =>
  new Fault('precondition', 'The prompt was deleted or ended meanwhile.', { state: 'gone', promptId });
