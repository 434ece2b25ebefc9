import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect } from 'node:net';
import { once } from 'node:events';
import { answerFault, type Outcome, SocketCaller, startTarget, type Target } from '../support/attack.js';
import { frameBytes, frameCases } from '../support/corpus/frames.js';
import { jsonForms } from '../support/corpus/json.js';
import { houseList, houseStrings } from '../support/corpus/strings.js';
import { fuzzRuns } from '../support/fuzz.js';
import { goodInputs, type Shape, type ShapedProcedure, shapedProcedures, withValue } from '../support/shapes.js';
import { until } from '../support/wait.js';
import { call } from '../support/wire.js';

/** The house's list of bad texts, forms of JSON and raw frames, against a real process. `FUZZ_RUNS=1000` sends each text to each field. */
const isWhole = fuzzRuns(0) >= 1_000;
const canary = 'canary-of-the-corpus';

let target: Target;
let socket: SocketCaller;
let before: string;
beforeAll(async () => {
  target = await startTarget();
  socket = new SocketCaller(target.url, target.ada.token);
  before = await target.neighbour();
});
afterAll(async () => {
  await socket.close();
  await target[Symbol.asyncDispose]();
});

const isStorable = (text: string): boolean => text.isWellFormed() && !text.includes('\u0000');
const post = (path: string, input: unknown): Promise<Outcome> =>
  call(target.url, path, { token: target.ada.token, input: JSON.stringify(input) });
const send = (path: string, input: unknown): Promise<Outcome> => socket.call('mutation', path, JSON.stringify(input));

test('the lists are as long as they should be, and none says a text twice', () => {
  expect(houseStrings.length).toBeGreaterThan(300);
  expect(jsonForms.length).toBeGreaterThan(100);
  expect(frameCases.length).toBeGreaterThan(50);
  expect(houseStrings.filter((text, index) => houseStrings.indexOf(text) !== index)).toEqual([]);
});

/** Runs `work` on each, some at once. */
async function each<T>(items: readonly T[], work: (item: T) => Promise<void>, atOnce = 8): Promise<void> {
  const rest = items.values();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (const item of rest) await work(item);
    }),
  );
}

const metadataOf = (text: string) => ({ [text.slice(0, 200)]: text.slice(0, 5_000) });
const mayBeKey = (text: string): boolean => text.slice(0, 200) !== '__proto__' && text.slice(0, 200).isWellFormed();

describe.each([
  ['HTTP', (path: string, input: unknown) => post(path, input)],
  ['WebSocket', (path: string, input: unknown) => send(path, input)],
])('over %s', (_name, ask) => {
  test('every text of the house list is a prompt that reads back equal, or is refused by the name of its field (T36, T38, T51, T55)', async () => {
    await each(houseStrings, async (text) => {
      const answer = await ask('prompts.create', { text, system: `${canary} ${text}`, generate: false });
      const told = JSON.stringify(text).slice(0, 200);
      expect(answerFault(answer), told).toBeNull();
      if (!isStorable(text) || text.trim() === '')
        return expect(answer.error?.data.details, told).toMatchObject({
          issues: expect.arrayContaining([
            { path: expect.stringMatching(/^(text|system)$/), message: expect.any(String) },
          ]),
        });
      expect(answer.error, told).toBeUndefined();
      const { id } = answer.data as { id: string };
      const read = await target.ada.client.prompts.get.query({ id });
      expect([read.text, read.system]).toEqual([text, `${canary} ${text}`]);
    });
  });

  test('every text of the house list is a key, a value and a tag that read back equal, or is refused (T37, T44)', async () => {
    await each(houseStrings, async (text) => {
      const metadata = metadataOf(text);
      const tags = text.trim() === '' || text.length > 64 ? [] : [text];
      const answer = await ask('prompts.create', { text: 'x', metadata, tags, generate: false });
      const told = JSON.stringify(text).slice(0, 200);
      expect(answerFault(answer), told).toBeNull();
      if (!isStorable(text) || !mayBeKey(text)) return expect(answer.error?.data.code, told).toBe('BAD_REQUEST');
      // Metadata has at most 16 384 bytes, escapes included.
      if (Buffer.byteLength(JSON.stringify(metadata)) > 16_384) return undefined;
      expect(answer.error, told).toBeUndefined();
      const read = await target.ada.client.prompts.get.query({ id: (answer.data as { id: string }).id });
      expect([read.metadata, read.tags]).toEqual([metadata, tags]);
    });
  });
});

test('every text of the house list is imported and reads back equal, and is found by its own words (T48, T51)', async () => {
  const texts = houseStrings.filter((text) => isStorable(text) && text.trim() !== '');
  const { ids } = await target.ada.client.prompts.import.mutate({
    items: texts.map((text) => ({ text, environment: 'imported', responses: [{ text }] })),
    push: false,
  });
  await each([...texts.entries()], async ([index, text]) => {
    const read = await target.ada.client.prompts.get.query({ id: ids[index] ?? '' });
    expect([read.text, read.response?.text]).toEqual([text, text]);
    if (text.length > 256) return;
    const filter = { text, environment: 'imported' };
    const found = await target.ada.client.prompts.list.query({ limit: 100, filter });
    // A page holds a hundred: a text of one letter stands in more.
    if (found.nextCursor === null)
      expect(
        found.items.map(({ id }) => id),
        JSON.stringify(text),
      ).toContain(ids[index]);
  });
});

/** The fields that take text, as paths. */
function* textFields(shape: Shape, at: readonly string[] = []): Generator<readonly string[]> {
  const plain = shape.anyOf?.find(({ type }) => type !== 'null') ?? shape;
  if (plain.type === 'string') yield at;
  for (const [name, field] of Object.entries(plain.properties ?? {})) yield* textFields(field, [...at, name]);
  if (plain.items !== undefined) yield* textFields(plain.items, [...at, '0']);
}

const fields = shapedProcedures().flatMap((procedure) =>
  [...textFields(procedure.shape)].map((path) => ({ procedure, path, name: `${procedure.path} ${path.join('.')}` })),
);
/** Checking a password takes a core for a while, whatever it is. */
const isCostly = ({ path }: ShapedProcedure): boolean =>
  /^auth\.(login|signup|changePassword|deleteAccount)$/.test(path);

/** All of the list, or a share of it that differs from field to field, with a text of each kind. */
function textsFor(nth: number, procedure: ShapedProcedure): string[] {
  if (isWhole) return [...houseStrings];
  const kinds = Object.values(houseList).filter((_kind, turn) => !isCostly(procedure) || (turn + nth) % 3 === 0);
  return kinds.map((kind) => kind[(nth * 7) % kind.length] ?? '');
}

test(
  'every field that takes text answers what it is sent with a proper envelope, over both transports (T36, T48, T51, T64)',
  async () => {
    expect(fields.length).toBeGreaterThan(80);
    const base = goodInputs({ projectId: target.ada.session.project.id, promptId: target.promptId });
    const tries = fields.flatMap((field, nth) => textsFor(nth, field.procedure).map((text) => ({ ...field, text })));
    await each(tries, async ({ procedure: { path, type, meta }, path: at, name, text }) => {
      const json = JSON.stringify(withValue(base[path] ?? {}, at, text));
      const told = `${name} ${JSON.stringify(text).slice(0, 200)}`;
      const answers = [await socket.call(type, path, json)];
      if (type !== 'subscription' && meta.isWebSocketOnly !== true)
        answers.push(await call(target.url, path, { token: target.ada.token, input: json }));
      for (const answer of answers) {
        expect(answerFault(answer), told).toBeNull();
        if (isStorable(text)) continue;
        expect(answer.error?.data.code, told).toBe('BAD_REQUEST');
        expect(JSON.stringify(answer.error?.data.details), told).toContain(
          JSON.stringify(at.join('.')).slice(1, -1).split('.')[0],
        );
      }
    });
  },
  isWhole ? 3_600_000 : 300_000,
);

describe('forms of JSON as raw bytes', () => {
  const sent = (path: string, bytes: Uint8Array, headers: Record<string, string> = {}) =>
    fetch(`${target.url}/trpc/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${target.ada.token}`, ...headers },
      body: bytes,
    });

  test.each(['prompts.list', 'prompts.create', 'apiKeys.list', 'prompts.list,prompts.get?batch=1'])(
    'what is not JSON is a 400 of %s, what is JSON is read, and nothing is a 5xx (T39, T43, T44)',
    async (path) => {
      await each(jsonForms, async ({ about, verdict, bytes }) => {
        const answer = await sent(path, bytes);
        const text = await answer.text();
        expect(answer.status < 500 && text !== '', `${about}: ${answer.status} ${text.slice(0, 200)}`).toBe(true);
        const isUnread = text.includes('"PARSE_ERROR"') || text.includes('not valid UTF-8');
        if (verdict === 'reject') expect([about, answer.status, isUnread]).toEqual([about, 400, true]);
        if (verdict === 'accept') expect([about, isUnread]).toEqual([about, false]);
        expect(text).not.toMatch(/node_modules|\bat .*\.[jt]s:\d/);
      });
    },
  );

  /** What JSON leaves open, as it is decided here; another decision is a change that somebody must mean. */
  test('what JSON leaves open is decided once: how each form is answered', async () => {
    const table: Record<string, string> = {};
    for (const { about, verdict, bytes } of jsonForms) {
      if (verdict !== 'either') continue;
      const answer = await sent('prompts.create', bytes);
      const { error } = (await answer.json()) as {
        error?: { data: { code: string; details: { issues?: { path: string }[] } } };
      };
      table[about] = `${error?.data.code ?? 'OK'} ${error?.data.details.issues?.[0]?.path ?? ''}`.trim();
    }
    expect(table).toEqual({
      'nothing at all': 'BAD_REQUEST',
      'a mark before': 'PARSE_ERROR',
      'half a pair, escaped': 'BAD_REQUEST a',
      'halves turned round': 'BAD_REQUEST a',
      'half a pair as a key': 'BAD_REQUEST \ufffd',
      'an escaped NUL': 'BAD_REQUEST a',
      'a number past doubles': 'BAD_REQUEST text',
      'a number under doubles': 'BAD_REQUEST text',
      'a number of a thousand digits': 'BAD_REQUEST text',
      'an integer past 2^53': 'BAD_REQUEST text',
      'a key named __proto__': 'BAD_REQUEST __proto__',
      'the same, escaped': 'BAD_REQUEST __proto__',
      'deep and closed': 'BAD_REQUEST 0.0.0.0.0.0',
      'deeper and closed': 'BAD_REQUEST a.a.a.a.a.a',
      'many keys': 'BAD_REQUEST',
      'many values': 'BAD_REQUEST',
      'one key many times': 'BAD_REQUEST text',
    });
  });

  test('a mark, an encoding or a type that is none of ours changes no reading (T70)', async () => {
    for (const type of [
      'application/json; charset=utf-16',
      'application/json+x',
      'text/json',
      'application/json; charset=utf-8; x=y',
    ])
      expect([type, (await sent('prompts.list', Buffer.from('{}'), { 'content-type': type })).status]).toEqual([
        type,
        415,
      ]);
    for (const type of [
      'application/json',
      'Application/JSON',
      'application/json; charset=UTF-8',
      'application/json;charset=utf-8',
    ])
      expect([type, (await sent('prompts.list', Buffer.from('{}'), { 'content-type': type })).status]).toEqual([
        type,
        200,
      ]);
  });
});

const maySend = (text: string): boolean =>
  /^[\x21-\x7e\x80-\xff](?:[\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?$/.test(text);

describe('outside of inputs', () => {
  const inHeaders = houseStrings.filter((text) => maySend(text) && text.length < 5_000);
  const answered = async (path: string, headers: Record<string, string>): Promise<{ status: number; text: string }> => {
    const answer = await fetch(`${target.url}${path}`, { headers });
    return { status: answer.status, text: await answer.text() };
  };

  test('no text of the house list is a credential (T18)', async () => {
    expect(inHeaders.length).toBeGreaterThan(150);
    await each(inHeaders, async (text) => {
      for (const authorization of [text, `Bearer ${text}`, `Basic ${text}`]) {
        const answer = await answered('/trpc/auth.me', { authorization });
        expect([authorization, answer.status]).toEqual([authorization, 401]);
        expect(answer.text).toContain('"UNAUTHORIZED"');
      }
    });
  });

  test('no text of the house list is repeated from a request id, an origin or a forwarded address (T12, T56, T72)', async () => {
    await each(inHeaders, async (text) => {
      const isId = /^[A-Za-z0-9_-]{1,64}$/.test(text);
      expect([text, (await answered('/healthz', { 'x-request-id': text })).status]).toEqual([text, isId ? 200 : 400]);
      const answer = await fetch(`${target.url}/healthz`, {
        headers: { origin: text, 'x-forwarded-for': text, 'x-forwarded-host': text },
      });
      expect([text, answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([text, 200, null]);
      await answer.text();
    });
  });

  test('no text of the house list is a path, a procedure or a query that is more than refused (T20, T83)', async () => {
    const authorization = `Bearer ${target.ada.token}`;
    await each(
      houseStrings.filter((text) => text.isWellFormed() && text.length < 3_000),
      async (text) => {
        const word = encodeURIComponent(text);
        for (const path of [
          `/${word}`,
          `/trpc/${word}`,
          `/trpc/prompts.${word}`,
          `/trpc/prompts.list?input=${word}`,
          `/trpc/prompts.list?batch=${word}`,
        ]) {
          const { status, text: said } = await answered(path, { authorization });
          expect(status < 500, `${status} of ${path.slice(0, 200)}: ${said.slice(0, 200)}`).toBe(true);
          expect(said).not.toMatch(/node_modules|\bat .*\.[jt]s:\d/);
        }
      },
    );
  });
});

describe('raw frames', () => {
  /** Shakes hands, says who it is, and sends the frames; answers the code of the close, or null while the answer to the call came. */
  async function framed(frames: readonly Uint8Array[]): Promise<number | null> {
    const { hostname, port } = new URL(target.url);
    const raw = connect(Number(port), hostname);
    raw.on('error', () => undefined);
    const chunks: Buffer[] = [];
    let isOver = false;
    raw.on('data', (bytes: Buffer) => chunks.push(bytes));
    raw.once('close', () => {
      isOver = true;
    });
    await once(raw, 'connect');
    const key = Buffer.from('0123456789abcdef').toString('base64');
    raw.write(
      `GET /trpc?connectionParams=1 HTTP/1.1\r\nHost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: ${key}\r\n\r\n`,
    );
    const heard = (): Buffer => Buffer.concat(chunks);
    await until('the handshake', () => (heard().includes('\r\n\r\n') ? true : undefined), 30_000);
    const head = heard().indexOf('\r\n\r\n') + 4;
    expect(heard().toString('latin1')).toMatch(/^HTTP\/1\.1 101/);
    raw.write(
      frameBytes({ payload: JSON.stringify({ method: 'connectionParams', data: { token: target.ada.token } }) }),
    );
    for (const frame of frames) raw.write(frame);
    const end = await until(
      'an answer or a close',
      () => {
        const bytes = heard().subarray(head);
        const isAnswered = bytes.includes('"id":9');
        const at = bytes.indexOf(Buffer.from([0x88]));
        if (isAnswered) return { code: null };
        if (at >= 0 && isOver) return { code: (bytes[at + 1] ?? 0) >= 2 ? bytes.readUInt16BE(at + 2) : 1_005 };
        return isOver ? { code: 1_006 } : undefined;
      },
      30_000,
    );
    raw.destroy();
    return end.code;
  }

  test.each(frameCases)('$about ends as it should, and the service lives (T39, T59)', async ({ frames, codes }) => {
    const code = await framed(frames);
    if (codes === null) expect(code).toBeNull();
    else expect(codes).toContain(code);
    expect((await fetch(`${target.url}/healthz`)).status).toBe(200);
  });
});

test('after all of it the process lives, logged no bug and nobody’s words, and the neighbour is untouched (T22, T82)', async () => {
  await target.expectUnharmed([canary]);
  expect(await target.neighbour()).toBe(before);
});
