import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Inputs, Outputs } from '../../src/client.js';
import { refusal } from '../support/prompts.js';
import { startService, type TestPerson, type TestService } from '../support/service.js';

let service: TestService;
let ada: TestPerson;

beforeAll(async () => {
  service = await startService();
});
afterAll(() => service[Symbol.asyncDispose]());
beforeEach(async () => {
  ada = await service.signUp();
});

const store = (text: string, more: object = {}, person = ada) =>
  person.client.prompts.create.mutate({ text, generate: false, ...more });
const similar = (input: Inputs['prompts']['similar']): Promise<Outputs['prompts']['similar']> =>
  ada.client.prompts.similar.query(input);

const recipes = [
  'Bake a loaf of bread',
  'Baking sourdough bread at home',
  'Repair a bicycle chain',
  'Learn to play chess',
];

test('the nearest come first, each with its score, an identical text with about 1', async () => {
  for (const text of recipes) await store(text);
  const { hits, lane, space, candidates } = await similar({ query: 'Bake a loaf of bread' });
  expect(hits[0]?.prompt.text).toBe('Bake a loaf of bread');
  expect(hits[0]?.score).toBeCloseTo(1, 5);
  expect(hits[1]?.prompt.text).toBe('Baking sourdough bread at home');
  const scores = hits.map(({ score }) => score);
  expect(scores).toEqual(scores.toSorted((left, right) => right - left));
  expect(scores.every((score) => score >= -1 && score <= 1)).toBe(true);
  expect({ lane, candidates }).toEqual({ lane: 'exact', candidates: 4 });
  expect(space).toBe(hits[0]?.prompt.embedding?.space);
  expect(JSON.stringify(hits)).not.toContain('"vector"');
});

test('equal texts come newest first', async () => {
  const ids: string[] = [];
  for (let index = 0; index < 4; index += 1) ids.unshift((await store('The very same text')).id);
  expect((await similar({ query: 'The very same text' })).hits.map(({ prompt }) => prompt.id)).toEqual(ids);
});

test.each([1, 3, 4, 50])('exactly min(limit, matching) hits come: limit %i of 4', async (limit) => {
  for (const text of recipes) await store(text);
  expect((await similar({ query: 'anything', limit })).hits).toHaveLength(Math.min(limit, 4));
});

test('an empty store answers with nothing, and counts nothing', async () => {
  expect(await similar({ query: 'anything' })).toMatchObject({ hits: [], lane: 'exact', candidates: 0 });
});

test('minScore leaves out what is less alike', async () => {
  for (const text of recipes) await store(text);
  const all = (await similar({ query: 'Bake a loaf of bread' })).hits;
  const minScore = all[1]?.score ?? 0;
  const some = await similar({ query: 'Bake a loaf of bread', minScore: minScore - 0.001 });
  expect(some.hits).toEqual(all.slice(0, 2));
  expect(some.candidates).toBe(4);
  expect((await similar({ query: 'Bake a loaf of bread', minScore: 0.999 })).hits).toHaveLength(1);
  expect(await similar({ query: 'entirely unrelated zebra', minScore: 1 })).toMatchObject({ hits: [], candidates: 4 });
});

test('a filter holds for every hit, and the count is of what passes it', async () => {
  for (const text of recipes)
    await store(text, { tags: text.includes('read') ? ['kitchen'] : [], environment: 'test' });
  const { hits, candidates } = await similar({ query: 'Repair a bicycle chain', filter: { tag: 'kitchen' } });
  expect(hits.map(({ prompt }) => prompt.tags)).toEqual([['kitchen'], ['kitchen']]);
  expect(candidates).toBe(2);
  expect(await similar({ query: 'x', filter: { tag: 'none' } })).toMatchObject({ hits: [], candidates: 0 });
  expect((await similar({ query: 'x', filter: { environment: 'test', text: 'chess' } })).hits).toHaveLength(1);
});

test('the neighbours of a stored prompt come without itself', async () => {
  const first = await store('Bake a loaf of bread');
  const twin = await store('Bake a loaf of bread');
  await store('Repair a bicycle chain');
  const { hits, candidates } = await similar({ promptId: first.id });
  expect(hits.map(({ prompt }) => prompt.id)).not.toContain(first.id);
  expect(hits[0]).toMatchObject({ prompt: { id: twin.id } });
  expect(hits[0]?.score).toBeCloseTo(1, 5);
  expect(candidates).toBe(2);
});

test.each([
  ['query', { query: ' \n ' }],
  ['query', { query: '' }],
  ['query', { query: 'x'.repeat(10_001) }],
  ['query', {}],
  ['query', { query: 'x', promptId: '0198c0de-0000-7000-8000-000000000000' }],
  ['promptId', { promptId: 'no id' }],
  ['limit', { query: 'x', limit: 0 }],
  ['limit', { query: 'x', limit: 51 }],
  ['minScore', { query: 'x', minScore: 1.1 }],
  ['vector', { query: 'x', vector: [1, 2, 3] }],
])('bad input names its field: %s', async (field, input) => {
  const told = await refusal(similar(input));
  expect(told.code).toBe('BAD_REQUEST');
  expect(JSON.stringify(told)).toContain(field);
});

test('a query of the longest length is answered', async () => {
  await store('x');
  expect((await similar({ query: 'word '.repeat(2_000) })).hits).toHaveLength(1);
});

test("another project's prompts are never hits, however near and however many (T27, T28)", async () => {
  const bob = await service.signUp();
  for (let index = 0; index < 30; index += 1) await store('canary 4711 in the mine', {}, bob);
  const mine = [await store('Something else'), await store('And yet another thing')];
  const { hits, candidates } = await similar({ query: 'canary 4711 in the mine', limit: 50 });
  expect(new Set(hits.map(({ prompt }) => prompt.id))).toEqual(new Set(mine.map(({ id }) => id)));
  expect(candidates).toBe(2);
  const trespass = await refusal(similar({ query: 'canary', projectId: bob.session.project.id }));
  expect(trespass).toMatchObject({ code: 'NOT_FOUND', details: { entity: 'project' } });
});

test('a query without a credential is UNAUTHORIZED', async () => {
  expect((await refusal(service.client().prompts.similar.query({ query: 'x' }))).code).toBe('UNAUTHORIZED');
});
