import { Fault } from '../../kernel/fault.js';
import type { LlmChunk, LlmProvider, LlmRequest, LlmUsage } from './provider.js';
import { charactersPerToken, requestText, roughTokens } from './tokens.js';

const introduction =
  'This is not a model: Promptwell runs offline and no provider was asked. For real answers set LLM_BASE_URL and ' +
  'LLM_MODEL (any OpenAI-compatible endpoint), OPENAI_API_KEY or ANTHROPIC_API_KEY, and start it again.';

/** Eight words, for an answer to arrive visibly in pieces. */
const deltaPattern = /\s*(?:\S+\s*){1,8}/gu;

/** Characters of the prompt that the answer repeats. */
const excerptLength = 160;

/**
 * A stand-in for a model: the same request gives the same answer, at once, for nothing, with no network.
 *
 * Shape: says first that it is not a model and how to configure one, then repeats the start of the prompt. Honours
 * `maxOutputTokens` (four characters count as one token; `finishReason` is then `length`) and `stop`; temperature and
 * topP mean nothing to it. Its model is always `offline`.
 * Faults: `cancelled`.
 */
export function offlineProvider(): LlmProvider {
  return {
    name: 'offline',
    defaultModel: 'offline',
    stream: (request, signal) => answer(request, signal),
    estimateUsd: () => 0,
    spentBy: (request, text) => Promise.resolve({ usage: usageOf(request, text), costUsd: 0 }),
  };
}

async function* answer(request: LlmRequest, signal: AbortSignal): AsyncGenerator<LlmChunk, void, undefined> {
  const { text, finishReason } = limited(composed(request), request.parameters);
  for (const delta of text.match(deltaPattern) ?? []) {
    if (signal.aborted) throw new Fault('cancelled', 'The call was cancelled.');
    yield { type: 'delta', text: delta };
  }
  yield { type: 'finish', model: 'offline', finishReason, usage: usageOf(request, text), costUsd: 0 };
}

function composed(request: LlmRequest): string {
  const prompt = request.messages.findLast((message) => message.role === 'user')?.content ?? '';
  const words = prompt.split(/\s+/u).filter((word) => word !== '');
  const characters = [...words.join(' ')];
  const excerpt = characters.slice(0, excerptLength).join('');
  const ellipsis = characters.length > excerptLength ? '…' : '';
  return `${introduction}\n\nYour prompt has ${words.length} words and ${[...prompt].length} characters. It begins: “${excerpt}${ellipsis}”`;
}

function limited(text: string, { stop = [], maxOutputTokens = Infinity }: LlmRequest['parameters']) {
  const ends = stop.map((sequence) => text.indexOf(sequence)).filter((index) => index >= 0);
  const stopped = text.slice(0, Math.min(text.length, ...ends));
  const isTooLong = roughTokens(stopped) > maxOutputTokens;
  return isTooLong
    ? { text: wellFormed(stopped.slice(0, maxOutputTokens * charactersPerToken)), finishReason: 'length' }
    : { text: stopped, finishReason: 'stop' };
}

/** A cut between the halves of a surrogate pair would leave text that no database takes. */
const wellFormed = (text: string): string => text.replace(/\p{Surrogate}$/u, '');

function usageOf(request: LlmRequest, output: string): LlmUsage {
  const inputTokens = roughTokens(requestText(request));
  const outputTokens = roughTokens(output);
  return {
    inputTokens,
    outputTokens,
    totalTokens: inputTokens + outputTokens,
    cachedInputTokens: 0,
    isEstimated: true,
  };
}
