import { z } from 'zod';
import { instantHint, isInstant } from '../../kernel/instant.js';

/** Longest prompt, in UTF-16 code units: at most 600 kB of JSON, under the body limit. */
export const maxTextLength = 100_000;
/** Longest similarity query and `system` text. */
export const maxQueryLength = 10_000;
/** Metadata as JSON text, in bytes. */
export const maxMetadataBytes = 16_384;

const id = z.uuid('must be a UUID').transform((text) => text.toLowerCase());
const notBlank = (text: string): boolean => text.trim() !== '';
/** A short text that is not blank. */
export const label = (maximum: number) => z.string().min(1).max(maximum).refine(notBlank, 'must not be blank');
const text = z.string().min(1, 'must not be empty').max(maxTextLength).refine(notBlank, 'must not be blank');
const tags = z.array(label(64)).max(32);
const metadata = z
  .record(z.string().max(256), z.json())
  .refine(
    (value) => new TextEncoder().encode(JSON.stringify(value)).length <= maxMetadataBytes,
    `must be at most ${maxMetadataBytes} bytes as JSON`,
  );
const parameters = z.strictObject({
  temperature: z.number().min(0).max(2).exactOptional(),
  maxOutputTokens: z.int().min(1).max(1_000_000).exactOptional(),
  topP: z.number().gt(0).max(1).exactOptional(),
  stop: z.array(z.string().min(1).max(256)).min(1).max(8).exactOptional(),
});
/** The project that is meant; the caller's own when it is left out. */
export const projectId = id.exactOptional();
/** The name of a model. */
export const model = label(200).exactOptional();

/** What makes a prompt, whoever makes it. */
export const createFields = {
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
  idempotencyKey: label(200).exactOptional(),
};

/** Input of `prompts.create`. */
export const CreatePromptInput = z.strictObject({ ...createFields, generate: z.boolean().default(true) });
export type CreatePromptInput = z.infer<typeof CreatePromptInput>;

/** Input of `prompts.stream`; `lastEventId` is set by the client when it resumes. */
export const StreamPromptInput = z
  .strictObject({
    /** Promptwell's own client makes a key, so it may be left out there. */
    ...createFields,
    lastEventId: z.string().min(1).max(200).exactOptional(),
  })
  .refine((input) => input.idempotencyKey !== undefined, {
    message: 'is required: a cut stream is sent again and must not ask the model twice',
    path: ['idempotencyKey'],
  });
export type StreamPromptInput = z.infer<typeof StreamPromptInput>;

const cursor = z.string().min(1).max(1_024).exactOptional();
const pageLimit = z.int().min(1).max(100).default(20);

/** Input of procedures on one prompt. */
export const PromptIdInput = z.strictObject({ projectId, id });

/** Input of `prompts.responses`. */
export const ListResponsesInput = z.strictObject({ projectId, id, cursor, limit: pageLimit });
export type ListResponsesInput = z.infer<typeof ListResponsesInput>;

/** A moment that the database can store. */
export const instant = z.iso.datetime({ offset: true }).refine(isInstant, instantHint);

/** What a prompt is now. */
export const PromptStatus = z.enum(['pending', 'completed', 'failed', 'cancelled']);
export type PromptStatus = z.infer<typeof PromptStatus>;

/** Which prompts are meant; every field given must hold. `text` is found literally, without regard to case. */
export const PromptFilter = z.strictObject({
  status: PromptStatus.exactOptional(),
  model,
  environment: label(64).exactOptional(),
  tag: label(64).exactOptional(),
  userId: id.exactOptional(),
  conversationId: label(200).exactOptional(),
  createdFrom: instant.exactOptional(),
  createdTo: instant.exactOptional(),
  text: z.string().min(1).max(256).exactOptional(),
});
export type PromptFilter = z.infer<typeof PromptFilter>;

/** Input of `prompts.list`. */
export const ListPromptsInput = z.strictObject({
  projectId,
  cursor,
  limit: pageLimit,
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
  .refine(
    (input) => Object.keys(input).some((key) => key !== 'id' && key !== 'projectId'),
    'name at least one field to change',
  );
export type UpdatePromptInput = z.infer<typeof UpdatePromptInput>;

/** Input of `prompts.regenerate`. */
export const RegeneratePromptInput = z.strictObject({ projectId, id, model });

/** How prompts are found: by their vectors, by the words they hold, or by both. */
export const SimilarityMode = z.enum(['meaning', 'words', 'hybrid']);
export type SimilarityMode = z.infer<typeof SimilarityMode>;

/**
 * Input of `prompts.similar`: a query or a stored prompt, not both.
 *
 * `mode`: `hybrid` when the lexical embedder serves, else `meaning`. `minScore`: the least `similarity` of a hit; in mode
 * `words`, which knows none, the least `score`.
 */
export const SimilarPromptsInput = z
  .strictObject({
    projectId,
    query: z.string().min(1).max(maxQueryLength).refine(notBlank, 'must not be blank').exactOptional(),
    promptId: id.exactOptional(),
    limit: z.int().min(1).max(50).default(5),
    minScore: z.number().min(-1).max(1).exactOptional(),
    mode: SimilarityMode.exactOptional(),
    filter: PromptFilter.default({}),
  })
  .refine((input) => (input.query === undefined) !== (input.promptId === undefined), {
    message: 'give either query or promptId',
    path: ['query'],
  });
export type SimilarPromptsInput = z.infer<typeof SimilarPromptsInput>;

/** Any JSON value. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** One answer of a model: whole, cut short or failed. */
export interface ResponseView {
  id: string;
  text: string;
  model: string;
  provider: string;
  finishReason: string | null;
  usage: {
    inputTokens: number;
    outputTokens: number;
    totalTokens: number;
    cachedInputTokens: number;
    /** True when the provider gave no counts and they were estimated here. */
    isEstimated: boolean;
  } | null;
  /** USD; null when the model's price is unknown. */
  costUsd: number | null;
  latencyMs: number;
  timeToFirstTokenMs: number | null;
  /** `kind` as the errors of this service, or `interrupted`; `reason` is the provider's part in it, such as `rate_limited`. */
  error: { kind: string; reason: string | null; message: string } | null;
  /** ISO 8601, UTC. */
  createdAt: string;
}

/** A prompt as it crosses the wire; `response` is the newest of its `responses`. Vectors never do. */
export interface PromptView {
  id: string;
  projectId: string;
  userId: string;
  text: string;
  system: string | null;
  status: PromptStatus;
  response: ResponseView | null;
  responses: number;
  /** Null until the text has a vector in the space that serves. */
  embedding: { space: string; model: string; dimensions: number; truncated: boolean } | null;
  conversationId: string | null;
  environment: string;
  tags: string[];
  metadata: { [key: string]: Json };
  createdAt: string;
  updatedAt: string;
}

/**
 * A page, newest first; `nextCursor` is null on the last. One of long prompts holds fewer than were asked for: some two
 * million characters, or one prompt.
 */
export interface Page<Item> {
  items: Item[];
  nextCursor: string | null;
}

/** A prompt that was found, and why. */
export interface SimilarHit {
  prompt: PromptView;
  /**
   * What the order follows. `meaning`: cosine similarity in [-1, 1]. `words`: from 0 to 1, the share of the query's words
   * found, weighed by their rarity in the project. `hybrid`: (similarity + 0.3 times the words' score) / 1.3. The query's own
   * text has 1 in each, or the rounding of its vector less.
   */
  score: number;
  /** Cosine similarity; null in mode `words`, and for a prompt whose vector is still being made. */
  similarity: number | null;
  /** Its place in each lane, from 1: among the `limit` nearest in meaning, and among all that hold a word asked for. */
  ranks: { meaning: number | null; words: number | null };
  /** The query's words that the prompt holds in any form, as the query writes them, the most telling first; at most 16. */
  matchedWords: string[];
}

/** The answer of `prompts.similar`, best first. */
export interface SimilarPrompts {
  hits: SimilarHit[];
  mode: SimilarityMode;
  /** How vectors were searched: every one of the project, or its approximate index; `words` when none was. */
  lane: 'exact' | 'hnsw' | 'words';
  space: string;
  /**
   * How many vectors passed the filter. By lane: `exact`, that many were compared; `hnsw`, without a filter the size of the
   * index as counted within the last minutes, with one at least that many (counting stops at what decides the lane);
   * `words`, how many prompts that hold a word were compared, at most 500.
   */
  candidates: number;
}

/** What `prompts.stream` yields: the stored prompt, the answer as it is made, the end. */
export type PromptStreamEvent =
  | { type: 'prompt'; prompt: PromptView }
  | { type: 'delta'; text: string }
  | { type: 'completed' | 'failed'; prompt: PromptView };
