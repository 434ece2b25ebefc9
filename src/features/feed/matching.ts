import type { PromptFilter, PromptView } from '../prompts/schema.js';

type Condition = (prompt: PromptView, wanted: string) => boolean;

/** One condition for each field of the filter; it does not compile while one is missing. */
const conditions: { [Field in keyof Required<PromptFilter>]: Condition } = {
  status: (prompt, wanted) => prompt.status === wanted,
  model: (prompt, wanted) => prompt.response?.model === wanted,
  environment: (prompt, wanted) => prompt.environment === wanted,
  tag: (prompt, wanted) => prompt.tags.includes(wanted),
  userId: (prompt, wanted) => prompt.userId === wanted,
  conversationId: (prompt, wanted) => prompt.conversationId === wanted,
  createdFrom: (prompt, wanted) => Date.parse(prompt.createdAt) >= Date.parse(wanted),
  createdTo: (prompt, wanted) => Date.parse(prompt.createdAt) <= Date.parse(wanted),
  text: (prompt, wanted) => prompt.text.toLowerCase().includes(wanted.toLowerCase()),
};

/** What a deleted prompt's view does not tell any more. */
const blankedFields: ReadonlySet<keyof PromptFilter> = new Set([
  'model',
  'environment',
  'tag',
  'conversationId',
  'text',
]);

/** Whether a prompt passes a filter; every field given must hold, as in `prompts.list`. */
export const matches = (prompt: PromptView, filter: PromptFilter): boolean => passes(prompt, filter, noFields);

/** Whether a deleted prompt may have passed a filter: who heard of it must hear that it is gone. */
export const mayHaveMatched = (prompt: PromptView, filter: PromptFilter): boolean =>
  passes(prompt, filter, blankedFields);

const noFields: ReadonlySet<keyof PromptFilter> = new Set();

function passes(prompt: PromptView, filter: PromptFilter, unknown: ReadonlySet<keyof PromptFilter>): boolean {
  for (const [field, wanted] of Object.entries(filter) as [keyof PromptFilter, string | undefined][])
    if (wanted !== undefined && !unknown.has(field) && !conditions[field](prompt, wanted)) return false;
  return true;
}
