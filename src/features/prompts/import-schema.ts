import { z } from 'zod';
import { createFields, instant, label, maxTextLength, model, projectId } from './schema.js';

/** Most prompts of one import, and most answers of one imported prompt. */
export const maxImportItems = 1_000;
const maxImportResponses = 32;

/** Twice it is still an integer of the database. */
const count = z.int().min(0).max(1_000_000_000).exactOptional();
const then = instant.refine((time) => Date.parse(time) >= 0, 'must not lie before 1970').exactOptional();

/** An answer that an imported prompt came with. What is not known is left out; `latencyMs` counts as 0 then. */
const ImportedResponse = z.strictObject({
  text: z.string().max(maxTextLength),
  model,
  provider: label(200).default('imported'),
  finishReason: label(64).exactOptional(),
  inputTokens: count,
  outputTokens: count,
  cachedInputTokens: count,
  costUsd: z.number().min(0).max(1_000_000).exactOptional(),
  latencyMs: count,
  timeToFirstTokenMs: count,
  /** Given when the model failed; the prompt counts as failed when its last answer did. */
  error: z.strictObject({ kind: label(64).default('upstream'), message: z.string().max(10_000) }).exactOptional(),
  createdAt: then,
});

/** A prompt that was made elsewhere, with its answers, oldest first. */
const ImportedPrompt = z.strictObject({
  text: createFields.text,
  system: createFields.system,
  model,
  parameters: createFields.parameters,
  conversationId: createFields.conversationId,
  environment: createFields.environment,
  tags: createFields.tags,
  metadata: createFields.metadata,
  responses: z.array(ImportedResponse).max(maxImportResponses).default([]),
  /** When it was asked; it takes its place in `prompts.list` by that. Default: now. */
  createdAt: then,
  /** Who sends the same key again stores nothing again. */
  idempotencyKey: createFields.idempotencyKey,
});

/**
 * Input of `prompts.import`.
 *
 * `idempotencyKey`: items without a key of their own are known by this one and their place. `push: false` keeps all of
 * them out of the feed.
 */
export const ImportPromptsInput = z.strictObject({
  projectId,
  items: z.array(ImportedPrompt).min(1).max(maxImportItems),
  idempotencyKey: label(190).exactOptional(),
  push: z.boolean().default(true),
});
export type ImportPromptsInput = z.infer<typeof ImportPromptsInput>;

/** The answer of `prompts.import`. */
export interface ImportedPrompts {
  /** Prompts stored by this call. */
  imported: number;
  /** Prompts that were there already, by their keys. */
  skipped: number;
  /** The prompt of each item, in their order. */
  ids: string[];
}
