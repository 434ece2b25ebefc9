import { invalidField } from '../kernel/fault.js';

/** Deeper JSON is refused: jsonb of depth 8 000 is dropped without an error by the embedded engine (measured). */
export const maxInputDepth = 64;

/** Fields are named down to this depth, that of `items.0.responses.0.error.message`; what lies deeper by what holds it. */
const namedDepth = 6;
/** The longest name of a field in an answer. */
const maxPathLength = 200;

/**
 * Refuses what no schema should ever see: text that Postgres cannot store verbatim (NUL, lone surrogates), keys that
 * reach prototypes, and nesting beyond `maxInputDepth`.
 *
 * Cost: one walk without recursion over the parsed input, bounded by the body limit. Faults: `invalid` naming the field.
 */
export function refuseUnstorable(input: unknown): void {
  const waiting: Part[] = [{ value: input, key: '', depth: 0, within: null }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (typeof next.value === 'string') refuseText(next.value, next);
    else if (typeof next.value === 'object' && next.value !== null)
      for (const part of partsOf(next.value, next)) waiting.push(part);
  }
}

/** A piece of the input that is still to be looked at; what it is called is only put together when it is refused. */
interface Part {
  value: unknown;
  /** Its name or index in `within`. */
  key: string | number;
  depth: number;
  within: Part | null;
}

/** What could hold something bad in an object or array. */
function partsOf(whole: object, within: Part): Part[] {
  const depth = within.depth + 1;
  if (depth > maxInputDepth) throw invalidField(pathOf(within), `is nested deeper than ${maxInputDepth} levels`);
  if (Array.isArray(whole)) {
    const parts: Part[] = [];
    for (const [key, value] of (whole as unknown[]).entries())
      if (mayHoldText(value)) parts.push({ value, key, depth, within });
    return parts;
  }
  return Object.entries(whole).map(([key, value]: [string, unknown]) => {
    const part = { value, key, depth, within };
    if (key === '__proto__') throw invalidField(pathOf(part), 'has a key named __proto__');
    refuseText(key, part);
    return part;
  });
}

const mayHoldText = (value: unknown): boolean =>
  typeof value === 'string' || (typeof value === 'object' && value !== null);

function refuseText(text: string, part: Part): void {
  if (text.includes('\u0000')) throw invalidField(pathOf(part), 'has a NUL character, which cannot be stored');
  if (!text.isWellFormed()) throw invalidField(pathOf(part), 'has half a surrogate pair, which is not valid text');
}

/** Cut short, for keys are the caller's, and well-formed, so that the refusal itself can be sent. */
function pathOf(part: Part): string {
  const keys: (string | number)[] = [];
  for (let at = part; at.within !== null; at = at.within) if (at.depth <= namedDepth) keys.unshift(at.key);
  return keys.join('.').slice(0, maxPathLength).replaceAll('\u0000', '').toWellFormed();
}
