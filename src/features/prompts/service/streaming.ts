import type { ProjectAccess } from '../../../kernel/access.js';
import type { Ending } from '../../../kernel/ending.js';
import { invalidField, notFound } from '../../../kernel/fault.js';
import type { PromptStreamEvent, PromptView, StreamPromptInput } from '../schema.js';
import { LeaseStore } from '../store/leases.js';
import { PromptReads } from '../store/reads.js';
import { type PromptRow, promptView } from '../view.js';
import type { Begun, PromptCreation } from './creation.js';
import { type PromptDeps, tenantOf } from './deps.js';
import type { Generation } from './generation.js';

/** How often a prompt that another process answers is looked at. */
const elsewhereIntervalMs = 250;

/** One piece of a stream with the id that resumes after it. */
export interface StreamItem {
  id: string;
  event: PromptStreamEvent;
}

/** The caller's end of a stream. */
export interface StreamCaller {
  signal: Ending;
  /** Whether the connection still stands: a signal then means that the client stopped, else that it was cut. */
  isConnected(): boolean;
}

/** Where a resumed stream goes on: characters of the answer already received, or the very end. */
type Resume = { promptId: string; offset: number | 'end' };

/** Where one caller begins to read an answer, and what ends that. */
interface Reading {
  offset: number;
  signal: Ending;
}

/** Streams answers as they are made; a re-sent stream goes on where it was cut and asks no model again. */
export class PromptStreaming {
  readonly #deps: PromptDeps;
  readonly #creation: PromptCreation;

  constructor(deps: PromptDeps, creation: PromptCreation) {
    this.#deps = deps;
    this.#creation = creation;
  }

  /**
   * The stored prompt, the answer in pieces, the end.
   *
   * Shape: pieces that a slow reader has not taken are joined, so memory is bounded by the answer.
   * Faults: those of creating; a model's failure is the last item, not an error.
   */
  async *stream(access: ProjectAccess, input: StreamPromptInput, caller: StreamCaller): AsyncGenerator<StreamItem> {
    const resume = input.lastEventId === undefined ? null : resumeOf(input.lastEventId);
    const begun = await this.#begin(access, input, resume);
    const { prompt } = begun;
    if (resume?.offset === 'end') return;
    // Before the first item: a caller that leaves with it must be missed.
    const leave = begun.type === 'running' ? begun.generation.follow() : undefined;
    try {
      if (resume === null) yield { id: `${prompt.id}:0`, event: { type: 'prompt', prompt } };
      yield* this.#answer(access, begun, { offset: resume?.offset ?? 0, signal: caller.signal });
    } finally {
      leave?.(caller.isConnected() ? 'stopped' : 'cut');
    }
  }

  /** The prompt of a new stream, or that which a cut one had begun. A prompt deleted meanwhile is not made again. */
  async #begin(access: ProjectAccess, input: StreamPromptInput, resume: Resume | null): Promise<Begun> {
    if (resume === null) return this.#creation.begin(access, input);
    const begun = await this.#creation.earlier(access, input);
    if (begun === null) throw notFound('prompt');
    if (resume.promptId !== begun.prompt.id) throw invalidField('lastEventId', 'is of another prompt');
    return begun;
  }

  async *#answer(access: ProjectAccess, begun: Begun, { offset, signal }: Reading): AsyncGenerator<StreamItem> {
    const { id } = begun.prompt;
    const reader = new PieceReader(id, offset);
    if (begun.type === 'running') yield* reader.live(begun.generation, signal);
    const prompt = signal.aborted ? null : await this.#end(access, begun, signal);
    if (prompt === null) return;
    yield* reader.rest(prompt.response?.text ?? '');
    yield { id: `${id}:end`, event: { type: prompt.status === 'completed' ? 'completed' : 'failed', prompt } };
  }

  /** The prompt once it has ended, wherever its model is asked; null when the caller left first. */
  async #end(access: ProjectAccess, begun: Begun, signal: Ending): Promise<PromptView | null> {
    if (begun.type === 'ended') return begun.prompt;
    if (begun.type === 'running') return (await begun.generation.done).prompt;
    const row = await this.ended(access, begun.prompt.id, signal);
    return row === null ? null : promptView(row);
  }

  /**
   * Waits for a prompt that another process answers, and keeps that process at it: its lease bounds the wait. Null when
   * `signal` fires first.
   */
  async ended(access: ProjectAccess, id: string, signal: Ending | null): Promise<PromptRow | null> {
    const reads = new PromptReads(this.#deps.db, tenantOf(this.#deps.spaces.active(), access.projectId));
    const leases = new LeaseStore(this.#deps.db);
    for (;;) {
      const row = await reads.get(id);
      if (row === null) throw notFound('prompt');
      if (row.status !== 'pending') return row;
      await leases.hold(id);
      await new Promise((resolve) => setTimeout(resolve, elsewhereIntervalMs));
      if (signal?.aborted) return null;
    }
  }
}

/** Hands out an answer from an offset on, each character once. */
class PieceReader {
  readonly #promptId: string;
  #offset: number;

  constructor(promptId: string, offset: number) {
    this.#promptId = promptId;
    this.#offset = offset;
  }

  /** What there is, then what comes, until the answer is whole or `signal` fires. */
  async *live(generation: Generation, signal: Ending): AsyncGenerator<StreamItem> {
    while (!signal.aborted) {
      if (generation.text.length > this.#offset) yield* this.rest(generation.text);
      else if (generation.isDone) return;
      else await generation.changed(signal);
    }
  }

  /** What of `text` was not handed out yet, as one piece. */
  *rest(text: string): Generator<StreamItem> {
    const piece = text.slice(this.#offset);
    if (piece === '') return;
    this.#offset += piece.length;
    yield { id: `${this.#promptId}:${this.#offset}`, event: { type: 'delta', text: piece } };
  }
}

function resumeOf(lastEventId: string): Resume {
  const match = /^([0-9a-f-]{36}):(\d{1,7}|end)$/.exec(lastEventId);
  if (match?.[1] === undefined) throw invalidField('lastEventId', 'is not an id of this stream');
  return { promptId: match[1], offset: match[2] === 'end' ? 'end' : Number(match[2]) };
}
