import { afterEach, beforeEach, expect, test } from 'vitest';
import type { PromptwellClient } from '../../src/client.js';
import { engineUnderTest } from '../support/database.js';
import { type FakeEmbeddings, fakeEmbeddings, wordVector } from '../support/fake-embeddings.js';
import { processHome, startProcess, type TestProcess } from '../support/process.js';
import { clientFor, goodPassword, startSecond, startService, type TestService } from '../support/service.js';
import { storePrompts, untilSpace, untilSpaceIs } from '../support/spaces.js';
import { until } from '../support/wait.js';

const lexical = 'lexical-1';
const remote = 'endpoint:words:256';
const topics = ['bread and butter', 'sailing boats', 'tax returns', 'garden roses', 'old trains'];
const texts = (count: number, what: string): string[] =>
  Array.from({ length: count }, (_, index) => `${topics[index % 5]} ${what} ${index}`);

let endpoint: FakeEmbeddings;
beforeEach(async () => {
  endpoint = await fakeEmbeddings();
});
afterEach(() => endpoint[Symbol.asyncDispose]());

/** What the callers of a load saw, besides answers that were right. */
interface Seen {
  wrong: string[];
  answers: Map<string, number>;
  acknowledged: number;
}

const cosine = (one: number[], other: number[]): number =>
  one.reduce((sum, value, index) => sum + value * (other[index] ?? 0), 0) / (Math.hypot(...one) * Math.hypot(...other));

/** Who stores, and who looks. */
type Pair = [PromptwellClient, PromptwellClient];

/** One caller: stores a prompt through one client and at once looks for it through another; every answer is checked. */
async function callOnce([writer, reader]: Pair, seen: Seen, text: string): Promise<void> {
  const stored = await writer.prompts.create.mutate({ text, generate: false });
  seen.acknowledged += 1;
  const { hits, space } = await reader.prompts.similar.query({ query: text, limit: 5 });
  seen.answers.set(space, (seen.answers.get(space) ?? 0) + 1);
  const [first] = hits;
  if (first?.prompt.id !== stored.id) seen.wrong.push(`${text}: not found by the next search, in ${space}`);
  else if (first.score < 0.9999) seen.wrong.push(`${text}: itself only by ${first.score}, in ${space}`);
  for (const { prompt, score } of hits) {
    // Which space answered can be told from the score: in the endpoint's it can be worked out.
    const known = cosine(wordVector(text, 256), wordVector(prompt.text, 256));
    if (space === remote && Math.abs(known - score) > 1e-3)
      seen.wrong.push(`${text}: ${prompt.text} scored ${score}, not ${known}: not of the space that the answer names`);
  }
}

/** Runs callers until told to stop; each refused call is a wrong one. */
function underLoad(clients: PromptwellClient[], seen: Seen): () => Promise<void> {
  const stopping = new AbortController();
  const caller = async (number: number): Promise<void> => {
    for (let turn = 0; !stopping.signal.aborted; turn += 1) {
      const writer = clients[(number + turn) % clients.length];
      const reader = clients[(number + turn + 1) % clients.length];
      if (writer === undefined || reader === undefined) return;
      await callOnce([writer, reader], seen, `${topics[turn % 5]} of caller ${number} turn ${turn}`).catch(
        (cause: unknown) => seen.wrong.push(String(cause)),
      );
    }
  };
  const callers = [0, 1, 2].map(caller);
  return async () => {
    stopping.abort();
    await Promise.all(callers);
  };
}

test('while a space is added, filled, activated, rolled back and dropped under load: no error, every answer from one space, nothing acknowledged is missed', async () => {
  await using first = await startService({ env: endpoint.env() });
  const second: TestService | undefined = engineUnderTest === 'server' ? await startSecond(first) : undefined;
  const administrator = await first.signUp();
  const { client } = administrator;
  await storePrompts(client, texts(80, 'written before'));
  const seen: Seen = { wrong: [], answers: new Map(), acknowledged: 0 };
  const clients = [client, ...(second === undefined ? [] : [second.client({ token: administrator.token })])];
  const stop = underLoad(clients, seen);
  const answered = (space: string, more: number): Promise<unknown> => {
    const before = seen.answers.get(space) ?? 0;
    expect(seen.wrong).toEqual([]);
    return until(
      `${more} answers from ${space}`,
      () => ((seen.answers.get(space) ?? 0) >= before + more ? true : undefined),
      90_000,
    );
  };
  await answered(lexical, 3);
  await client.spaces.add.mutate({ name: remote });
  await untilSpaceIs(client, remote, (space) => space !== undefined && space.total - space.filled < 100);
  const pauses: number[] = [];
  for (const name of [remote, lexical, remote, lexical]) {
    pauses.push((await client.spaces.activate.mutate({ name })).pauseMs);
    await answered(name, 6);
  }
  await client.spaces.drop.mutate({ name: remote });
  await untilSpaceIs(client, remote, (space) => space === undefined);
  await answered(lexical, 3);
  await stop();
  await second?.[Symbol.asyncDispose]();
  expect(seen.wrong).toEqual([]);
  expect([...seen.answers.keys()].toSorted()).toEqual([remote, lexical]);
  expect(first.logged.filter(({ level }) => level === 'error')).toEqual([]);
  process.stderr.write(`pauses ${pauses.join(', ')} ms; ${seen.acknowledged} prompts\n`);
}, 240_000);

test('kill -9 in the middle of the filling: the next process goes on where it stopped, and asks nothing twice', async () => {
  await using home = await processHome();
  const env = { ...home.env, ...endpoint.env() };
  let process_: TestProcess | undefined = await startProcess(env);
  try {
    const { tokens } = await clientFor(process_.url).auth.signup.mutate({ username: 'root', password: goodPassword });
    const client = clientFor(process_.url, { token: tokens.accessToken });
    await storePrompts(client, texts(200, 'to be filled'));
    // Two batches are answered; the third never is.
    let asked = 0;
    endpoint.pace = () => {
      asked += 1;
      return asked > 2 ? new Promise(() => undefined) : Promise.resolve();
    };
    await client.spaces.add.mutate({ name: remote });
    await untilSpaceIs(client, remote, (space) => space?.filled === 64 && asked > 2);
    process_.kill('SIGKILL');
    await process_.ended;
    const before = endpoint.requests.slice(0, 2).flatMap((request) => request.texts);
    endpoint.requests.length = 0;
    endpoint.pace = () => Promise.resolve();
    process_ = await startProcess(env);
    const again = clientFor(process_.url, { token: tokens.accessToken });
    expect((await again.system.info.query()).embedding.space).toBe(lexical);
    await untilSpace(again, remote, 'full');
    const after = endpoint.requests.flatMap((request) => request.texts);
    expect(after).toHaveLength(200 - 64);
    expect(after.filter((text) => before.includes(text))).toEqual([]);
    await again.spaces.activate.mutate({ name: remote });
    const { hits } = await again.prompts.similar.query({ query: texts(200, 'to be filled')[150] ?? '' });
    expect(hits[0]?.prompt.text).toBe(texts(200, 'to be filled')[150]);
    process_.kill('SIGTERM');
    await process_.ended;
    // What serves stays what serves, also for a program that starts anew.
    process_ = await startProcess(env);
    expect((await clientFor(process_.url, { token: tokens.accessToken }).system.info.query()).embedding.space).toBe(
      remote,
    );
  } finally {
    process_?.kill('SIGKILL');
    await process_?.ended;
  }
}, 240_000);
