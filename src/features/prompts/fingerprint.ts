import { createHash } from 'node:crypto';

/** SHA-256 of a text's UTF-8 bytes, in hex: whether a vector still belongs to its text. */
export const textHash = (text: string): string => createHash('sha256').update(text).digest('hex');

/**
 * SHA-256 of an input, in hex, the same however its keys were ordered: whether a repeated idempotency key brings the
 * same request.
 */
export const requestHash = (input: object): string => createHash('sha256').update(canonical(input)).digest('hex');

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  return `{${entries.map(([key, child]) => `${JSON.stringify(key)}:${canonical(child)}`).join(',')}}`;
}
