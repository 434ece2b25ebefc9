import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Outputs } from '../../src/client.js';
import { type FakeEmbeddings, fakeEmbeddings } from '../support/fake-embeddings.js';
import { refusal } from '../support/prompts.js';
import { startService, type TestPerson, type TestService } from '../support/service.js';
import { storePrompts, untilSpace, untilSpaceIs } from '../support/spaces.js';
import { until } from '../support/wait.js';

const lexical = 'lexical-1';
const remote = 'endpoint:words:256';
const topics = ['bread and butter', 'sailing boats', 'tax returns', 'garden roses', 'old trains'];
const texts = Array.from({ length: 60 }, (_, index) => `${topics[index % 5]} question number ${index}`);

describe('a move to another space and back', () => {
  let endpoint: FakeEmbeddings;
  let service: TestService;
  let administrator: TestPerson;
  let stranger: TestPerson;
  let release = (): void => undefined;

  beforeAll(async () => {
    endpoint = await fakeEmbeddings();
    service = await startService({ env: endpoint.env() });
    administrator = await service.signUp();
    stranger = await service.signUp();
    await storePrompts(administrator.client, texts);
    await storePrompts(stranger.client, ['a secret of another project', ...texts.slice(0, 15)]);
  });
  afterAll(async () => {
    const bugs = service.logged.filter(({ level }) => level === 'error');
    await service[Symbol.asyncDispose]();
    await endpoint[Symbol.asyncDispose]();
    expect(bugs).toEqual([]);
    expect(JSON.stringify(service.logged), 'the key is in no log').not.toContain('sk-tests');
  });

  const activeOf = async (person = administrator) => (await person.client.system.info.query()).embedding.space;
  const metric = async (name: string): Promise<string[]> => {
    const page = await (await fetch(`${service.app.metricsUrl}/metrics`)).text();
    return page.split('\n').filter((line) => line.startsWith(name));
  };

  test('a configured endpoint serves only when told, and is shown as what can be added; nothing has left by then', async () => {
    expect(await activeOf()).toBe(lexical);
    const { spaces, addable, fetch: fetching } = await administrator.client.spaces.list.query();
    expect(spaces).toMatchObject([{ name: lexical, state: 'active', filled: 76, total: 76, isServable: true }]);
    expect(addable).toEqual([{ name: remote, dimensions: 256 }]);
    expect(fetching).toBeNull();
    expect(endpoint.requests).toEqual([]);
  });

  test('what is not there is not found; what cannot be made here is refused; the one that serves cannot be dropped', async () => {
    const { spaces } = administrator.client;
    expect((await refusal(spaces.compare.query({ name: remote }))).code).toBe('NOT_FOUND');
    expect((await refusal(spaces.activate.mutate({ name: remote }))).code).toBe('NOT_FOUND');
    expect(await refusal(spaces.add.mutate({ name: 'all-MiniLM-L6-v2-q8' }))).toMatchObject({
      code: 'PRECONDITION_FAILED',
      details: { state: 'unavailable' },
    });
    expect((await refusal(spaces.add.mutate({ name: lexical }))).code).toBe('CONFLICT');
    expect((await refusal(spaces.drop.mutate({ name: lexical }))).code).toBe('PRECONDITION_FAILED');
    expect((await refusal(stranger.client.spaces.list.query())).code).toBe('FORBIDDEN');
  });

  test('a new space is filled in the background, told as it goes, and refused as `filling` until it is full', async () => {
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let answered = 0;
    endpoint.pace = () => {
      answered += 1;
      return answered > 1 ? held : Promise.resolve();
    };
    await storePrompts(
      stranger.client,
      Array.from({ length: 230 }, (_, index) => `${topics[index % 5]} more ${index}`),
    );
    const events: Outputs['spaces']['list'][] = [];
    const ids: string[] = [];
    const following = administrator.client.spaces.follow.subscribe(
      {},
      { onData: ({ id, data }) => void (events.push(data), ids.push(id)) },
    );
    await administrator.client.spaces.add.mutate({ name: remote });
    await untilSpaceIs(administrator.client, remote, (space) => space !== undefined && space.filled > 0);
    const refused = await refusal(administrator.client.spaces.activate.mutate({ name: remote }));
    expect(refused).toMatchObject({ code: 'PRECONDITION_FAILED', details: { state: 'filling', total: 306 } });
    expect(refused.details['filled']).toBeLessThan(306);
    expect(await activeOf()).toBe(lexical);
    release();
    await untilSpace(administrator.client, remote, 'full');
    await until('the follower to see it full', () =>
      events.at(-1)?.spaces.some(({ name, state }) => name === remote && state === 'full') ? true : undefined,
    );
    const filled = events.map(({ spaces }) => spaces.find(({ name }) => name === remote)?.filled ?? 0);
    expect(filled).toEqual(filled.toSorted((a, b) => a - b));
    expect(new Set(ids).size).toBe(ids.length);
    following.unsubscribe();
    const [resumed] = await new Promise<Outputs['spaces']['list'][]>((resolve) => {
      const again = administrator.client.spaces.follow.subscribe(
        { lastEventId: ids[0] ?? '' },
        { onData: ({ data }) => (again.unsubscribe(), resolve([data])) },
      );
    });
    expect(resumed?.spaces.find(({ name }) => name === remote)?.state).toBe('full');
    const asked = endpoint.requests.flatMap((request) => request.texts);
    expect(asked.length, 'no text of a project was sent twice').toBe(new Set(asked).size + 15);
  }, 90_000);

  test('the comparison tells how alike the spaces answer, with examples from the caller’s own projects only', async () => {
    const comparison = await administrator.client.spaces.compare.query({ name: remote });
    expect(comparison).toMatchObject({ active: lexical, candidate: remote });
    expect(comparison.sampled).toBeGreaterThan(0);
    expect(comparison.meanOverlap).toBeGreaterThan(0.2);
    expect(comparison.meanOverlap).toBeLessThanOrEqual(1);
    const own = administrator.session.project.id;
    expect(comparison.examples.every(({ projectId }) => projectId === own)).toBe(true);
  });

  test('activated: answers come from the new space, right for it; metrics and probes say so; it is in the ledger', async () => {
    const answer = await administrator.client.spaces.activate.mutate({ name: remote });
    expect(answer).toMatchObject({ active: remote, was: lexical, refused: 0 });
    const { hits, space } = await administrator.client.prompts.similar.query({ query: texts[7] ?? '' });
    expect(space).toBe(remote);
    expect(hits[0]?.prompt.text).toBe(texts[7]);
    expect(hits[0]?.score).toBeGreaterThan(0.9999);
    expect(hits[0]?.prompt.embedding).toMatchObject({ space: remote, dimensions: 256 });
    const created = await administrator.client.prompts.create.mutate({ text: 'told after the move' });
    expect(created.embedding?.space).toBe(remote);
    expect(await metric('promptwell_build_info')).toEqual([expect.stringContaining(`space="${remote}"`)]);
    expect(await (await fetch(`${service.url}/readyz`)).json()).toMatchObject({
      checks: { embedder: `ok: ${remote}` },
    });
    const audit = await service.app.db.prisma.auditEntry.findMany({ orderBy: { id: 'asc' } });
    expect(audit.filter(({ action }) => action.startsWith('space.'))).toMatchObject([
      { action: 'space.added', userId: administrator.session.user.id, projectId: null, details: { space: remote } },
      { action: 'space.activated', details: { space: remote, was: lexical, sampled: answer.comparison.sampled } },
    ]);
    expect((await refusal(administrator.client.spaces.activate.mutate({ name: remote }))).code).toBe('CONFLICT');
  });

  test('the old space is kept full, so that going back is complete at once', async () => {
    const [late] = await storePrompts(administrator.client, ['written while the other one served']);
    await untilSpace(administrator.client, lexical, 'full');
    const answer = await administrator.client.spaces.activate.mutate({ name: lexical });
    expect(answer.active).toBe(lexical);
    const { hits, space } = await administrator.client.prompts.similar.query({
      query: 'written while the other one served',
    });
    expect(space).toBe(lexical);
    expect(hits[0]).toMatchObject({ prompt: { id: late?.id } });
  });

  test('a prompt whose text changes has the vector of the new text in the space that serves, and soon in the other', async () => {
    const [prompt] = await storePrompts(administrator.client, ['about to be changed']);
    await untilSpace(administrator.client, remote, 'full');
    await administrator.client.prompts.update.mutate({ id: prompt?.id ?? '', text: 'changed to something else' });
    const { hits } = await administrator.client.prompts.similar.query({ query: 'changed to something else' });
    expect(hits[0]).toMatchObject({ prompt: { id: prompt?.id, embedding: { space: lexical } } });
    await untilSpace(administrator.client, remote, 'full');
  });

  test('monitoring is told what is missing in each space', async () => {
    const lines = await until('the gauge', async () => {
      await administrator.client.spaces.list.query();
      const found = await metric('promptwell_space_missing_prompts');
      return found.length === 2 ? found : undefined;
    });
    expect(lines.every((line) => /space="(lexical-1|endpoint:words:256)"\} 0$/.test(line))).toBe(true);
  });

  test('a dropped space loses its vectors in the background and then is gone, and can be added anew', async () => {
    const { spaces } = await administrator.client.spaces.drop.mutate({ name: remote });
    expect(spaces.find(({ name }) => name === remote)?.state).toBe('dropping');
    expect(await refusal(administrator.client.spaces.add.mutate({ name: remote }))).toMatchObject({
      details: { state: 'dropping' },
    });
    await untilSpaceIs(administrator.client, remote, (space) => space === undefined);
    const left = await service.app.db.read('SELECT 1 FROM embedding WHERE space_id NOT IN (SELECT id FROM space)', []);
    expect(left).toEqual([]);
    await administrator.client.spaces.add.mutate({ name: remote });
    await untilSpace(administrator.client, remote, 'full');
  }, 60_000);
});

test('offline, an endpoint is no space at all: no text leaves', async () => {
  await using endpoint = await fakeEmbeddings();
  await using service = await startService({ env: { ...endpoint.env(), PROMPTWELL_OFFLINE: '1' } });
  const administrator = await service.signUp();
  expect((await administrator.client.spaces.list.query()).addable).toEqual([]);
  expect((await refusal(administrator.client.spaces.add.mutate({ name: remote }))).details['state']).toBe(
    'unavailable',
  );
  expect(endpoint.requests).toEqual([]);
});
