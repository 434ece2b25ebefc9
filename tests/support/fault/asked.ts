import { randomUUID } from 'node:crypto';
import type { Inputs, PromptwellClient } from '../../../src/client.js';
import type { Database } from '../../../src/platform/db/database.js';
import type { Exchange } from '../fake-upstream.js';
import { type Prompt, type Refusal, refusalOf } from '../prompts.js';
import type { Ledger, StoredRow } from './ledger.js';

/** How a call came out that the ledger knows of. */
export interface Asked {
  key: string;
  /** The prompt's id, as the caller was told it, also with a refusal; undefined when it was told none. */
  id: string | undefined;
  prompt: Prompt | undefined;
  refusal: Refusal | undefined;
  durationMs: number;
}

/** Creates a prompt under a key of its own; whoever is told the prompt's id, be it with its failure, has its word. */
export async function asked(
  ledger: Ledger,
  client: PromptwellClient,
  input: Inputs['prompts']['create'],
): Promise<Asked> {
  const key = input.idempotencyKey ?? randomUUID();
  ledger.sent(key);
  const beganMs = performance.now();
  let prompt: Prompt | undefined;
  let refusal: Refusal | undefined;
  try {
    prompt = await client.prompts.create.mutate({ ...input, idempotencyKey: key });
  } catch (error) {
    refusal = refusalOf(error);
  }
  const told = prompt?.id ?? refusal?.details['promptId'];
  const id = typeof told === 'string' ? told : undefined;
  if (id !== undefined) ledger.acknowledged(key, id);
  return { key, id, prompt, refusal, durationMs: performance.now() - beganMs };
}

/** What is stored under a key, of everybody. */
export const storedRows = (db: Database): Promise<StoredRow[]> =>
  db.read<StoredRow>(
    'SELECT idempotency_key AS key, id::text AS id FROM prompt WHERE idempotency_key IS NOT NULL ORDER BY id',
    [],
  );

/** A verdict's three lists when nothing is wrong. */
export const whole = { lost: [], doubled: [], unknown: [] };

/** What the upstream was asked: the text of the prompt. */
export function textOf({ request }: Pick<Exchange, 'request'>): string {
  const messages = request.body['messages'] as { content: string | { text: string }[] }[];
  const content = messages.at(-1)?.content ?? '';
  return typeof content === 'string' ? content : content.map(({ text }) => text).join('');
}

/** Runs `work` for each of 0 to `count - 1`, at most `width` at once, and answers what they came to, in order. */
export async function inTurns<T>(count: number, width: number, work: (index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) {
      const index = next;
      next += 1;
      results[index] = await work(index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, count) }, lane));
  return results;
}

/** The value that a share of the others does not pass: `percentile(times, 0.99)`. */
export const percentile = (values: readonly number[], share: number): number =>
  values.toSorted((one, other) => one - other)[Math.min(values.length - 1, Math.floor(values.length * share))] ??
  Number.NaN;
