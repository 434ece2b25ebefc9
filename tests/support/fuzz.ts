import fc from 'fast-check';
import { houseList, houseStrings } from './corpus/strings.js';
import type { Shape } from './shapes.js';

/** How often each procedure is tried; `FUZZ_RUNS=1000` is the long form. */
export const fuzzRuns = (short: number): number => Number(process.env['FUZZ_RUNS'] ?? short);

/** Says the seed of a run, and takes `FUZZ_SEED` to replay one. */
export function fuzzSeed(name: string): number {
  const seed = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  process.stdout.write(`${name}: FUZZ_SEED=${seed}\n`);
  return seed;
}

/** Stands in many of the texts; no log may hold it. */
export const canary = 'canary-of-the-fuzz';

/** Ids that inputs name: of the caller, of somebody else, of nobody. */
export type Ids = readonly string[];

const storable = houseStrings.filter((text) => !houseList.unstorable.includes(text) && text.trim() !== '');
const someText = fc.oneof(
  { weight: 3, arbitrary: fc.string({ unit: 'grapheme', maxLength: 40 }).map((text) => `${canary} ${text}`) },
  { weight: 3, arbitrary: fc.constantFrom(...storable) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 20 }) },
);
const anyJson = fc.jsonValue({ maxDepth: 3 });

function textsOf({ format, pattern, minLength = 0, maxLength }: Shape, ids: Ids): fc.Arbitrary<string> {
  if (format === 'uuid') return fc.constantFrom(...ids);
  if (format === 'date-time')
    return fc
      .date({ min: new Date('1970-01-02'), max: new Date('2100-01-01'), noInvalidDate: true })
      .map((date) => date.toISOString());
  if (format === 'email') return fc.emailAddress();
  if (pattern !== undefined) return fc.constantFrom(canary, 'a.b', 'x@y.zz', '+-_.');
  const most = maxLength ?? 10_000;
  return someText.map((text) => text.slice(0, most).padEnd(minLength, 'x'));
}

function recordOf(shape: Shape, ids: Ids): fc.Arbitrary<unknown> {
  const { properties = {}, required = [], additionalProperties } = shape;
  if (typeof additionalProperties === 'object')
    return fc.dictionary(
      someText.map((text) => text.slice(0, 100)),
      anyJson,
      { maxKeys: 4 },
    );
  const fields = Object.fromEntries(Object.entries(properties).map(([name, field]) => [name, valueOf(field, ids)]));
  return fc.record(fields, { requiredKeys: required.filter((name) => name in fields) });
}

const byType: Record<string, (shape: Shape, ids: Ids) => fc.Arbitrary<unknown>> = {
  string: textsOf,
  integer: ({ minimum = 0, maximum = 1_000 }) => fc.integer({ min: minimum, max: Math.min(maximum, 2 ** 31 - 1) }),
  number: ({ minimum = 0, maximum = 1 }) => fc.double({ min: minimum, max: maximum, noNaN: true }),
  boolean: () => fc.boolean(),
  null: () => fc.constant(null),
  array: ({ items = {}, minItems = 0, maxItems = 4 }, ids) =>
    fc.array(valueOf(items, ids), { minLength: minItems, maxLength: Math.max(minItems, Math.min(maxItems, 4)) }),
  object: recordOf,
};

/** Values that a shape takes, as far as JSON Schema can say; the refinements behind it may still refuse them. */
export function valueOf(shape: Shape, ids: Ids): fc.Arbitrary<unknown> {
  if (shape.anyOf !== undefined) return fc.oneof(...shape.anyOf.map((choice) => valueOf(choice, ids)));
  if (shape.enum !== undefined) return fc.constantFrom(...shape.enum);
  return byType[shape.type ?? '']?.(shape, ids) ?? anyJson;
}

/** A text that stands in the written JSON as it is. */
const raw = (text: string): object => ({ toJSON: () => `raw:${text}:raw` });
const written = (value: unknown): string =>
  (JSON.stringify(value) ?? 'null').replaceAll(/"raw:(.*?):raw"/gs, (_all, text: string) => text);

type Place = { within: Record<string, unknown> | unknown[]; key: string | number };

function placesIn(root: unknown): Place[] {
  const places: Place[] = [];
  const waiting = [root];
  for (let next = waiting.pop(); next !== undefined && places.length < 400; next = waiting.pop()) {
    if (typeof next !== 'object' || next === null) continue;
    const within = next as Place['within'];
    for (const key of Array.isArray(within) ? within.keys() : Object.keys(within)) {
      places.push({ within, key });
      waiting.push((within as Record<string | number, unknown>)[key]);
    }
  }
  return places;
}

const others = [1, -1, 0, 1e300, '', 'x', true, false, null, [], {}, [[]], ['x'], { x: 1 }, { not: 'x' }, '1', 0.5];
const numbers = ['1e400', '-1e400', '9223372036854775808', '1E+2', '-0', '0.1e-400', '123456789012345678901234567890'];
const deep = (levels: number): object => raw(`${'['.repeat(levels)}${']'.repeat(levels)}`);

/** What can be done to one place of a good value. */
const changes: Record<string, (place: Place, nth: number) => void> = {
  drop: ({ within, key }) => {
    if (Array.isArray(within)) within.splice(Number(key), 1);
    else delete within[key];
  },
  retype: ({ within, key }, nth) => set(within, key, others[nth % others.length]),
  deepen: ({ within, key }, nth) => set(within, key, deep([10, 63, 64, 65, 500, 5_000][nth % 6] ?? 65)),
  number: ({ within, key }, nth) => set(within, key, raw(numbers[nth % numbers.length] ?? '0')),
  text: ({ within, key }, nth) => set(within, key, houseStrings[nth % houseStrings.length]),
  stranger: ({ within }, nth) => {
    if (!Array.isArray(within)) within[houseStrings[nth % houseStrings.length] ?? 'x'] = nth;
  },
  repeat: ({ within, key }, nth) => {
    const value = (within as Record<string | number, unknown>)[key];
    set(
      within,
      key,
      Array.from({ length: nth % 50 }, () => value),
    );
  },
};

function set(within: Place['within'], key: string | number, value: unknown): void {
  if (key !== '__proto__') (within as Record<string | number, unknown>)[key] = value;
}

/** Written JSON with the first key said twice, or a key that reaches prototypes. */
const textChanges: Record<string, (json: string, nth: number) => string> = {
  duplicate: (json, nth) =>
    json.replace(
      /^\{("(?:[^"\\]|\\.)*"):/,
      (all, key: string) => `{${key}:${nth % 2 === 0 ? '{}' : '"x"'},${all.slice(1)}`,
    ),
  prototype: (json) => json.replace('{', '{"__proto__":{"polluted":true},').replace(',}', '}'),
  cut: (json, nth) => json.slice(0, nth % Math.max(1, json.length)) || '{',
};

/** An input as it goes over the wire, with what was done to it; nothing in a third of them. */
export interface FuzzedInput {
  json: string;
  changes: string[];
}

/** Inputs of a shape, good and spoilt in one or two places. `cut` JSON is for HTTP alone: it would break a WebSocket's frame. */
export function fuzzedInput(shape: Shape, ids: Ids): fc.Arbitrary<FuzzedInput> {
  const change = fc.record({
    how: fc.constantFrom(...Object.keys(changes), ...Object.keys(textChanges)),
    nth: fc.nat(100_000),
  });
  return fc
    .record({
      value: valueOf(shape, ids),
      steps: fc.oneof(fc.constant([]), fc.array(change, { minLength: 1, maxLength: 2 })),
    })
    .map(({ value, steps }) => spoilt(value, steps));
}

function spoilt(value: unknown, steps: readonly { how: string; nth: number }[]): FuzzedInput {
  const copy: unknown = structuredClone(value);
  for (const { how, nth } of steps) {
    const places = placesIn(copy);
    const place = places[nth % Math.max(1, places.length)];
    if (place !== undefined) changes[how]?.(place, nth);
  }
  const json = steps.reduce((text, { how, nth }) => textChanges[how]?.(text, nth) ?? text, written(copy));
  return { json, changes: steps.map(({ how }) => how) };
}
