import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { answerFault, type Outcome, SocketCaller, startTarget, type Target } from '../support/attack.js';
import { canary, type FuzzedInput, fuzzedInput, fuzzRuns, fuzzSeed } from '../support/fuzz.js';
import { type ShapedProcedure, shapedProcedures } from '../support/shapes.js';
import { call } from '../support/wire.js';

/** Inputs made from the schemas, good and spoilt, against every procedure over both transports, in a real process. */
const seed = fuzzSeed('inputs');
const runs = fuzzRuns(6);
/** Two calls a run, and room for a machine that is busy. */
const longestMs = Math.max(90_000, runs * 2_000);
const procedures = shapedProcedures();
/** These end what the others need, when by chance they are right. */
const isSafe = ({ path }: ShapedProcedure, { json }: FuzzedInput): boolean =>
  path !== 'projects.erase' || !json.includes(target.ada.session.project.name);

let target: Target;
let socket: SocketCaller;
let before: string;
let ids: string[];
/** Answers that were no refusals: with none, the fuzz would only have met the schemas. */
let accepted = 0;

beforeAll(async () => {
  target = await startTarget();
  const { ada, bob, promptId } = target;
  socket = new SocketCaller(target.url, ada.token);
  const ofBob = await bob.client.prompts.list.query({ limit: 1 });
  const spare = await ada.client.prompts.create.mutate({ text: 'may be changed', generate: false });
  const shared = await ada.client.projects.create.mutate({ name: 'may be changed' });
  ids = [
    spare.id,
    promptId,
    ada.session.user.id,
    ada.session.project.id,
    shared.id,
    ofBob.items[0]?.id ?? '',
    bob.session.project.id,
    bob.session.user.id,
    '00000000-0000-0000-0000-000000000000',
    'FFFFFFFF-FFFF-4FFF-BFFF-FFFFFFFFFFFF',
  ];
  before = await target.neighbour();
});
afterAll(async () => {
  await socket.close();
  await target[Symbol.asyncDispose]();
});

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

const kept = ['text', 'system', 'conversationId', 'environment', 'tags', 'metadata'] as const;
type Sent = Partial<Record<(typeof kept)[number] | 'projectId' | 'id', unknown>> & { items?: Sent[] };
const sorted = (_key: string, value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).toSorted(([left], [right]) => (left < right ? -1 : 1)))
    : value;

/** What was accepted, read again, is what was sent, code unit for code unit. */
async function expectKept(path: string, sent: Sent, data: unknown): Promise<void> {
  const pairs: [string, Sent][] =
    path === 'prompts.import'
      ? (data as { ids: string[] }).ids.map((id, index) => [id, sent.items?.[index] ?? {}])
      : [[(data as { id: string }).id, sent]];
  for (const [id, item] of pairs) {
    const project = sent.projectId === undefined ? {} : { projectId: sent.projectId };
    const read = await call(target.url, 'prompts.get', { token: target.ada.token, input: { ...project, id } });
    const prompt = read.data as Record<string, unknown>;
    for (const name of kept)
      if (item[name] !== undefined)
        expect(JSON.stringify(prompt[name], sorted)).toBe(JSON.stringify(item[name], sorted));
  }
}

const storing = new Set(['prompts.create', 'prompts.import', 'prompts.update']);

async function expectAnswered(
  { path }: ShapedProcedure,
  { json, changes }: FuzzedInput,
  answer: Outcome,
): Promise<void> {
  expect(answerFault(answer), `${path} ${changes.join()} ${json.slice(0, 1_000)}`).toBeNull();
  if (answer.error !== undefined || !storing.has(path)) return;
  const sent = JSON.parse(json) as Sent;
  // What came before under the same key is answered again, whatever else the call says now.
  if (!json.includes('"idempotencyKey"')) await expectKept(path, sent, answer.data);
}

describe.each(procedures.map((procedure, nth) => ({ ...procedure, nth })))('$path', ({ nth, ...procedure }) => {
  test(
    'answers whatever it is sent: no server error, a proper envelope, what it takes reads back equal (T37, T43, T44, T46, T51)',
    async () => {
      const { path, type, shape, meta } = procedure;
      await fc.assert(
        fc.asyncProperty(fuzzedInput(shape, ids), async (input) => {
          fc.pre(isSafe(procedure, input));
          if (type !== 'subscription' && meta.isWebSocketOnly !== true) {
            const answer = await call(target.url, path, { token: target.ada.token, input: input.json });
            await expectAnswered(procedure, input, answer);
            accepted += answer.error === undefined ? 1 : 0;
          }
          // Broken JSON would break the frame around it: `tests/api/corpus.test.ts` sends such.
          if (isJson(input.json)) await expectAnswered(procedure, input, await socket.call(type, path, input.json));
        }),
        { seed: seed + nth, numRuns: runs, endOnFailure: true },
      );
    },
    longestMs,
  );
});

test('after all of it the process lives, logged no bug and nobody’s words, and the neighbour is untouched (T21, T22, T82)', async () => {
  await target.expectUnharmed([canary]);
  expect(await target.neighbour()).toBe(before);
  // Inputs that are all refused would prove little; how many are not is chance.
  expect(accepted).toBeGreaterThan(runs / 3);
});

describe('the control: what the judge must find', () => {
  const data = {
    code: 'BAD_REQUEST',
    httpStatus: 400,
    path: 'x',
    requestId: 'r',
    details: { issues: [{ path: 'a', message: 'b' }] },
  };
  const refused = (change: object, status = 400): Outcome => {
    const error = { message: 'm', code: -32600, data: { ...data, ...change } } as unknown as NonNullable<
      Outcome['error']
    >;
    return { status, text: JSON.stringify(error), data: undefined, error };
  };
  test('a proper refusal and a proper answer are none', () => {
    expect(answerFault(refused({}))).toBeNull();
    expect(answerFault({ status: 200, text: '{}', data: {}, error: undefined })).toBeNull();
  });
  test.each<[string, Outcome, string]>([
    ['a bug', { ...refused({ code: 'INTERNAL_SERVER_ERROR', httpStatus: 500 }, 500) }, 'another form'],
    ['an empty answer', { status: 502, text: 'Bad gateway', data: undefined, error: undefined }, 'status 502'],
    ['a refusal of no field', refused({ details: {} }), 'names no field'],
    ['another status', refused({}, 200), 'status 200'],
    ['no request id', refused({ requestId: null }), 'another form'],
  ])('%s is one', (_name, outcome, words) => {
    expect(answerFault(outcome)).toContain(words);
  });
  test('a bug in a proper envelope is one', () => {
    const bug = refused({ code: 'INTERNAL_SERVER_ERROR', httpStatus: 500 }, 500);
    expect(answerFault({ ...bug, error: { ...bug.error, code: -32603 } as Outcome['error'] })).toContain('a bug');
  });
});
