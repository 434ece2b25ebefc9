import { Fault } from '../../../kernel/fault.js';
import type { ChosenModel } from '../../../platform/llm/choose.js';
import type { LlmFinish, LlmRequest } from '../../../platform/llm/provider.js';
import type { Reservation } from '../store/spend.js';
import type { NewResponse } from '../store/writes.js';

/** How a model call ended, with what it had said by then. */
export interface ModelAnswer {
  status: 'completed' | 'failed' | 'cancelled';
  text: string;
  finish: LlmFinish | null;
  /** Why it failed; null unless it did. */
  fault: Fault | null;
  latencyMs: number;
  timeToFirstTokenMs: number | null;
}

/** What one model call needs. */
export interface AskDeps {
  monotonicMs(): number;
  /** Called with each piece of text as it comes. */
  onDelta(text: string): void;
  /** Told of what a provider should never throw. */
  onBug(cause: unknown): void;
}

/** Asks a model and never throws: a failure is an answer too, and is stored like one. */
export async function ask(
  chosen: ChosenModel,
  request: LlmRequest,
  deps: AskDeps & { signal: AbortSignal },
): Promise<ModelAnswer> {
  const startedMs = deps.monotonicMs();
  const sinceStart = (): number => Math.max(0, Math.round(deps.monotonicMs() - startedMs));
  const answer: ModelAnswer = {
    status: 'failed',
    text: '',
    finish: null,
    fault: null,
    latencyMs: 0,
    timeToFirstTokenMs: null,
  };
  try {
    for await (const chunk of chosen.provider.stream(request, deps.signal)) {
      if (chunk.type === 'finish') {
        answer.finish = chunk;
        continue;
      }
      answer.timeToFirstTokenMs ??= sinceStart();
      answer.text += chunk.text;
      deps.onDelta(chunk.text);
    }
    answer.status = 'completed';
  } catch (cause) {
    answer.status = deps.signal.aborted ? 'cancelled' : 'failed';
    if (answer.status === 'failed') answer.fault = faultOf(cause, chosen.provider.name, deps);
  }
  return { ...answer, latencyMs: sinceStart() };
}

function faultOf(cause: unknown, provider: string, deps: AskDeps): Fault {
  if (cause instanceof Fault) return cause;
  deps.onBug(cause);
  return new Fault('upstream', 'The model call failed.', { provider }, cause);
}

/** The row that keeps an answer. */
export function responseOf(
  answer: ModelAnswer,
  ids: { id: string; promptId: string },
  chosen: ChosenModel,
): NewResponse {
  const { finish, fault, status } = answer;
  return {
    ...ids,
    ...figuresOf(finish),
    text: answer.text,
    model: finish?.model ?? chosen.model,
    provider: chosen.provider.name,
    finishReason: finish?.finishReason ?? (status === 'cancelled' ? 'cancelled' : null),
    latencyMs: answer.latencyMs,
    timeToFirstTokenMs: answer.timeToFirstTokenMs,
    error: fault === null ? null : { kind: fault.kind, message: fault.message, details: fault.details },
  };
}

/** What a call cost: nothing without a first byte; when it ended without usage, what was set aside stays spent. */
export function costOf(answer: ModelAnswer, reserved: Reservation): number {
  if (answer.finish !== null) return answer.finish.costUsd ?? reserved.usd;
  return answer.text === '' ? 0 : reserved.usd;
}

/** Tokens and cost: nothing is known of a call that did not finish. */
function figuresOf(finish: LlmFinish | null) {
  if (finish !== null) return { ...finish.usage, costUsd: finish.costUsd };
  const unknown = { inputTokens: null, outputTokens: null, totalTokens: null, cachedInputTokens: null };
  return { ...unknown, isEstimated: false, costUsd: null };
}
