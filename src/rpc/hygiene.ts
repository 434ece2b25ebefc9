import { invalidField } from '../kernel/fault.js';

/** Deeper JSON is refused: jsonb of depth 8 000 is dropped without an error by the embedded engine (measured). */
export const maxInputDepth = 64;

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
    if (depth >= maxInputDepth) throw invalidField(rootOf(path), `is nested deeper than ${maxInputDepth} levels`);
    for (const [key, child] of Object.entries(value)) {
      const childPath = path === '' ? key : `${path}.${key}`;
      if (key === '__proto__') throw invalidField(rootOf(childPath), 'has a key named __proto__');
      refuseText(key, rootOf(childPath));
      waiting.push({ value: child, path: depth < 4 ? childPath : path, depth: depth + 1 });
    }
  }
}

function refuseText(text: string, path: string): void {
  if (text.includes('\u0000')) throw invalidField(path, 'has a NUL character, which cannot be stored');
  if (!text.isWellFormed()) throw invalidField(path, 'has half a surrogate pair, which is not valid text');
}

const rootOf = (path: string): string => path.slice(0, 200);
