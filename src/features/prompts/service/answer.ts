import { Fault } from '../../../kernel/fault.js';
import type { ChosenModel } from '../../../platform/llm/choose.js';
import type { LlmFinish, LlmRequest, LlmSpent } from '../../../platform/llm/provider.js';
import type { Reservation } from '../store/spend.js';
import type { NewResponse } from '../store/writes.js';

/** How a model call ended, with what it had said by then. */
export interface ModelAnswer {
  status: 'completed' | 'failed' | 'cancelled';
  text: string;
  finish: LlmFinish | null;
  /** Tokens and cost: the provider's own, or counted here when the answer broke off; null when none came. */
  spent: LlmSpent | null;
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
    spent: null,
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
  const latencyMs = sinceStart();
  return {
    ...answer,
    latencyMs,
    spent: answer.finish ?? (await spentBy(chosen, request, { text: answer.text, deps })),
  };
}

/** A provider charges for what it said before a call broke off, so it is recorded. */
async function spentBy(
  { provider }: ChosenModel,
  request: LlmRequest,
  { text, deps }: { text: string; deps: AskDeps },
): Promise<LlmSpent | null> {
  if (text === '') return null;
  try {
    return await provider.spentBy(request, text);
  } catch (cause) {
    deps.onBug(cause);
    return null;
  }
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
  const { finish, spent, fault, status } = answer;
  return {
    ...ids,
    ...figuresOf(spent),
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

/** Tokens and cost: nothing is known of a call that brought no text. */
function figuresOf(spent: LlmSpent | null) {
  if (spent !== null) return { ...spent.usage, costUsd: spent.costUsd };
  const unknown = { inputTokens: null, outputTokens: null, totalTokens: null, cachedInputTokens: null };
  return { ...unknown, isEstimated: false, costUsd: null };
}
