import { invalidField } from '../kernel/fault.js';

/** Deeper JSON is refused: jsonb of depth 8 000 is dropped without an error by the embedded engine (measured). */
export const maxInputDepth = 64;

/**
 * Most values of an input, keys of objects and items of arrays counted: a schema looks at each of them on the main thread.
 * Ten times what a metadata of 16 kB can hold; an import holds a thousand prompts.
 */
const maxValues = { import: 100_000, other: 10_000 } as const;

/** Fields are named down to this depth, that of `items.0.responses.0.error.message`; what lies deeper by what holds it. */
const namedDepth = 6;
/** The longest name of a field in an answer. */
const maxPathLength = 200;

/**
 * Refuses what no schema should ever see: text that Postgres cannot store verbatim (NUL, lone surrogates), keys that
 * reach prototypes, nesting beyond `maxInputDepth`, and more values than any good input of its `kind` has.
 *
 * Cost: one walk without recursion over the parsed input, bounded by that number. Faults: `invalid` naming the field.
 */
export function refuseUnstorable(input: unknown, kind: keyof typeof maxValues = 'other'): void {
  const room = { most: maxValues[kind], left: maxValues[kind] as number };
  const waiting: Part[] = [{ value: input, key: '', depth: 0, within: null }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (typeof next.value === 'string') refuseText(next.value, next);
    else if (typeof next.value === 'object' && next.value !== null)
      for (const part of partsOf(next.value, next, room)) waiting.push(part);
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
function partsOf(whole: object, within: Part, room: { most: number; left: number }): Part[] {
  const depth = within.depth + 1;
  if (depth > maxInputDepth) throw invalidField(pathOf(within), `is nested deeper than ${maxInputDepth} levels`);
  const keys = Array.isArray(whole) ? whole.keys() : Object.keys(whole);
  const parts: Part[] = [];
  for (const key of keys) {
    room.left -= 1;
    if (room.left < 0) throw invalidField(pathOf(within), `is part of an input of more than ${room.most} values`);
    const part = { value: (whole as Record<string | number, unknown>)[key], key, depth, within };
    if (typeof key === 'string') refuseKey(key, part);
    if (mayHoldText(part.value)) parts.push(part);
  }
  return parts;
}

function refuseKey(key: string, part: Part): void {
  if (key === '__proto__') throw invalidField(pathOf(part), 'has a key named __proto__');
  refuseText(key, part);
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
