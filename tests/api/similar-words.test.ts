import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Inputs, Outputs } from '../../src/client.js';
import { neuralSpace, lexicalSpace } from '../../src/platform/embedding/choose.js';
import { defaultMode } from '../../src/features/prompts/fusion.js';
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

type Input = Inputs['prompts']['similar'];
type Answer = Outputs['prompts']['similar'];
const modes = ['meaning', 'words', 'hybrid'] as const;

const store = (text: string, more: object = {}, person = ada) =>
  person.client.prompts.create.mutate({ text, generate: false, ...more });
const similar = (input: Input, person = ada): Promise<Answer> => person.client.prompts.similar.query(input);
const texts = ({ hits }: Answer): string[] => hits.map(({ prompt }) => prompt.text);

const kitchen = [
  'Which wine goes with a mushroom risotto?',
  'My risotto turns out sticky every time',
  'How do I sharpen a ceramic knife?',
  'Plan a trip to the mushroom festival',
  'What should I wear to a wedding in June?',
];

test('the default is hybrid with the lexical embedder and meaning with any other, and the answer names it', async () => {
  await store('anything');
  expect((await similar({ query: 'anything' })).mode).toBe('hybrid');
  expect(defaultMode(lexicalSpace.name)).toBe('hybrid');
  expect(defaultMode(neuralSpace.name)).toBe('meaning');
  for (const mode of modes) expect((await similar({ query: 'anything', mode })).mode).toBe(mode);
});

test('words find what holds them, the rarest first, and say which, as the query writes them', async () => {
  for (const text of kitchen) await store(text);
  const answer = await similar({ query: 'Sticky RISOTTOS with mushrooms', mode: 'words' });
  expect(answer).toMatchObject({ mode: 'words', lane: 'words', candidates: 3 });
  expect(new Set(texts(answer))).toEqual(new Set([kitchen[0], kitchen[1], kitchen[3]]));
  const byText = new Map(answer.hits.map((hit) => [hit.prompt.text, hit]));
  expect(byText.get(kitchen[1] ?? '')?.matchedWords).toEqual(['Sticky', 'RISOTTOS']);
  expect(byText.get(kitchen[3] ?? '')?.matchedWords).toEqual(['mushrooms']);
  expect(answer.hits.map(({ ranks }) => ranks)).toEqual([1, 2, 3].map((words) => ({ meaning: null, words })));
  for (const { score, similarity } of answer.hits) {
    expect(similarity).toBeNull();
    expect(score).toBeGreaterThan(0);
    expect(score).toBeLessThan(1);
  }
});

test('a hybrid hit says its place in both lanes, its similarity and its words', async () => {
  for (const text of kitchen) await store(text);
  const { hits, candidates } = await similar({ query: 'a wine for mushroom risotto', limit: 5 });
  expect(candidates).toBe(5);
  expect(hits).toHaveLength(5);
  expect(hits[0]).toMatchObject({ prompt: { text: kitchen[0] }, ranks: { meaning: 1, words: 1 } });
  expect(hits[0]?.matchedWords).toEqual(expect.arrayContaining(['wine', 'mushroom', 'risotto']));
  expect(new Set(hits.map(({ ranks }) => ranks.meaning))).toEqual(new Set([1, 2, 3, 4, 5]));
  const wordless = hits.find(({ prompt }) => prompt.text === kitchen[4]);
  expect(wordless?.ranks.words === null).toBe(wordless?.matchedWords.length === 0);
  for (const { score, similarity } of hits) expect(score).toBeLessThanOrEqual(((similarity ?? 0) + 0.3) / 1.3);
});

test('a word alone brings what is far in meaning: a code that no vector knows', async () => {
  for (let index = 0; index < 30; index += 1) await store(`An invoice about the delivery, number ${index}`);
  const wanted = await store('Zebra QX77 is broken');
  const { hits } = await similar({ query: 'what became of QX77', limit: 5 });
  expect(hits[0]).toMatchObject({ prompt: { id: wanted.id }, ranks: { words: 1 }, matchedWords: ['QX77'] });
});

describe.each(modes)('in mode %s', (mode) => {
  test('the query’s own text comes first, whatever repeats its words, and equal texts newest first', async () => {
    const first = await store('alpha beta gamma');
    await store('alpha alpha alpha beta beta beta gamma gamma gamma');
    await store('gamma beta alpha');
    await store('Alpha, beta: gamma!');
    const second = await store('alpha beta gamma');
    const { hits } = await similar({ query: 'alpha beta gamma', mode });
    expect(
      hits
        .slice(0, 2)
        .map(({ prompt }) => prompt.id)
        .toSorted(),
    ).toEqual([first.id, second.id].toSorted());
    expect(hits.slice(0, 2).map(({ prompt }) => prompt.id)).toEqual([second.id, first.id]);
    expect(hits[0]?.score).toBeCloseTo(1, 5);
  });

  test('exactly min(limit, matching) hits come, and scores never rise', async () => {
    for (let index = 0; index < 7; index += 1) await store(`common word and thing ${index}`);
    for (const limit of [1, 3, 7, 50]) {
      const { hits } = await similar({ query: 'common thing', mode, limit });
      expect(hits).toHaveLength(Math.min(limit, 7));
      const scores = hits.map(({ score }) => score);
      expect(scores).toEqual(scores.toSorted((left, right) => right - left));
    }
  });

  test('a filter holds for every hit of both lanes', async () => {
    await store('risotto with saffron', { tags: ['kitchen'] });
    await store('risotto with peas', { tags: ['garden'] });
    await store('something else', { tags: ['kitchen'] });
    const { hits } = await similar({ query: 'risotto with peas', mode, filter: { tag: 'kitchen' } });
    expect(hits.length).toBe(mode === 'words' ? 1 : 2);
    for (const { prompt } of hits) expect(prompt.tags).toEqual(['kitchen']);
    expect((await similar({ query: 'risotto', mode, filter: { tag: 'none' } })).hits).toEqual([]);
  });

  test('the neighbours of a stored prompt come without itself', async () => {
    const asked = await store('How do I prune an apple tree?');
    const other = await store('Pruning apple trees in winter');
    await store('Total nonsense');
    const { hits } = await similar({ promptId: asked.id, mode });
    expect(hits.map(({ prompt }) => prompt.id)).not.toContain(asked.id);
    expect(hits[0]?.prompt.id).toBe(other.id);
    const absent = await refusal(similar({ promptId: '0198c0de-0000-7000-8000-000000000000', mode }));
    expect(absent).toMatchObject({ code: 'NOT_FOUND', details: { entity: 'prompt' } });
  });

  test("another project's prompts change nothing: neither hits nor scores nor words (T27, T28)", async () => {
    const bob = await service.signUp();
    for (const text of kitchen) await store(text);
    const query = 'mushroom risotto festival canary';
    const before = await similar({ query, mode, limit: 50 });
    for (let index = 0; index < 25; index += 1) await store(`mushroom risotto festival canary ${index % 3}`, {}, bob);
    expect(await similar({ query, mode, limit: 50 })).toEqual(before);
    expect(before.hits.flatMap(({ matchedWords }) => matchedWords)).not.toContain('canary');
    const trespass = await refusal(similar({ query, mode, projectId: bob.session.project.id }));
    expect(trespass).toMatchObject({ code: 'NOT_FOUND', details: { entity: 'project' } });
    const [foreign] = (await similar({ query, mode }, bob)).hits;
    const stolen = await refusal(similar({ promptId: foreign?.prompt.id ?? '', mode }));
    expect(stolen).toMatchObject({ code: 'NOT_FOUND' });
  });

  test('an edited prompt is found by its new words only, a deleted one by none (PF-14)', async () => {
    const prompt = await store('xylophone lessons');
    await ada.client.prompts.update.mutate({ id: prompt.id, text: 'saxophone lessons' });
    const found = async (query: string) =>
      (await similar({ query, mode })).hits.map(({ matchedWords }) => matchedWords);
    if (mode === 'words') expect(await found('xylophone')).toEqual([]);
    expect((await similar({ query: 'saxophone', mode })).hits[0]?.prompt.id).toBe(prompt.id);
    await ada.client.prompts.delete.mutate({ id: prompt.id });
    expect(await found('saxophone')).toEqual([]);
  });

  test('an empty store answers with nothing', async () => {
    expect(await similar({ query: 'anything', mode })).toMatchObject({ hits: [], candidates: 0, mode });
  });

  test.each([
    "' OR 1=1 --",
    "'; DROP TABLE prompt; --",
    'a & b | !c',
    'risotto:*',
    '(((',
    '<->',
    'a <2> b',
    "it''s",
    '\\',
    "\\' \\\\",
    '"quoted phrase"',
    '-risotto',
    '$1 ${x} {{y}}',
    '%_%',
    ':A',
    "'unclosed",
    '\u{1f469}‍\u{1f373}',
    'x'.repeat(3_000),
    '&|!():*'.repeat(500),
  ])('nothing in a query is read as syntax: %s (PL-6)', async (query) => {
    const plain = await store('risotto');
    const { hits } = await similar({ query, mode });
    if (mode !== 'words') expect(hits.map(({ prompt }) => prompt.id)).toEqual([plain.id]);
    // Negation and prefixes would change what matches: only the word itself does.
    else expect(hits.map(({ prompt }) => prompt.id)).toEqual(query.includes('risotto') ? [plain.id] : []);
  });
});

test('minScore bounds the similarity where there is one, and the score of words', async () => {
  for (const text of kitchen) await store(text);
  const query = 'Which wine goes with a mushroom risotto?';
  const all = await similar({ query, mode: 'hybrid', limit: 50 });
  const minScore = all.hits.map(({ similarity }) => similarity ?? 0).toSorted((a, b) => b - a)[1] ?? 0;
  const some = await similar({ query, mode: 'hybrid', limit: 50, minScore });
  expect(some.hits).toHaveLength(2);
  expect(some.hits.every(({ similarity }) => (similarity ?? -1) >= minScore - 1e-5)).toBe(true);
  expect(some.candidates).toBe(5);
  const words = await similar({ query, mode: 'words', minScore: 0.99 });
  expect(texts(words)).toEqual([query]);
});

test.each([['🦊🦊'], ['?!...'], ['— …']])(
  'a query without a word (%s) finds nothing by words and goes by meaning alone',
  async (query) => {
    await store('some text');
    expect(await similar({ query, mode: 'words' })).toMatchObject({ hits: [], candidates: 0 });
    const { hits } = await similar({ query, mode: 'hybrid' });
    expect(hits).toHaveLength(1);
    expect(hits[0]).toMatchObject({ ranks: { meaning: 1, words: null }, matchedWords: [] });
  },
);

test('words that English counts for nothing are words too', async () => {
  await store('To be or not to be');
  await store('A poem about spring');
  expect(texts(await similar({ query: 'not to be', mode: 'words' }))).toEqual(['To be or not to be']);
});

test.each([
  ['Chinese', '今天天气怎么样', '北京的天气预报', '如何做红烧肉', '天气'],
  ['Japanese', '東京の天気予報を教えて', '明日の天気はどうですか', '寿司の作り方', '天気'],
  ['Thai', 'อากาศวันนี้เป็นอย่างไร', 'พยากรณ์อากาศพรุ่งนี้', 'ทำแกงเขียวหวาน', 'อากาศ'],
  ['Korean', '오늘날씨어때요', '내일날씨예보', '김치만들기', '날씨'],
])('%s, written without spaces, is found by a part of a run', async (...[, first, second, other, query]) => {
  for (const text of [first, second, other]) await store(text);
  const { hits } = await similar({ query, mode: 'words', limit: 2 });
  expect(hits.map(({ prompt }) => prompt.text).toSorted()).toEqual([first, second].toSorted());
  for (const { matchedWords } of hits) for (const word of matchedWords) expect(query).toContain(word);
});

test('other alphabets are found without regard to case', async () => {
  await store('Рецепт борща');
  await store('Une recette d’ÉTÉ');
  expect(texts(await similar({ query: 'РЕЦЕПТ', mode: 'words' }))).toEqual(['Рецепт борща']);
  expect(texts(await similar({ query: 'été', mode: 'words' }))).toEqual(['Une recette d’ÉTÉ']);
});

test('a hit names at most 16 words, none twice', async () => {
  const words = Array.from({ length: 60 }, (_, index) => `word${index}`);
  await store(words.join(' '));
  const { hits } = await similar({ query: `${words.join(' ')} ${words.join(' ').toUpperCase()}`, mode: 'words' });
  expect(hits[0]?.matchedWords).toHaveLength(16);
  expect(new Set(hits[0]?.matchedWords.map((word) => word.toLowerCase())).size).toBe(16);
});

test('an unknown mode is refused by name', async () => {
  const told = await refusal(similar({ query: 'x', mode: 'magic' } as unknown as Input));
  expect(told.code).toBe('BAD_REQUEST');
  expect(JSON.stringify(told)).toContain('mode');
});

test('the lanes are measured', async () => {
  await store('measured');
  for (const mode of modes) await similar({ query: 'measured', mode });
  const metrics = await (await fetch(`${service.app.metricsUrl}/metrics`)).text();
  for (const lane of ['exact', 'words', 'hybrid'])
    expect(metrics).toMatch(new RegExp(`promptwell_similarity_duration_seconds_count\\{.*lane="${lane}".*\\} [1-9]`));
});
