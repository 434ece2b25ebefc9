import type { ProjectAccess } from '../../../kernel/access.js';
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
  signal: AbortSignal;
  /** Whether the connection still stands: a signal then means that the client stopped, else that it was cut. */
  isConnected(): boolean;
}

/** Where a resumed stream goes on: characters of the answer already received, or the very end. */
type Resume = { promptId: string; offset: number | 'end' };

/** How one caller reads a stream. */
interface Reading {
  resume: Resume | null;
  signal: AbortSignal;
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
    const begun = resume === null ? await this.#creation.begin(access, input) : await this.#resumed(access, input);
    // Before the first item: a caller that leaves with it must be missed.
    const leave = begun.type === 'running' ? begun.generation.follow() : undefined;
    try {
      yield* this.#items(access, begun, { resume, signal: caller.signal });
    } finally {
      leave?.(caller.isConnected() ? 'stopped' : 'cut');
    }
  }

  /** The prompt a cut stream had begun. A prompt deleted meanwhile is not made again. */
  async #resumed(access: ProjectAccess, input: StreamPromptInput): Promise<Begun> {
    const begun = await this.#creation.earlier(access, input);
    if (begun === null) throw notFound('prompt');
    return begun;
  }

  async *#items(access: ProjectAccess, begun: Begun, { resume, signal }: Reading): AsyncGenerator<StreamItem> {
    const { id } = begun.prompt;
    if (resume !== null && resume.promptId !== id) throw invalidField('lastEventId', 'is of another prompt');
    if (resume?.offset === 'end') return;
    let offset = resume?.offset ?? 0;
    if (resume === null) yield { id: `${id}:0`, event: { type: 'prompt', prompt: begun.prompt } };
    if (begun.type === 'running') {
      for await (const end of grown(begun.generation, offset, signal)) {
        yield { id: `${id}:${end}`, event: { type: 'delta', text: begun.generation.text.slice(offset, end) } };
        offset = end;
      }
    }
    const prompt = signal.aborted ? null : await this.#end(access, begun, signal);
    if (prompt === null) return;
    const rest = prompt.response?.text.slice(offset) ?? '';
    if (rest !== '') yield { id: `${id}:${offset + rest.length}`, event: { type: 'delta', text: rest } };
    yield { id: `${id}:end`, event: { type: prompt.status === 'completed' ? 'completed' : 'failed', prompt } };
  }

  /** The prompt once it has ended, wherever its model is asked; null when the caller left first. */
  async #end(access: ProjectAccess, begun: Begun, signal: AbortSignal): Promise<PromptView | null> {
    if (begun.type === 'ended') return begun.prompt;
    if (begun.type === 'running') return (await begun.generation.done).prompt;
    const row = await this.ended(access, begun.prompt.id, signal);
    return row === null ? null : promptView(row);
  }

  /**
   * Waits for a prompt that another process answers, and keeps that process at it: its lease bounds the wait. Null when
   * `signal` fires first.
   */
  async ended(access: ProjectAccess, id: string, signal: AbortSignal | null): Promise<PromptRow | null> {
    const reads = new PromptReads(this.#deps.db, tenantOf(this.#deps, access.projectId));
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

/** The lengths that the answer's growing text reaches, until it is whole or `signal` fires. */
async function* grown(generation: Generation, from: number, signal: AbortSignal): AsyncGenerator<number> {
  let length = from;
  while (!signal.aborted) {
    if (generation.text.length > length) {
      length = generation.text.length;
      yield length;
    } else if (generation.isDone) return;
    else await generation.changed(signal);
  }
}

function resumeOf(lastEventId: string): Resume {
  const match = /^([0-9a-f-]{36}):(\d{1,7}|end)$/.exec(lastEventId);
  if (match?.[1] === undefined) throw invalidField('lastEventId', 'is not an id of this stream');
  return { promptId: match[1], offset: match[2] === 'end' ? 'end' : Number(match[2]) };
}
