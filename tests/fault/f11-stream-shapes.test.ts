import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestFolder } from '../support/database.js';
import { type Behaviour, type FakeUpstream, fakeUpstream, openAiEvents, raw } from '../support/fake-upstream.js';
import { type Asked, asked, inTurns, storedRows, textOf, whole } from '../support/fault/asked.js';
import { isLong, record, rounds, seededRun } from '../support/fault/form.js';
import { Ledger } from '../support/fault/ledger.js';
import type { Prompt } from '../support/prompts.js';
import { startService, type TestPerson, type TestService } from '../support/service.js';

const run = seededRun('F11');
/** Two, three and four bytes a letter, so that cuts fall inside of letters. */
const text = 'Grüße aus 東京: 🚄 ist schnell, naïve Leser nicht.';
const usage = { input: 120, output: 40, cached: 20 };
const events = openAiEvents(text, usage);
const body = Buffer.from(events.join(''));
const counted = { inputTokens: 120, outputTokens: 40, totalTokens: 160 };

let upstream: FakeUpstream;
let service: TestService;
let ada: TestPerson;
let folder: Awaited<ReturnType<typeof createTestFolder>>;
let ledger: Ledger;
const behaviours = new Map<string, Behaviour>();

beforeAll(async () => {
  upstream = await fakeUpstream();
  upstream.always((exchange) => behaviours.get(textOf(exchange))?.(exchange));
  service = await startService({
    env: { PROMPTWELL_OFFLINE: '0', LLM_BASE_URL: upstream.baseUrl, LLM_API_KEY: 'sk', LLM_MODEL: 'gpt-4o-mini' },
  });
  ada = await service.signUp();
  folder = await createTestFolder();
  ledger = new Ledger(`${folder.path}/ledger`);
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

/** Asks once under a behaviour of the upstream; the prompt as it is stored. */
async function askUnder(name: string, behaviour: Behaviour): Promise<{ asked: Asked; prompt: Prompt }> {
  behaviours.set(name, behaviour);
  // A model of its own each: what breaks here must not open the circuit of F09.
  const outcome = await asked(ledger, ada.client, { text: name, model: `m-${name}` });
  if (outcome.id === undefined) throw new Error(`no prompt is known of: ${JSON.stringify(outcome.refusal)}`);
  return { asked: outcome, prompt: outcome.prompt ?? (await ada.client.prompts.get.query({ id: outcome.id })) };
}

type Outcome = 'whole' | 'failed with the partial kept' | 'wrong';

type Usage = NonNullable<NonNullable<Prompt['response']>['usage']>;

const isAsCounted = (took: Usage): boolean =>
  Object.entries(counted).every(([name, value]) => Reflect.get(took, name) === value);

const isWhole = (said: string, took: Usage | null): boolean =>
  said === text && took !== null && (took.isEstimated || isAsCounted(took));

const isKept = (said: string, took: Usage | null): boolean =>
  text.startsWith(said) && (took === null ? said === '' : took.isEstimated);

/** What the row allows: the same text and usage as unsplit, or failed with a beginning of it; nothing else. */
function judge({ status, response }: Prompt): Outcome {
  if (response === null) return 'wrong';
  const { text: said, usage: took, error } = response;
  if (status === 'completed') return isWhole(said, took) ? 'whole' : 'wrong';
  return status === 'failed' && error !== null && isKept(said, took) ? 'failed with the partial kept' : 'wrong';
}

const tally = (outcomes: readonly Outcome[]): Record<Outcome, number> => {
  const total = { whole: 0, 'failed with the partial kept': 0, wrong: 0 };
  for (const outcome of outcomes) total[outcome] += 1;
  return total;
};

/** Every offset in the long form; in the short one every so-many-th, from a place that the seed says. */
const step = rounds(23, 1);
const offsets = Array.from({ length: body.length }, (_, offset) => offset);
const begin = run.between(0, step - 1);
const chosen = offsets.filter((offset) => offset % step === begin);

const splitAt = (offset: number): Behaviour => raw([body.subarray(0, offset), body.subarray(offset)]);

/** The body up to a byte, then the end: clean, or as a reset. */
const cutAt =
  (offset: number, isClean: boolean): Behaviour =>
  async ({ response }) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
    if (offset > 0) await new Promise((written) => response.write(body.subarray(0, offset), written));
    if (isClean) response.end();
    else response.socket?.resetAndDestroy();
  };

describe(`a stream of ${body.length} bytes`, () => {
  test(
    'F11 split at every byte, inside of letters too, is read like one that is not',
    async () => {
      const outcomes = await inTurns(chosen.length, 16, async (index) =>
        judge((await askUnder(`split ${chosen[index]}`, splitAt(chosen[index] ?? 0))).prompt),
      );
      expect(tally(outcomes)).toEqual({ whole: chosen.length, 'failed with the partial kept': 0, wrong: 0 });
      record('F11 split at every byte', run.seed, tally(outcomes));
    },
    isLong ? 600_000 : 60_000,
  );

  test.each([
    ['ended', true],
    ['reset', false],
  ])(
    'F11 %s at every byte is whole, or failed with what came: no wrong text, no wrong count',
    async (how, isClean) => {
      const outcomes = await inTurns(chosen.length, 16, async (index) => {
        const offset = chosen[index] ?? 0;
        return judge((await askUnder(`${how} ${offset}`, cutAt(offset, isClean))).prompt);
      });
      const total = tally(outcomes);
      expect(total.wrong).toBe(0);
      expect(total['failed with the partial kept']).toBeGreaterThan(chosen.length / 2);
      record(`F11 ${how} at every byte`, run.seed, total);
    },
    isLong ? 600_000 : 60_000,
  );
});

const withInvalidByte = (): Buffer => {
  const at = body.indexOf('schnell');
  return Buffer.concat([body.subarray(0, at), Buffer.from([0xff, 0xfe]), body.subarray(at)]);
};
const [opening = '', ...later] = events;
const counts = events.at(-2) ?? '';
const shapes: [string, () => Behaviour, string][] = [
  ['as it should be', () => raw(events), text],
  ['all events in one piece', () => raw([body]), text],
  ['byte by byte', () => raw(Array.from(body, (_, at) => body.subarray(at, at + 1))), text],
  ['lines that end in CRLF', () => raw([events.join('').replaceAll('\n', '\r\n')]), text],
  ['a byte order mark in front', () => raw(['\uFEFF', ...events]), text],
  ['no blank after data:', () => raw(events.map((event) => event.replace('data: ', 'data:'))), text],
  ['no [DONE]', () => raw(events.slice(0, -1)), text],
  ['its usage twice', () => raw([...events.slice(0, -1), counts, events.at(-1) ?? '']), text],
  [
    'its usage in every event',
    () => raw(events.map((event) => (event.startsWith('data: {') ? counts + event : event))),
    text,
  ],
  ['comments between the events', () => raw(events.map((event) => `: still here\n\n${event}`)), text],
  ['bytes that are no UTF-8', () => raw([withInvalidByte()]), text.replace('schnell', '\uFFFD\uFFFDschnell')],
  ['random pieces', () => raw(randomPieces()), text],
];

function randomPieces(): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < body.length; ) {
    const length = run.between(1, 90);
    pieces.push(body.subarray(at, at + length));
    at += length;
  }
  return pieces;
}

describe('a stream with', () => {
  test.each(shapes)(
    'F11 %s gives its text and its counts, each time',
    async (name, behaviour, wanted) => {
      const prompts = await inTurns(rounds(5, 50), 10, async (index) => {
        return (await askUnder(`${name} ${index}`, behaviour())).prompt;
      });
      for (const { status, response } of prompts) {
        expect({ status, text: response?.text }).toEqual({ status: 'completed', text: wanted });
        expect(response?.usage).toMatchObject({ ...counted, isEstimated: false });
      }
      expect(ledger.verdict(await storedRows(service.app.db))).toMatchObject(whole);
      record(`F11 ${name}`, run.seed, { asked: prompts.length, whole: prompts.length, wrong: 0 });
    },
    isLong ? 120_000 : 30_000,
  );

  test('F11 an event cut open by garbage fails with the partial kept', async () => {
    const { prompt } = await askUnder('garbage', raw([opening, later[0] ?? '', 'data:{', '\n\n', ...later]));
    expect(prompt).toMatchObject({ status: 'failed', response: { text: 'Grüße', error: { reason: 'malformed' } } });
    expect(prompt.response?.usage).toMatchObject({ isEstimated: true });
  });
});

/** How it is often written: each piece is taken for whole events. */
function naive(pieces: readonly Buffer[]): string {
  const lines = pieces.flatMap((piece) => piece.toString('utf8').split('\n'));
  return lines
    .map((line) => {
      try {
        const event = JSON.parse(line.slice('data: '.length)) as { choices: { delta: { content?: string } }[] };
        return event.choices[0]?.delta.content ?? '';
      } catch {
        return '';
      }
    })
    .join('');
}

test('F11 control: a reader that takes pieces for events is found out by the same splits', () => {
  const read = offsets.map((offset) => naive([body.subarray(0, offset), body.subarray(offset)]));
  expect(read.filter((one) => one !== text).length).toBeGreaterThan(body.length / 10);
});
