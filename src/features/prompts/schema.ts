import { z } from 'zod';

/** Longest prompt, in UTF-16 code units: at most 600 kB of JSON, under the body limit. */
export const maxTextLength = 100_000;
/** Longest similarity query and `system` text. */
export const maxQueryLength = 10_000;
/** Metadata as JSON text, in bytes. */
export const maxMetadataBytes = 16_384;

const id = z.uuid('must be a UUID').transform((text) => text.toLowerCase());
const notBlank = (text: string): boolean => text.trim() !== '';
const label = (maximum: number) => z.string().min(1).max(maximum).refine(notBlank, 'must not be blank');
const text = z.string().min(1, 'must not be empty').max(maxTextLength).refine(notBlank, 'must not be blank');
const tags = z.array(label(64)).max(32);
const metadata = z
  .record(z.string().max(256), z.json())
  .refine((value) => new TextEncoder().encode(JSON.stringify(value)).length <= maxMetadataBytes, `must be at most ${maxMetadataBytes} bytes as JSON`);
const parameters = z.strictObject({
  temperature: z.number().min(0).max(2).exactOptional(),
  maxOutputTokens: z.int().min(1).max(1_000_000).exactOptional(),
  topP: z.number().gt(0).max(1).exactOptional(),
  stop: z.array(z.string().min(1).max(256)).min(1).max(8).exactOptional(),
});
const projectId = id.exactOptional();
const model = label(200).exactOptional();

const createFields = {
  projectId,
  text,
  system: z.string().min(1).max(maxTextLength).exactOptional(),
  model,
  parameters: parameters.exactOptional(),
  conversationId: label(200).exactOptional(),
  environment: label(64).default('development'),
  tags: tags.default([]),
  metadata: metadata.default({}),
  push: z.boolean().default(true),
};

/** Input of `prompts.create`. */
export const CreatePromptInput = z.strictObject({
  ...createFields,
  generate: z.boolean().default(true),
  idempotencyKey: label(200).exactOptional(),
});
export type CreatePromptInput = z.infer<typeof CreatePromptInput>;

/** Input of `prompts.stream`; `lastEventId` is set by the client when it resumes. */
export const StreamPromptInput = z.strictObject({
  ...createFields,
  idempotencyKey: label(200),
  lastEventId: z.string().min(1).max(200).exactOptional(),
});
export type StreamPromptInput = z.infer<typeof StreamPromptInput>;

/** Input of procedures on one prompt. */
export const PromptIdInput = z.strictObject({ projectId, id });

/** What a prompt is now. */
export const PromptStatus = z.enum(['pending', 'completed', 'failed', 'cancelled']);

/** Which prompts are meant; every field given must hold. `text` is found literally, without regard to case. */
export const PromptFilter = z.strictObject({
  status: PromptStatus.exactOptional(),
  model,
  environment: label(64).exactOptional(),
  tag: label(64).exactOptional(),
  userId: id.exactOptional(),
  conversationId: label(200).exactOptional(),
  createdFrom: z.iso.datetime({ offset: true }).exactOptional(),
  createdTo: z.iso.datetime({ offset: true }).exactOptional(),
  text: z.string().min(1).max(256).exactOptional(),
});
export type PromptFilter = z.infer<typeof PromptFilter>;

/** Input of `prompts.list`. */
export const ListPromptsInput = z.strictObject({
  projectId,
  cursor: z.string().min(1).max(1_024).exactOptional(),
  limit: z.int().min(1).max(100).default(20),
  filter: PromptFilter.default({}),
});
export type ListPromptsInput = z.infer<typeof ListPromptsInput>;

/** Input of `prompts.update`; at least one field besides the id. */
export const UpdatePromptInput = z
  .strictObject({
    projectId,
    id,
    text: text.exactOptional(),
    system: z.string().min(1).max(maxTextLength).nullable().exactOptional(),
    conversationId: label(200).nullable().exactOptional(),
    environment: label(64).exactOptional(),
    tags: tags.exactOptional(),
    metadata: metadata.exactOptional(),
  })
  .refine((input) => Object.keys(input).some((key) => key !== 'id' && key !== 'projectId'), 'name at least one field to change');
export type UpdatePromptInput = z.infer<typeof UpdatePromptInput>;

/** Input of `prompts.regenerate`. */
export const RegeneratePromptInput = z.strictObject({ projectId, id, model });

/** Input of `prompts.similar`: a query or a stored prompt, not both. */
export const SimilarPromptsInput = z
  .strictObject({
    projectId,
    query: z.string().min(1).max(maxQueryLength).refine(notBlank, 'must not be blank').exactOptional(),
    promptId: id.exactOptional(),
    limit: z.int().min(1).max(50).default(5),
    minScore: z.number().min(-1).max(1).exactOptional(),
    filter: PromptFilter.default({}),
  })
  .refine((input) => (input.query === undefined) !== (input.promptId === undefined), {
    message: 'give either query or promptId',
    path: ['query'],
  });
export type SimilarPromptsInput = z.infer<typeof SimilarPromptsInput>;

/** One answer of a model. */
export const ResponseView = z.object({
  id: z.string(),
  text: z.string(),
  model: z.string(),
  provider: z.string(),
  finishReason: z.string().nullable(),
  usage: z
    .object({
      inputTokens: z.int(),
      outputTokens: z.int(),
      totalTokens: z.int(),
      cachedInputTokens: z.int(),
      isEstimated: z.boolean(),
    })
    .nullable(),
  costUsd: z.number().nullable(),
  latencyMs: z.int(),
  timeToFirstTokenMs: z.int().nullable(),
  error: z.object({ kind: z.string(), message: z.string() }).nullable(),
  createdAt: z.string(),
});
export type ResponseView = z.infer<typeof ResponseView>;

/** A prompt as it crosses the wire; `response` is the newest of its `responses`. */
export const PromptView = z.object({
  id: z.string(),
  projectId: z.string(),
  userId: z.string(),
  text: z.string(),
  system: z.string().nullable(),
  status: PromptStatus,
  response: ResponseView.nullable(),
  responses: z.int(),
  embedding: z.object({ space: z.string(), model: z.string(), dimensions: z.int(), truncated: z.boolean() }).nullable(),
  conversationId: z.string().nullable(),
  environment: z.string(),
  tags: z.array(z.string()),
  metadata: z.record(z.string(), z.json()),
  createdAt: z.string(),
  updatedAt: z.string(),
});
export type PromptView = z.infer<typeof PromptView>;

/** A page of prompts, newest first; `nextCursor` is null on the last. */
export const PromptPage = z.object({ items: z.array(PromptView), nextCursor: z.string().nullable() });
export type PromptPage = z.infer<typeof PromptPage>;

/** The answer of `prompts.similar`, nearest first. */
export const SimilarPrompts = z.object({
  hits: z.array(z.object({ prompt: PromptView, score: z.number() })),
  lane: z.enum(['exact', 'hnsw']),
  space: z.string(),
  candidates: z.int(),
});
export type SimilarPrompts = z.infer<typeof SimilarPrompts>;

/** What `prompts.stream` yields: the stored prompt, the answer as it is made, the end. */
export type PromptStreamEvent =
  | { type: 'prompt'; prompt: PromptView }
  | { type: 'delta'; text: string }
  | { type: 'completed' | 'failed'; prompt: PromptView };
