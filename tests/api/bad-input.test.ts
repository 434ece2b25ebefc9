import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FakeUpstream, fakeUpstream } from '../support/fake-upstream.js';
import { startService, type TestPerson, type TestService } from '../support/service.js';
import { goodInputs, type Shape, shapedProcedures, withValue } from '../support/shapes.js';
import { until } from '../support/wait.js';
import { call, openSocket } from '../support/wire.js';

/** One bad input as JSON text, with the field at fault. */
interface BadInput {
  field: string;
  json: string;
}

let service: TestService;
let upstream: FakeUpstream;
let ada: TestPerson;
let promptId: string;
beforeAll(async () => {
  upstream = await fakeUpstream();
  service = await startService({
    env: { PROMPTWELL_OFFLINE: '0', LLM_BASE_URL: upstream.baseUrl, LLM_MODEL: 'gpt-4o-mini' },
  });
  ada = await service.signUp();
  promptId = (await ada.client.prompts.create.mutate({ text: 'The one that is there', generate: false })).id;
});
afterAll(async () => {
  const bugs = service.logged.filter(({ level }) => level === 'error');
  await service[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
  expect(bugs).toEqual([]);
});

const procedures = shapedProcedures();
const good = () => goodInputs({ projectId: ada.session.project.id, promptId });

/** Text that no 64-bit number and no JSON.stringify would make: it is written into the input as it stands. */
const raw = (text: string) => ({ toJSON: () => `raw:${text}:raw` });
const json = (value: unknown): string =>
  JSON.stringify(value).replaceAll(/"raw:(.*?):raw"/gs, (_all, text: string) => JSON.parse(`"${text}"`) as string);
const deep = (levels: number) => raw(`${'['.repeat(levels)}${']'.repeat(levels)}`);

const strangers = [
  'tenantId',
  'userId',
  'role',
  'createdAt',
  'orderBy',
  'where',
  'vector',
  'api_base',
  'base_url',
  'baseUrl',
  'constructor',
  'prototype',
  'then',
  'a'.repeat(5_000),
];
const operators = [{ not: 'x' }, { startsWith: 's' }, { contains: '' }, { $ne: null }];

const noText = [1, true, null, [], ['x'], ...operators];
const noNumber = ['1', null, {}, [], true, ...operators, -7, raw('1e400'), raw('9.3e18')];
const tooLarge = ({ maximum = 0 }: Shape): number => Math.max(1e9, maximum + 1);

function badTexts({ minLength = 0, maxLength, format }: Shape): unknown[] {
  const short = minLength > 0 ? [''] : [];
  const long = maxLength === undefined ? [] : ['x'.repeat(maxLength + 1)];
  const formless = format === undefined ? [] : ['not-of-the-format', '../../etc/passwd', "' OR 1=1 --"];
  return [...noText, 'nul \u0000 in it', 'half \ud800 a pair', '\udc00', ...short, ...long, ...formless];
}

function badLists({ items = {}, maxItems = 100 }: Shape): unknown[] {
  const long = Array.from({ length: maxItems + 1 }, () => 'x');
  return ['x', 1, null, {}, { length: 1 }, ...badValues(items).map((value) => [value]), long];
}

const badByType: Record<string, (shape: Shape) => unknown[]> = {
  string: badTexts,
  integer: (shape) => [...noNumber, tooLarge(shape), 1.5],
  number: (shape) => [...noNumber, tooLarge(shape)],
  boolean: () => ['true', 0, 1, null, {}, []],
  array: badLists,
  object: () => ['x', 1, null, []],
};

function badValues(shape: Shape): unknown[] {
  const nullable = shape.anyOf?.find(({ type }) => type !== 'null');
  if (nullable !== undefined) return badValues(nullable).filter((value) => value !== null);
  if (shape.enum !== undefined) return ['no-such-value', 1, null, ...operators];
  return badByType[shape.type ?? '']?.(shape) ?? [];
}

/** Every way to make one field bad, nested ones included. */
function* badFields(shape: Shape, base: Record<string, unknown>, at: readonly string[] = []): Generator<BadInput> {
  for (const [name, field] of Object.entries(shape.properties ?? {})) {
    const path = [...at, name];
    for (const value of badValues(field)) yield { field: path.join('.'), json: json(withValue(base, path, value)) };
    if (field.properties !== undefined) yield* badFields(field, base, path);
    if (field.items?.properties !== undefined) yield* badFields(field.items, base, [...path, '0']);
  }
  if (shape.additionalProperties === false) yield* unknownFields(base, at);
}

function* unknownFields(base: Record<string, unknown>, at: readonly string[]): Generator<BadInput> {
  for (const name of at.length === 0 ? strangers : ['noSuchField'])
    yield { field: [...at, name].join('.').slice(0, 200), json: json(withValue(base, [...at, name], 'x')) };
}

function* badInputs(path: string, shape: Shape): Generator<BadInput> {
  const base = good()[path] ?? {};
  yield* badFields(shape, base);
  for (const whole of ['x', 1, true, []]) yield { field: '', json: JSON.stringify(whole) };
  const inner = JSON.stringify(base).slice(1, -1);
  const rest = inner === '' ? '' : `,${inner}`;
  yield { field: '__proto__', json: `{"__proto__":{"polluted":true}${rest}}` };
  yield { field: 'constructor', json: `{"constructor":{"prototype":{"polluted":true}}${rest}}` };
  for (const levels of [65, 5_000, 200_000]) yield { field: 'deep', json: json({ ...base, deep: deep(levels) }) };
  for (const text of ['\\u0000', '\\ud800']) yield { field: '', json: `{"key${text}":1${rest}}` };
}

const tables = [
  'app_user',
  'project',
  'membership',
  'session',
  'refresh_token',
  'api_key',
  'invitation',
  'audit_entry',
  'prompt',
  'response',
  'embedding',
  'event',
  'spend',
];
const rows = async (): Promise<unknown> => {
  const counts = tables.map((name) => `(SELECT count(*)::int FROM ${name}) AS ${name}`);
  return (
    await service.app.db.read(
      `SELECT ${counts.join(', ')}, (SELECT coalesce(sum(points), 0)::int FROM rate_limit) AS counted`,
      [],
    )
  )[0];
};
const leak = /node_modules|\bat [\w.<>]+ \(|\.[jt]s:\d|SELECT |INSERT |prisma|postgres/i;

/** Runs `work`; afterwards nothing was written, no model was asked, no prototype changed, and the service lives. */
async function withoutTrace(work: () => Promise<void>): Promise<void> {
  const before = {
    rows: await rows(),
    asked: upstream.requests.length,
    keys: Object.getOwnPropertyNames(Object.prototype).length,
  };
  await work();
  const after = {
    rows: await rows(),
    asked: upstream.requests.length,
    keys: Object.getOwnPropertyNames(Object.prototype).length,
  };
  expect(after).toEqual(before);
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  expect((await fetch(`${service.url}/healthz`)).ok).toBe(true);
}

interface Refusal {
  message: string;
  data: { code: string; details: { issues?: { path: string }[] } };
}

function expectRefusal({ field, json: text }: BadInput, error: Refusal | undefined): void {
  const sent = `${field} in ${text.slice(0, 200)}`;
  expect(error?.data.code, sent).toBe('BAD_REQUEST');
  expect(JSON.stringify(error), sent).not.toMatch(leak);
  expect(JSON.stringify(error).length, sent).toBeLessThan(20_000);
  const named = error?.data.details.issues?.map(({ path }) => path) ?? [];
  // Of a list it is the list or the item; of a bad whole, the whole or what is missing in it.
  if (field !== '')
    expect(
      named.some((path) => path === field || path.startsWith(`${field}.`)),
      `${sent} names ${named.join()}`,
    ).toBe(true);
}

test('every procedure with an input is tried', () => {
  expect(procedures.map(({ path }) => path).sort()).toEqual(Object.keys(good()).sort());
});

describe.each(procedures)('$path', ({ path, type, meta, shape }) => {
  test.skipIf(meta.isWebSocketOnly === true || type === 'subscription')(
    'refuses every bad field over HTTP by its name and does nothing (PF-11, T25, T26, T35, T36, T37, T38, T43, T44, T46, T75)',
    async () => {
      const cases = [...badInputs(path, shape)];
      expect(cases.length).toBeGreaterThan(10);
      await withoutTrace(async () => {
        for (const bad of cases) {
          const answer = await call(service.url, path, { token: ada.token, input: bad.json });
          expect(answer.status, bad.json.slice(0, 200)).toBe(400);
          expectRefusal(bad, answer.error);
        }
      });
    },
  );

  test('refuses every bad field over WebSocket by its name and does nothing (PF-11, T25, T26, T35, T36, T37, T38, T43, T44, T46)', async () => {
    const cases = [...badInputs(path, shape)];
    await withoutTrace(async () => {
      const socket = await openSocket(service.url, ada.token);
      const answers = new Map<number, Refusal | undefined>();
      socket.ws.on('message', (data: Buffer) => {
        if (data.toString('utf8') === 'PING') return socket.send('PONG');
        const { id, error, result } = JSON.parse(data.toString('utf8')) as {
          id: number | null;
          error?: Refusal;
          result?: { type: string };
        };
        if (id !== null && result?.type !== 'stopped') answers.set(id, error);
      });
      for (const [id, bad] of cases.entries())
        socket.send(`{"id":${id},"jsonrpc":"2.0","method":"${type}","params":{"path":"${path}","input":${bad.json}}}`);
      await until('all answers', () => (answers.size >= cases.length ? true : undefined));
      for (const [id, bad] of cases.entries()) expectRefusal(bad, answers.get(id));
      socket.ws.close();
    });
  });
});

test('metadata is refused beyond its bounds, at any depth, and nothing is written (T37, T38, T43)', async () => {
  await withoutTrace(async () => {
    for (const metadata of [
      '{"a":"\\u0000"}',
      '{"\\u0000":1}',
      '{"a":{"b":["\\udc00"]}}',
      '{"a":{"__proto__":1}}',
      '{"a":1e400}',
      '[]',
      `{"a":"${'x'.repeat(17_000)}"}`,
      ...[64, 5_000, 100_000].map((levels) => `{"a":${'['.repeat(levels)}${']'.repeat(levels)}}`),
    ]) {
      const answer = await call(service.url, 'prompts.create', {
        token: ada.token,
        input: `{"text":"x","metadata":${metadata}}`,
      });
      expectRefusal({ field: 'metadata', json: metadata }, answer.error);
    }
  });
});

test('a cursor or event id that was changed, or made for another project, is refused (T47, T30)', async () => {
  const bob = await service.signUp();
  for (const text of ['one', 'two']) await bob.client.prompts.create.mutate({ text, generate: false });
  const { nextCursor } = await bob.client.prompts.list.query({ limit: 1 });
  const cursor = nextCursor ?? '';
  const list = (input: unknown, token = bob.token) => call(service.url, 'prompts.list', { token, input });
  expect((await list({ limit: 1, cursor })).status).toBe(200);
  const changed = Array.from(
    cursor,
    (letter, index) => `${cursor.slice(0, index)}${letter === 'A' ? 'B' : 'A'}${cursor.slice(index + 1)}`,
  );
  for (const bad of [...changed, 'x', '.', 'a.b', cursor.slice(1), `${cursor}A`])
    expectRefusal({ field: 'cursor', json: bad }, (await list({ limit: 1, cursor: bad })).error);
  expectRefusal({ field: 'cursor', json: cursor }, (await list({ limit: 1, cursor }, ada.token)).error);
  expectRefusal({ field: 'cursor', json: cursor }, (await list({ limit: 1, cursor, filter: { tag: 'other' } })).error);
});

const injections = [
  "'; DROP TABLE prompt; --",
  "' OR '1'='1",
  '" OR ""="',
  '1); SELECT pg_sleep(10); --',
  '%',
  '_',
  '\\',
  '%_\\',
  '100%\\',
  '${7*7}',
  '{{constructor}}',
  '$1',
  ':name',
  "E'\\\\x00'",
  '\u202e\u0000'.slice(0, 1),
  '🙂',
  'İ',
];

test('SQL and LIKE signs are plain text in every field that takes text (T48, T51)', async () => {
  const carol = await service.signUp();
  for (const [index, sign] of injections.entries())
    await carol.client.prompts.create.mutate({
      text: `${index} ${sign}`,
      generate: false,
      tags: [sign],
      conversationId: sign,
      environment: sign,
      metadata: { [sign]: sign },
    });
  for (const [index, sign] of injections.entries()) {
    const found = async (filter: object): Promise<string[]> =>
      (await carol.client.prompts.list.query({ limit: 100, filter })).items.map(({ text }) => text);
    const texts = injections.map((other, at) => `${at} ${other}`);
    const holding = texts.filter((text) => text.toLowerCase().includes(sign.toLowerCase()));
    expect((await found({ text: sign })).sort(), sign).toEqual(holding.sort());
    for (const filter of [{ tag: sign }, { conversationId: sign }, { environment: sign }])
      expect(await found(filter), sign).toEqual([`${index} ${sign}`]);
    expect(await found({ model: sign })).toEqual([]);
    expect((await carol.client.prompts.similar.query({ query: sign, filter: { tag: sign } })).hits).toHaveLength(1);
  }
  const { metadata } = (await carol.client.prompts.list.query({ limit: 1 })).items[0] ?? {};
  expect(metadata).toEqual({ [injections.at(-1) ?? '']: injections.at(-1) });
});

/** All but the two that may be this long. */
const textFields = ({ properties = {} }: Shape): string[] =>
  Object.keys(properties).filter((name) => properties[name]?.type === 'string' && name !== 'text' && name !== 'system');

test('no text of 50 kB keeps a field busy (T50)', async () => {
  const size = 50_000;
  const hostile = ['a', 'a@', 'a.', ' ', '-', 'é', '%', '\n', '0', '/', '\\'].map(
    (unit) => `${unit.repeat(size / unit.length)}!`,
  );
  const isTried = ({ path, type }: { path: string; type: string }) =>
    type !== 'subscription' && path !== 'prompts.update';
  const fields = procedures
    .filter(isTried)
    .flatMap(({ path, shape }) => textFields(shape).map((name) => ({ path, name })));
  for (const { path, name } of fields)
    for (const text of hostile) {
      const begin = performance.now();
      const { status } = await call(service.url, path, {
        token: ada.token,
        input: { ...good()[path], [name]: text },
      });
      expect(status, `${path} ${name}`).toBeLessThan(500);
      expect(performance.now() - begin, `${path} ${name}`).toBeLessThan(1_000);
    }
  for (const text of hostile)
    expect(
      (await call(service.url, 'prompts.create', { token: ada.token, input: { text, generate: false } })).status,
    ).toBe(200);
}, 60_000);

test('an unknown procedure and broken JSON are told of without a word on the inside (T83)', async () => {
  for (const path of [
    'no.such',
    'prompts',
    'prompts.create.x',
    'prompts.__proto__',
    'toString',
    'prompts.constructor',
  ]) {
    const answer = await call(service.url, path, { token: ada.token, input: {} });
    expect(answer.status).toBe(404);
    expect(answer.text).not.toMatch(leak);
  }
  for (const body of ['{', '{"a":}', 'undefined', "{'a':1}", '{"a":1}}', '\u0000', 'NaN']) {
    const answer = await call(service.url, 'prompts.create', { token: ada.token, input: body });
    expect(answer.status).toBe(400);
    expect(answer.text).not.toMatch(leak);
  }
});
