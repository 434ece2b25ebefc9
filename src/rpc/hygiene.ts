import { invalidField } from '../kernel/fault.js';

/** Deeper JSON is refused: jsonb of depth 8 000 is dropped without an error by the embedded engine (measured). */
export const maxInputDepth = 64;

/** Fields are named down to this depth; what lies deeper is named by what holds it. */
const namedDepth = 4;
/** The longest name of a field in an answer. */
const maxPathLength = 200;

/**
 * Refuses what no schema should ever see: text that Postgres cannot store verbatim (NUL, lone surrogates), keys that
 * reach prototypes, and nesting beyond `maxInputDepth`.
 *
 * Cost: one walk without recursion over the parsed input, bounded by the body limit. Faults: `invalid` naming the field.
 */
export function refuseUnstorable(input: unknown): void {
  const waiting: { value: unknown; path: string; depth: number }[] = [{ value: input, path: '', depth: 0 }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { value, path, depth } = next;
    if (typeof value === 'string') refuseText(value, path);
    if (typeof value !== 'object' || value === null) continue;
    if (depth >= maxInputDepth) throw invalidField(path, `is nested deeper than ${maxInputDepth} levels`);
    for (const key of Object.keys(value)) {
      const child: unknown = (value as Record<string, unknown>)[key];
      const isPlain = child === null || (typeof child !== 'object' && typeof child !== 'string');
      // Paths of array items are told by their array: a long one costs a look at each item and no more.
      const childPath = Array.isArray(value) || depth >= namedDepth ? path : joined(path, key);
      if (!Array.isArray(value)) refuseKey(key, childPath);
      if (!isPlain) waiting.push({ value: child, path: childPath, depth: depth + 1 });
    }
  }
}

function refuseKey(key: string, path: string): void {
  if (key === '__proto__') throw invalidField(path, 'has a key named __proto__');
  refuseText(key, path);
}

function refuseText(text: string, path: string): void {
  if (text.includes('\u0000')) throw invalidField(path, 'has a NUL character, which cannot be stored');
  if (!text.isWellFormed()) throw invalidField(path, 'has half a surrogate pair, which is not valid text');
}

/** Cut short, for keys are the caller's, and well-formed, so that the refusal itself can be sent. */
const joined = (path: string, key: string): string =>
  (path === '' ? key : `${path}.${key}`).slice(0, maxPathLength).replaceAll('\u0000', '').toWellFormed();
