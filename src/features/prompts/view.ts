import type { Json, PromptStatus, PromptView, ResponseView } from './schema.js';

/** A row of `response` as the statements of this room select it. */
export interface ResponseRow {
  id: string;
  text: string;
  model: string;
  provider: string;
  finishReason: string | null;
  inputTokens: number | null;
  outputTokens: number | null;
  totalTokens: number | null;
  cachedInputTokens: number | null;
  isEstimated: boolean;
  costUsd: number | null;
  latencyMs: number;
  timeToFirstTokenMs: number | null;
  error: { kind: string; message: string; details?: { reason?: string } } | null;
  /** ISO text: rows nested in JSON bear no dates. */
  createdAt: string;
}

/** A row of `prompt` with its newest response and its vector's space. */
export interface PromptRow {
  id: string;
  projectId: string;
  userId: string;
  text: string;
  system: string | null;
  status: PromptStatus;
  /** The model that answered last, or that was asked for; null when none was named. */
  model: string | null;
  parameters: object;
  /** Whether its events go to the live feed. */
  isPushed: boolean;
  conversationId: string | null;
  environment: string;
  tags: string[];
  metadata: { [key: string]: Json };
  createdAt: Date;
  updatedAt: Date;
  response: ResponseRow | null;
  responses: number;
  space: string | null;
  dimensions: number | null;
  isTruncated: boolean | null;
}

/** What a response looks like on the wire. */
export function responseView(row: ResponseRow): ResponseView {
  const { inputTokens, outputTokens, totalTokens, cachedInputTokens } = row;
  return {
    id: row.id,
    text: row.text,
    model: row.model,
    provider: row.provider,
    finishReason: row.finishReason,
    usage:
      inputTokens === null || outputTokens === null
        ? null
        : {
            inputTokens,
            outputTokens,
            totalTokens: totalTokens ?? inputTokens + outputTokens,
            cachedInputTokens: cachedInputTokens ?? 0,
            isEstimated: row.isEstimated,
          },
    costUsd: row.costUsd,
    latencyMs: row.latencyMs,
    timeToFirstTokenMs: row.timeToFirstTokenMs,
    error:
      row.error === null
        ? null
        : { kind: row.error.kind, reason: row.error.details?.reason ?? null, message: row.error.message },
    createdAt: new Date(row.createdAt).toISOString(),
  };
}

/** What a prompt looks like on the wire. */
export function promptView(row: PromptRow): PromptView {
  return {
    id: row.id,
    projectId: row.projectId,
    userId: row.userId,
    text: row.text,
    system: row.system,
    status: row.status,
    response: row.response === null ? null : responseView(row.response),
    responses: row.responses,
    embedding:
      row.space === null || row.dimensions === null
        ? null
        : { space: row.space, model: row.space, dimensions: row.dimensions, truncated: row.isTruncated ?? false },
    conversationId: row.conversationId,
    environment: row.environment,
    tags: row.tags,
    metadata: row.metadata,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}

/** What of a row outlives its prompt. */
export type TombstoneRow = Pick<PromptRow, 'id' | 'projectId' | 'userId' | 'status' | 'createdAt' | 'updatedAt'>;

/** The view that stays in the outbox once a prompt is deleted: who and when, and no word that anybody chose. */
export const tombstoneView = (row: TombstoneRow): PromptView => ({
  id: row.id,
  projectId: row.projectId,
  userId: row.userId,
  text: '',
  system: null,
  status: row.status,
  response: null,
  responses: 0,
  embedding: null,
  conversationId: null,
  environment: '',
  tags: [],
  metadata: {},
  createdAt: row.createdAt.toISOString(),
  updatedAt: row.updatedAt.toISOString(),
});
