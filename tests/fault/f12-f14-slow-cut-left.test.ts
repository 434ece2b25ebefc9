import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config.js';
import { systemClock } from '../../src/kernel/clock.js';
import { chooseProviders, type ProviderRouter } from '../../src/platform/llm/choose.js';
import type { LlmProvider } from '../../src/platform/llm/provider.js';
import { createTestFolder } from '../support/database.js';
import {
  answers,
  type Behaviour,
  type FakeUpstream,
  fakeUpstream,
  held,
  openAiEvents,
} from '../support/fake-upstream.js';
import { asked, inTurns, percentile, storedRows, textOf, whole } from '../support/fault/asked.js';
import { isLong, record, rounds, seededRun } from '../support/fault/form.js';
import { Ledger } from '../support/fault/ledger.js';
import { type Prompt, readStream, refusalOf } from '../support/prompts.js';
import { startService, type TestPerson, type TestService } from '../support/service.js';
import { until } from '../support/wait.js';
import { frame, openSocket } from '../support/wire.js';

const { seed } = seededRun('F12-F14');
const text = 'One two three four five six seven eight nine ten';
const answerBody = (): Buffer => Buffer.from(openAiEvents(text).join(''));

let upstream: FakeUpstream;
let service: TestService;
let ada: TestPerson;
let folder: Awaited<ReturnType<typeof createTestFolder>>;
let ledger: Ledger;

const idleMs = rounds(8_000, 30_000);
const deadlineMs = idleMs + rounds(4_000, 15_000);
const env = (more: Record<string, string> = {}): Record<string, string> => ({
  PROMPTWELL_OFFLINE: '0',
  LLM_BASE_URL: upstream.baseUrl,
  LLM_API_KEY: 'sk',
  LLM_MODEL: 'gpt-4o-mini',
  LLM_IDLE_TIMEOUT_MS: String(idleMs),
  LLM_TIMEOUT_MS: String(deadlineMs),
  LLM_CONCURRENCY: '300',
  LLM_DAILY_CAP_USD: '1000',
  ...more,
});

beforeAll(async () => {
  upstream = await fakeUpstream();
  service = await startService({ env: env() });
  ada = await service.signUp();
  folder = await createTestFolder();
  ledger = new Ledger(`${folder.path}/ledger`);
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const requestsFor = (prompt: string): number =>
  upstream.requests.filter((request) => textOf({ request }) === prompt).length;
const responsesOf = async (id: string | undefined): Promise<number> => {
  const rows = await service.app.db.read('SELECT 1 FROM response WHERE prompt_id = $1::uuid', [id]);
  return rows.length;
};

/** One byte a second; those whose text says `begun` send a whole event first. */
const trickles: Behaviour = (exchange) => {
  const { response } = exchange;
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const [opening = '', ...events] = openAiEvents(text);
  let rest = Buffer.from(events.join(''));
  if (textOf(exchange).includes('begun')) response.write(opening);
  const timer = setInterval(() => {
    response.write(rest.subarray(0, 1));
    rest = rest.subarray(1);
  }, 1_000);
  response.once('close', () => clearInterval(timer));
};

/** How long a create and a read of it take. */
async function otherCalls(): Promise<[number, number]> {
  const beganMs = performance.now();
  const { id } = await ada.client.prompts.create.mutate({ text: 'other', generate: false });
  const readMs = performance.now();
  await ada.client.prompts.get.query({ id });
  return [readMs - beganMs, performance.now() - readMs];
}

describe('an upstream of one byte a second', () => {
  test(
    'F12 a hundred of them end by their silence or the deadline, and other calls are answered meanwhile',
    async () => {
      upstream.always(trickles);
      await using patient = await startService({
        env: env({ LLM_IDLE_TIMEOUT_MS: '600000', LLM_TIMEOUT_MS: '3600000', SHUTDOWN_MS: '200' }),
      });
      let hasControlEnded = false;
      const waiting = (await patient.signUp()).client;
      void waiting.prompts.create.mutate({ text: 'control begun' }).then(
        () => (hasControlEnded = true),
        () => (hasControlEnded = true),
      );
      const over = new AbortController();
      const aloneMs = (await inTurns(20, 1, otherCalls)).flat();
      const slow = inTurns(100, 100, async (index) => {
        // One after another, so that they end so too: a hundred answers stored at one moment are another subject.
        await new Promise((resolve) => setTimeout(resolve, 50 * index));
        const how = index % 2 === 0 ? 'begun' : 'mute';
        return asked(ledger, ada.client, { text: `slow ${index} ${how}`, model: `slow ${index}` });
      }).finally(() => over.abort());
      await until('some of them', () => (upstream.requests.length >= 20 ? true : undefined), 30_000);
      const timesMs: number[] = [];
      while (!over.signal.aborted) timesMs.push(...(await otherCalls()));
      const outcomes = await slow;
      for (const [index, { refusal }] of outcomes.entries()) {
        const bound = index % 2 === 0 ? idleMs : deadlineMs;
        expect(refusal).toMatchObject({ code: 'GATEWAY_TIMEOUT', details: { deadlineMs: bound } });
      }
      const [latest] = await service.app.db.read<{ most: number }>('SELECT max(latency_ms) AS most FROM response', []);
      expect(latest?.most).toBeLessThan(deadlineMs + 1_000);
      const [p50, p99, aloneP50, aloneP99] = [timesMs, aloneMs].flatMap((times) =>
        [0.5, 0.99].map((share) => Math.round(percentile(times, share))),
      ) as [number, number, number, number];
      expect(timesMs.length).toBeGreaterThan(20);
      // None waits for a stream to end, and most not at all. The tail of so few calls is the machine's: it is recorded.
      expect(Math.max(...timesMs)).toBeLessThan(idleMs);
      expect(p50).toBeLessThan(3 * aloneP50 + 100);
      // The control: without these bounds the same call has not ended by now.
      expect(hasControlEnded).toBe(false);
      await until('all given up', () => (upstream.abandoned >= 100 ? true : undefined));
      expect(ledger.verdict(await storedRows(service.app.db))).toMatchObject(whole);
      record('F12', seed, {
        slow: 100,
        'other calls': timesMs.length,
        'their p50 / p99 ms': `${p50} / ${p99}`,
        'alone p50 / p99 ms': `${aloneP50} / ${aloneP99}`,
        lost: 0,
      });
    },
    isLong ? 180_000 : 120_000,
  );
});

/** Resets the connection after a share of the answer. */
const resetAt =
  (share: number): Behaviour =>
  async (exchange) => {
    if (textOf(exchange) === 'well') return answers('Well.')(exchange);
    const { response } = exchange;
    const bytes = answerBody();
    if (share > 0) {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      await new Promise((written) => response.write(bytes.subarray(0, Math.floor(bytes.length * share)), written));
    }
    return response.socket?.resetAndDestroy();
  };

const spentUsd = async (): Promise<number> => {
  const [row] = await service.app.db.read<{ usd: number }>(
    'SELECT COALESCE(sum(usd), 0)::float8 AS usd FROM spend WHERE scope LIKE $1',
    [`%${ada.session.user.id}%`],
  );
  return row?.usd ?? 0;
};

/** Failed with a beginning of the answer and its estimated usage; with neither where nothing came. */
function isRight({ status, response }: Prompt, share: number): boolean {
  if (status !== 'failed' || response === null || !text.startsWith(response.text)) return false;
  return share === 0
    ? response.text === '' && response.usage === null
    : response.text !== '' && response.usage?.isEstimated === true;
}

describe('a connection that is reset', () => {
  test.each([0, 0.5, 0.99])(
    'F13 at %d of the answer: what came is kept with its estimated cost, nobody asks again, it is billed once',
    async (share) => {
      upstream.always(resetAt(share));
      const before = await spentUsd();
      const outcomes = await inTurns(rounds(6, 100), share === 0 ? 1 : 10, (index) =>
        asked(ledger, ada.client, { text: `reset at ${share}: ${index}`, model: 'gpt-4o-mini' }).then(async (one) => {
          // The circuit is the subject of F09: an answer of another kind closes it.
          if (share === 0) await asked(ledger, ada.client, { text: 'well', model: 'gpt-4o-mini' });
          return one;
        }),
      );
      const after = await spentUsd();
      for (const [index, { id, key, refusal }] of outcomes.entries()) {
        const prompt = await ada.client.prompts.get.query({ id: id ?? '' });
        expect(refusal?.code).toBe('BAD_GATEWAY');
        expect(isRight(prompt, share)).toBe(true);
        expect(await responsesOf(id)).toBe(1);
        const again = ada.client.prompts.create.mutate({
          text: `reset at ${share}: ${index}`,
          model: 'gpt-4o-mini',
          idempotencyKey: key,
        });
        expect(refusalOf(await again.catch((error: unknown) => error)).details['promptId']).toBe(id);
        expect(requestsFor(`reset at ${share}: ${index}`)).toBe(1);
      }
      const billed = (after - before) / outcomes.length;
      expect(billed > 0.001).toBe(share > 0);
      // Reserved once for each, as for one call: 4 096 tokens of output and a few of input.
      expect(billed).toBeLessThan(0.0026);
      expect(ledger.verdict(await storedRows(service.app.db))).toMatchObject(whole);
      record(`F13 at ${share * 100} %`, seed, { resets: outcomes.length, 'calls each': 1, 'billed each': 1, lost: 0 });
    },
    isLong ? 180_000 : 30_000,
  );

  test('F13 control: a provider that asks again after the first byte is found out by its text and its calls', async () => {
    upstream.always(resetAt(0.5));
    const inner = chooseProviders(loadConfig(env()).llm, { clock: systemClock });
    await using eager = await startService({ env: env(), providers: askingAgain(inner) });
    const { client } = await eager.signUp();
    const failed = refusalOf(await client.prompts.create.mutate({ text: 'again' }).catch((error: unknown) => error));
    const prompt = await client.prompts.get.query({ id: String(failed.details['promptId']) });
    expect(isRight(prompt, 0.5)).toBe(false);
    expect(requestsFor('again')).toBe(2);
  });
});

function askingAgain(inner: ProviderRouter): ProviderRouter {
  const again = (provider: LlmProvider): LlmProvider => ({
    name: provider.name,
    defaultModel: provider.defaultModel,
    estimateUsd: (request) => provider.estimateUsd(request),
    spentBy: (request, said) => provider.spentBy(request, said),
    async *stream(request, signal) {
      try {
        yield* provider.stream(request, signal);
      } catch {
        yield* provider.stream(request, signal);
      }
    },
  });
  return {
    choose: (model) => {
      const { provider, model: chosen } = inner.choose(model);
      return { provider: again(provider), model: chosen };
    },
  };
}

/** `held`, with the moment at which each answer lost its reader. */
const leftMs = new Map<string, number>();
const heldAndTimed: Behaviour = (exchange) => {
  exchange.response.once('close', () => leftMs.set(textOf(exchange), performance.now()));
  return held(text)(exchange);
};

describe('a caller that leaves in the middle of a stream', () => {
  test(
    'F14 the upstream is aborted within a second, and the prompt ends cancelled with its partial and its usage',
    async () => {
      upstream.always(heldAndTimed);
      const abortedMs = { stopped: [] as number[], cut: [] as number[] };
      const left = await inTurns(rounds(16, 200), 8, async (index) => {
        const how = index % 2 === 0 ? 'stopped' : 'cut';
        const prompt = `left ${index}`;
        const key = randomUUID();
        const socket = await openSocket(service.url, ada.token);
        ledger.sent(key);
        socket.send(frame(1, 'subscription prompts.stream', { text: prompt, idempotencyKey: key }));
        const said = await until('the first word', () => socket.frames.find((one) => one.includes('"delta"')));
        const id = /"id":"([0-9a-f-]{36}):/.exec(said)?.[1] ?? '';
        ledger.acknowledged(key, id);
        const nowMs = performance.now();
        if (how === 'stopped') socket.send({ id: 1, jsonrpc: '2.0', method: 'subscription.stop' });
        else socket.ws.terminate();
        const gone = await until('the upstream aborted', () => leftMs.get(prompt), 5_000);
        abortedMs[how].push(gone - nowMs);
        socket.ws.terminate();
        return id;
      });
      expect(Math.max(...abortedMs.stopped)).toBeLessThan(1_000);
      // A cut reader has a second to come back (decision 12), then the same holds.
      expect(Math.max(...abortedMs.cut)).toBeLessThan(2_000);
      for (const id of left) {
        const prompt = await until('its end', async () => {
          const row = await ada.client.prompts.get.query({ id });
          return row.status === 'pending' ? undefined : row;
        });
        expect(prompt).toMatchObject({ status: 'cancelled', response: { text: 'One', usage: { isEstimated: true } } });
        expect(prompt.response?.usage?.outputTokens).toBeGreaterThan(0);
        expect(prompt.response?.costUsd).toBeGreaterThan(0);
        expect(await responsesOf(id)).toBe(1);
      }
      expect(ledger.verdict(await storedRows(service.app.db))).toMatchObject(whole);
      const most = (times: number[]): number => Math.round(Math.max(...times));
      const figures = {
        left: left.length,
        'slowest abort ms': most(abortedMs.stopped),
        'after a cut': most(abortedMs.cut),
      };
      record('F14', seed, { ...figures, unrecorded: 0 });
    },
    isLong ? 300_000 : 60_000,
  );

  test('F14 control: while somebody else waits for the whole answer, leaving aborts nothing', async () => {
    upstream.always(heldAndTimed);
    const key = randomUUID();
    const created = ada.client.prompts.create.mutate({ text: 'kept', idempotencyKey: key });
    await until('the call', () => (requestsFor('kept') === 1 ? true : undefined));
    const reader = readStream(ada.client, { text: 'kept', idempotencyKey: key });
    await until('the first word', () => (reader.text() === '' ? undefined : true));
    reader.unsubscribe();
    await expect(until('an abort', () => leftMs.get('kept'), 1_500)).rejects.toThrow('in vain');
    upstream.release();
    expect((await created).status).toBe('completed');
  });
});
