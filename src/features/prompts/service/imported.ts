import type { ProjectAccess } from '../../../kernel/access.js';
import { invalidField } from '../../../kernel/fault.js';
import type { Ids } from '../../../kernel/ids.js';
import { requestHash, textHash } from '../fingerprint.js';
import type { ImportPromptsInput } from '../import-schema.js';
import type { Insertion } from '../store/insertion.js';
import type { NewPrompt } from '../store/writes.js';
import { promptView, type ResponseRow } from '../view.js';

/** How far clocks of others may be ahead of the database's. */
const clockSlackMs = 60_000;

type Item = ImportPromptsInput['items'][number];
type ItemResponse = Item['responses'][number];

/** What the prompts of one import have in common. */
export interface Making {
  access: ProjectAccess;
  input: Pick<ImportPromptsInput, 'idempotencyKey' | 'push'>;
  ids: Ids;
  /** In database time. */
  now: Date;
}

/**
 * What is stored of an item at its place.
 *
 * Shape: ids of the time that the item names, so that it is listed there; those of one millisecond in their order.
 * Faults: `invalid` for a time that is still to come.
 */
export function insertionOf(making: Making, item: Item, place: number): Insertion {
  const { access, input, now } = making;
  const responses = responsesOf(making, item, place);
  const last = responses.at(-1) ?? null;
  const prompt = promptOf(making, { item, place, last });
  const status = last === null || last.error === null ? 'completed' : 'failed';
  const row = { ...prompt, status, projectId: access.projectId, response: last, responses: responses.length } as const;
  const view = promptView({ ...row, createdAt: now, updatedAt: now, space: null, dimensions: null, isTruncated: null });
  const kinds = input.push ? ['prompt.created'] : [];
  return { prompt, status, createdAt: item.createdAt ?? null, vector: null, responses, kinds, view };
}

function promptOf(
  { access, input, ids, now }: Making,
  { item, place, last }: { item: Item; place: number; last: ResponseRow | null },
): NewPrompt {
  const {
    idempotencyKey,
    responses: _responses,
    model,
    system,
    conversationId,
    parameters = {},
    createdAt,
    ...fields
  } = item;
  const timeMs = createdAt === undefined ? null : timeOf(now, createdAt, `items.${place}.createdAt`);
  return {
    ...fields,
    id: timeMs === null ? ids.uuid() : ids.uuidAt(timeMs, place),
    userId: access.userId,
    textHash: textHash(item.text),
    system: orNull(system),
    model: last?.model ?? orNull(model),
    parameters,
    conversationId: orNull(conversationId),
    isPushed: input.push,
    idempotencyKey: idempotencyKey ?? keyAt(input.idempotencyKey, place),
    requestHash: requestHash({ ...item, idempotencyKey: undefined, isImported: true, push: input.push }),
    leaseOwner: null,
  };
}

const orNull = <T>(value: T | undefined): T | null => value ?? null;

const keyAt = (key: string | undefined, place: number): string | null => (key === undefined ? null : `${key}:${place}`);

/** The newest answer is the one of the greatest id: one that names an earlier time than the one before it is no exception. */
function responsesOf({ ids, now }: Making, item: Item, place: number): ResponseRow[] {
  let latestMs = 0;
  return item.responses.map((response, index) => {
    const given = response.createdAt ?? item.createdAt;
    const path = `items.${place}.responses.${index}.createdAt`;
    const timeMs = given === undefined ? now.getTime() : timeOf(now, given, path);
    latestMs = Math.max(latestMs, timeMs);
    return responseOf(response, {
      id: ids.uuidAt(latestMs, index),
      createdAt: new Date(timeMs).toISOString(),
      model: response.model ?? item.model ?? 'unknown',
    });
  });
}

function responseOf(response: ItemResponse, known: Pick<ResponseRow, 'id' | 'createdAt' | 'model'>): ResponseRow {
  const { text, provider, inputTokens, outputTokens, error, latencyMs = 0 } = response;
  return {
    ...known,
    text,
    provider,
    latencyMs,
    inputTokens: orNull(inputTokens),
    outputTokens: orNull(outputTokens),
    totalTokens: inputTokens === undefined || outputTokens === undefined ? null : inputTokens + outputTokens,
    finishReason: orNull(response.finishReason),
    cachedInputTokens: orNull(response.cachedInputTokens),
    isEstimated: false,
    costUsd: orNull(response.costUsd),
    timeToFirstTokenMs: orNull(response.timeToFirstTokenMs),
    error: error === undefined ? null : { ...error, details: {} },
  };
}

function timeOf(now: Date, time: string, path: string): number {
  const timeMs = Date.parse(time);
  if (timeMs > now.getTime() + clockSlackMs) throw invalidField(path, 'lies in the future');
  return timeMs;
}
