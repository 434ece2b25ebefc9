import type { LlmRequest } from './provider.js';

/** Characters of one token of English prose, as OpenAI's guide says; measured 4.5 with o200k_base. */
export const charactersPerToken = 4;

/** Fewest UTF-8 bytes of one token seen: base64 text, o200k_base (random letters 1.9, prose 4.5, Chinese 3.6). */
const leastBytesPerToken = 1.5;

/** Role and separators around one message; source: OpenAI's cookbook counts 3 to 4. */
const tokensPerMessage = 4;

/** About how many tokens `text` has, at once and without a tokenizer. */
export const roughTokens = (text: string): number => Math.ceil(text.length / charactersPerToken);

/** The text of a request as it is counted: every message, one after another. */
export const requestText = (request: LlmRequest): string =>
  request.messages.map((message) => message.content).join('\n');

/** The most tokens the input of `request` can reasonably be, at once and without a tokenizer. */
export function mostInputTokens(request: LlmRequest): number {
  const bytes = new TextEncoder().encode(requestText(request)).length;
  return Math.ceil(bytes / leastBytesPerToken) + tokensPerMessage * request.messages.length;
}
