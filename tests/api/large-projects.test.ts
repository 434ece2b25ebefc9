import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Inputs, Outputs } from '../../src/client.js';
import { exactlyNearest, manyPrompts, storeMany } from '../support/large-project.js';
import { startService, type TestPerson, type TestService } from '../support/service.js';
import { until } from '../support/wait.js';

const minVectors = 1_000;
const size = 3_000;
let service: TestService;
let ada: TestPerson;
let adasIds: string[];

type Found = Outputs['prompts']['similar'];
const similar = (input: Inputs['prompts']['similar'], person = ada): Promise<Found> =>
  person.client.prompts.similar.query({ mode: 'meaning', ...input });
const idsOf = ({ hits }: Found): string[] => hits.map(({ prompt }) => prompt.id);
const query = (index: number): string => `please ${manyPrompts(index * 37 + 11)} now`;
/** The embedded engine stands still while it builds: who waits longer than ten seconds is told to come again. */
const laneOf = (person: TestPerson): Promise<Found['lane'] | 'busy'> =>
  similar({ query: 'bake' }, person).then(
    ({ lane }) => lane,
    (cause: unknown) => {
      if (JSON.stringify(cause).includes('SERVICE_UNAVAILABLE')) return 'busy' as const;
      throw cause;
    },
  );
const hasOwnIndex = (person: TestPerson): Promise<unknown> =>
  until('the index of a large project', async () => ((await laneOf(person)) === 'hnsw' ? true : undefined), 60_000);

/** Ada's project is four times as large as the threshold; four in five of its prompts are of production. */
beforeAll(async () => {
  service = await startService({ env: { ANN_MIN_VECTORS: String(minVectors) }, annQuietMs: 0 });
  ada = await service.signUp();
  const texts = Array.from({ length: size }, (_, index) => manyPrompts(index * 13));
  const projectId = ada.session.project.id;
  const environment = (index: number): string => (index % 5 === 0 ? 'rare' : 'production');
  adasIds = await storeMany(service.app.db, { projectId, texts, environment });
});
afterAll(() => service[Symbol.asyncDispose]());

test('a project that has grown large is searched exactly until it has an index of its own, and the answer says which', async () => {
  const first = await similar({ query: query(0), limit: 10 });
  expect(first).toMatchObject({ lane: 'exact', candidates: size });
  await hasOwnIndex(ada);
  const later = await similar({ query: query(0), limit: 10 });
  expect(later).toMatchObject({ lane: 'hnsw', candidates: size });
  expect(idsOf(later)).toEqual(idsOf(first));
  expect(later.hits[0]?.score).toBeCloseTo(first.hits[0]?.score ?? 0, 6);
  const [record] = await service.app.db.read<{ state: string; rows: number }>('SELECT state, rows FROM ann_index', []);
  expect(record).toEqual({ state: 'ready', rows: size });
  const metrics = await (await fetch(`${service.app.metricsUrl}/metrics`)).text();
  expect(metrics).toContain('promptwell_ann_indexes{state="ready"} 1');
  expect(metrics).toContain('promptwell_ann_build_duration_seconds_count{outcome="completed"} 1');
});

test('the index finds at least 99 of the 100 that are exactly nearest (T29)', async () => {
  let found = 0;
  const asked = 40;
  for (let index = 0; index < asked; index += 1) {
    const answer = await similar({ query: query(index), limit: 10 });
    const exact = await exactlyNearest(service.app.db, ada.session.project.id, { query: query(index), limit: 10 });
    expect(answer.lane).toBe('hnsw');
    expect(answer.hits).toHaveLength(10);
    const farthest = 1 - (exact.at(-1)?.distance ?? 0) - 1e-6;
    found += answer.hits.filter(({ score }) => score >= farthest).length;
    const scores = answer.hits.map(({ score }) => score);
    expect(scores).toEqual(scores.toSorted((left, right) => right - left));
  }
  expect(found / (asked * 10)).toBeGreaterThanOrEqual(0.99);
});

test.each([10, 50])('a project of %i prompts beside a large one is answered whole and exactly (T29)', async (count) => {
  const small = await service.signUp();
  const projectId = small.session.project.id;
  const ids = await storeMany(service.app.db, {
    projectId,
    texts: Array.from({ length: count }, (_, n) => manyPrompts(n)),
  });
  const answer = await similar({ query: query(1), limit: 50 }, small);
  expect(answer).toMatchObject({ lane: 'exact', candidates: count });
  expect(new Set(idsOf(answer))).toEqual(new Set(ids));
});

test.each([1, 5, 50])('exactly min(limit, matching) hits come from the index too: limit %i', async (limit) => {
  const answer = await similar({ query: 'entirely unrelated zebra', limit });
  expect(answer.lane).toBe('hnsw');
  expect(answer.hits).toHaveLength(limit);
  expect(new Set(idsOf(answer)).size).toBe(limit);
});

test('minScore, and the neighbours of a stored prompt, hold in a large project', async () => {
  const all = await similar({ query: query(3), limit: 10 });
  const minScore = (all.hits[4]?.score ?? 0) - 1e-4;
  const some = await similar({ query: query(3), limit: 10, minScore });
  expect(some.lane).toBe('hnsw');
  expect(idsOf(some)).toEqual(idsOf(all).slice(0, some.hits.length));
  expect(some.hits.every(({ score }) => score >= minScore - 1e-5)).toBe(true);
  expect(await similar({ query: 'entirely unrelated zebra', minScore: 0.999 })).toMatchObject({
    hits: [],
    lane: 'hnsw',
  });
  const around = await similar({ promptId: adasIds[7] ?? '', limit: 5 });
  expect(around.lane).toBe('hnsw');
  expect(around.hits).toHaveLength(5);
  expect(idsOf(around)).not.toContain(adasIds[7]);
});

test('equal texts come newest first, though there are more of them than the index gives at once', async () => {
  const texts = Array.from({ length: 120 }, () => 'The very same text, over and over');
  const projectId = ada.session.project.id;
  const newestFirst = (await storeMany(service.app.db, { projectId, texts })).toReversed();
  const answer = await similar({ query: 'The very same text, over and over', limit: 5 });
  expect(answer.lane).toBe('hnsw');
  expect(idsOf(answer)).toEqual(newestFirst.toSorted().toReversed().slice(0, 5));
});

test('a filter that many pass is served by the index, one that few pass is served exactly, and both hold', async () => {
  for (const [environment, lane] of [
    ['production', 'hnsw'],
    ['rare', 'exact'],
  ] as const) {
    const answer = await similar({ query: query(5), limit: 10, filter: { environment } });
    const of = { query: query(5), limit: 10, environment };
    const exact = await exactlyNearest(service.app.db, ada.session.project.id, of);
    expect(answer.lane).toBe(lane);
    expect(answer.hits.map(({ prompt }) => prompt.environment)).toEqual(Array.from({ length: 10 }, () => environment));
    const overlap = idsOf(answer).filter((id) => exact.some((one) => one.id === id)).length;
    expect(overlap).toBeGreaterThanOrEqual(lane === 'exact' ? 10 : 9);
  }
});

test('a prompt is found as soon as it is stored, under its new text as soon as it is changed, and never once deleted', async () => {
  const made = await ada.client.prompts.create.mutate({ text: 'Photograph the aurora at midnight', generate: false });
  const ask = async (text: string): Promise<string | undefined> => {
    const answer = await similar({ query: text, limit: 1 });
    expect(answer).toMatchObject({ lane: 'hnsw', hits: [{}] });
    return idsOf(answer)[0];
  };
  expect(await ask('Photograph the aurora at midnight')).toBe(made.id);
  await ada.client.prompts.update.mutate({ id: made.id, text: 'Weld a rusty gate hinge' });
  expect(await ask('Weld a rusty gate hinge')).toBe(made.id);
  expect(await ask('Photograph the aurora at midnight')).not.toBe(made.id);
  await ada.client.prompts.delete.mutate({ id: made.id });
  expect(await ask('Weld a rusty gate hinge')).not.toBe(made.id);
});

test("another project's 2 000 near-duplicates change no answer, whichever lane (T28)", async () => {
  const bob = await service.signUp();
  const small = await service.signUp();
  const projectId = small.session.project.id;
  await storeMany(service.app.db, { projectId, texts: Array.from({ length: 60 }, (_, n) => manyPrompts(n * 13)) });
  const ask = async (): Promise<unknown> => [
    (await similar({ query: query(2), limit: 5 })).hits.map(({ prompt, score }) => [prompt.id, score]),
    (await similar({ query: query(2), limit: 5 }, small)).hits.map(({ prompt, score }) => [prompt.id, score]),
  ];
  const before = await ask();
  const texts = Array.from({ length: 2_000 }, (_, index) => `${query(2)} ${index % 40}`);
  await storeMany(service.app.db, { projectId: bob.session.project.id, texts });
  expect(await ask()).toEqual(before);
  await hasOwnIndex(bob);
  expect(await ask()).toEqual(before);
});

test("no search ever answers with another project's prompt, nor with a vector (T27)", async () => {
  const people = await Promise.all(Array.from({ length: 6 }, () => service.signUp()));
  const canary = (index: number): string => `canary ${index} sings in mine ${index * 7}`;
  for (const [index, person] of people.entries()) {
    const texts = Array.from({ length: 20 }, (_, n) => (n === 0 ? canary(index) : manyPrompts(n + index)));
    await storeMany(service.app.db, { projectId: person.session.project.id, texts });
  }
  for (const person of [ada, ...people])
    for (const index of people.keys()) {
      const answer = await similar({ query: canary(index), limit: 5 }, person);
      expect(answer.hits.map(({ prompt }) => prompt.projectId)).toEqual(
        Array.from({ length: 5 }, () => person.session.project.id),
      );
      expect(JSON.stringify(answer)).not.toMatch(/"vector"/);
    }
});

test('a search that believes in an index which is gone is still right', async () => {
  const before = await similar({ query: query(9), limit: 10 });
  expect(before.lane).toBe('hnsw');
  await service.app.db.read(`DROP INDEX ann_${ada.session.project.id.replaceAll('-', '')}_1`, []);
  const after = await similar({ query: query(9), limit: 10 });
  expect(after.lane).toBe('exact');
  expect(idsOf(after)).toEqual(
    (await exactlyNearest(service.app.db, ada.session.project.id, { query: query(9), limit: 10 })).map(({ id }) => id),
  );
});
