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
  const waiting: Part[] = [{ value: input, path: '', depth: 0 }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (typeof next.value === 'string') refuseText(next.value, next.path);
    else if (typeof next.value === 'object' && next.value !== null)
      for (const part of partsOf(next.value, next)) waiting.push(part);
  }
}

/** A piece of the input that is still to be looked at. */
interface Part {
  value: unknown;
  path: string;
  depth: number;
}

/** What could hold something bad in an object or array. Array items are told of by their array: a long one is cheap. */
function partsOf(whole: object, { path, depth }: Part): Part[] {
  if (depth >= maxInputDepth) throw invalidField(path, `is nested deeper than ${maxInputDepth} levels`);
  if (Array.isArray(whole))
    return whole.filter(mayHoldText).map((value: unknown) => ({ value, path, depth: depth + 1 }));
  return Object.entries(whole).map(([key, value]: [string, unknown]) => {
    const childPath = depth >= namedDepth ? path : joined(path, key);
    refuseKey(key, childPath);
    return { value, path: childPath, depth: depth + 1 };
  });
}

const mayHoldText = (value: unknown): boolean =>
  typeof value === 'string' || (typeof value === 'object' && value !== null);

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
