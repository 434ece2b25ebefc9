import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { removePrompts, removeResponses } from '../../src/features/prompts/service/removal.js';
import { startRetention } from '../../src/features/retention/service/upkeep.js';
import { systemClock } from '../../src/kernel/clock.js';
import { systemIds } from '../../src/kernel/ids.js';
import { CursorCodec } from '../../src/platform/cursor.js';
import { TurnedClock } from '../support/clock.js';
import { answers, type FakeUpstream, fakeUpstream, held } from '../support/fake-upstream.js';
import { follow, untilHeard } from '../support/feed.js';
import { type Prompt, refusal, refusalOf } from '../support/prompts.js';
import { startService, type TestPerson, type TestService } from '../support/service.js';
import { until } from '../support/wait.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const clock = new TurnedClock();
let upstream: FakeUpstream;
let service: TestService;
let ada: TestPerson;

beforeAll(async () => {
  upstream = await fakeUpstream();
  const env = { PROMPTWELL_OFFLINE: '0', LLM_BASE_URL: upstream.baseUrl, LLM_API_KEY: 'sk', LLM_MODEL: 'gpt-4o-mini' };
  service = await startService({ clock, env });
});
afterAll(async () => {
  const bugs = service.logged.filter(({ level }) => level === 'error');
  await service[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
  expect(bugs).toEqual([]);
});
beforeEach(async () => {
  upstream.always(answers('An answer'));
  ada = await service.signUp();
});

const forEver = { promptDays: null, responseDays: null, eventDays: null };
const project = (): string => ada.session.project.id;
const create = (text: string, more: object = {}): Promise<Prompt> =>
  ada.client.prompts.create.mutate({ text, ...more });
const texts = async (): Promise<string[]> => (await ada.client.prompts.list.query({})).items.map(({ text }) => text);

/** Makes rows older than they are: days pass in the database, which is whose time counts. */
async function age(table: 'prompt' | 'response' | 'event', days: number, promptId: string): Promise<void> {
  const column = table === 'prompt' ? 'id' : 'prompt_id';
  const sql = `UPDATE ${table} SET created_at = created_at - make_interval(days => $1) WHERE ${column} = $2`;
  await service.app.db.read(sql, [days, promptId]);
}

/** Stores days, confirming what they would remove. */
async function set(days: { promptDays: number | null; responseDays: number | null; eventDays: number | null }) {
  const first = await ada.client.retention.set.mutate(days);
  return first.confirm === null ? first : ada.client.retention.set.mutate({ ...days, confirm: first.confirm });
}

const audited = async (): Promise<{ action: string; details: object; userId: string | null }[]> =>
  service.app.db.read(
    'SELECT action, details, user_id AS "userId" FROM audit_entry WHERE project_id = $1 ORDER BY id',
    [project()],
  );

describe('the days of a project', () => {
  test('are for ever until said, and what removes nothing is stored at once and recorded', async () => {
    expect(await ada.client.retention.get.query({})).toEqual({ ...forEver, installationEventHours: 168 });
    await create('young');
    const days = { promptDays: 30, responseDays: 7, eventDays: 3 };
    expect(await ada.client.retention.set.mutate(days)).toMatchObject({ isStored: true, days, confirm: null });
    expect(await ada.client.retention.get.query({})).toMatchObject(days);
    expect(await audited()).toEqual([{ action: 'retention.changed', details: days, userId: ada.session.user.id }]);
    expect(await set(forEver)).toMatchObject({ isStored: true });
  });

  test('that would remove something are not stored until what would go was seen and confirmed', async () => {
    const { id } = await create('old');
    await age('prompt', 40, id);
    await create('young');
    const days = { ...forEver, promptDays: 30 };
    const told = await ada.client.retention.set.mutate(days);
    expect(told).toMatchObject({ isStored: false, preview: { prompts: { count: 1 }, responses: { count: 0 } } });
    const { oldest } = told.preview.prompts;
    expect(Date.now() - Date.parse(oldest ?? '')).toBeGreaterThan(39 * 86_400_000);
    expect(await ada.client.retention.get.query({})).toMatchObject(forEver);
    expect(await ada.client.retention.applyNow.mutate({})).toEqual({ prompts: 0, responses: 0, events: 0 });
    const confirm = told.confirm ?? '';
    const others = [
      { ...days, promptDays: 29, confirm },
      { ...days, confirm: `${confirm}x` },
    ];
    for (const input of others)
      expect(await refusal(ada.client.retention.set.mutate(input))).toMatchObject({
        code: 'BAD_REQUEST',
        details: { issues: [{ path: 'confirm' }] },
      });
    const bob = await service.signUp();
    expect((await refusal(bob.client.retention.set.mutate({ ...days, confirm }))).code).toBe('BAD_REQUEST');
    clock.turnMs(59 * 60_000 + 2_000);
    expect(await ada.client.retention.set.mutate({ ...days, confirm })).toMatchObject({
      isStored: true,
      confirm: null,
    });
    clock.turnMs(-(59 * 60_000 + 2_000));
    expect(await texts()).toEqual(['young', 'old']);
    expect(await ada.client.retention.applyNow.mutate({})).toEqual({ prompts: 1, responses: 0, events: 0 });
    expect(await texts()).toEqual(['young']);
  });

  test('are looked at without being stored: nothing goes by a preview', async () => {
    const { id } = await create('old');
    for (const table of ['prompt', 'response', 'event'] as const) await age(table, 5, id);
    const { days, preview } = await ada.client.retention.preview.query({ responseDays: 4, eventDays: 4 });
    expect(days).toEqual({ promptDays: null, responseDays: 4, eventDays: 4 });
    expect(preview).toMatchObject({
      prompts: { count: 0, oldest: null },
      responses: { count: 1 },
      events: { count: 2 },
    });
    const all = await ada.client.retention.preview.query({ promptDays: 4, responseDays: 4 });
    expect(all.preview).toMatchObject({ prompts: { count: 1 }, responses: { count: 0 } });
    expect(await texts()).toEqual(['old']);
  });

  test.each([
    [{ ...forEver, promptDays: 0 }, 'promptDays'],
    [{ ...forEver, responseDays: 3_651 }, 'responseDays'],
    [{ ...forEver, eventDays: 8 }, 'eventDays'],
    [{ ...forEver, promptDays: 1.5 }, 'promptDays'],
  ])(
    'are whole, from 1 to 3 650, and no longer for events than the installation keeps any: %j',
    async (input, path) => {
      expect(await refusal(ada.client.retention.set.mutate(input))).toMatchObject({
        code: 'BAD_REQUEST',
        details: { issues: [{ path }] },
      });
    },
  );
});

describe('what is past its days', () => {
  test('goes as a deletion does: heard of, gone from search, lists and replay; what was quiet goes quietly', async () => {
    const reader = await follow(ada.client, { kinds: ['prompt.deleted'], filter: { conversationId: 'c' } });
    const lastEventId = reader.items[0]?.id ?? '';
    const old = await create('an old canary', { conversationId: 'c', tags: ['canary'], metadata: { canary: 1 } });
    const quiet = await create('a quiet canary', { push: false });
    const young = await create('a young prompt');
    for (const { id } of [old, quiet]) await age('prompt', 31, id);
    expect(await set({ ...forEver, promptDays: 30 })).toMatchObject({ isStored: true });
    expect(await ada.client.retention.applyNow.mutate({})).toEqual({ prompts: 2, responses: 0, events: 0 });
    await untilHeard(reader, 1);
    expect(reader.items[1]?.prompt).toMatchObject({ id: old.id, text: '', tags: [], conversationId: null });
    expect(await texts()).toEqual(['a young prompt']);
    expect((await refusal(ada.client.prompts.get.query({ id: old.id }))).code).toBe('NOT_FOUND');
    const { hits } = await ada.client.prompts.similar.query({ query: 'an old canary', limit: 50 });
    expect(hits.map(({ prompt }) => prompt.id)).toEqual([young.id]);
    const replay = await follow(ada.client, { lastEventId });
    await untilHeard(replay, 5);
    expect(JSON.stringify(replay.items)).not.toContain('canary');
    expect(replay.items.filter(({ kind }) => kind === 'prompt.deleted').map(({ prompt }) => prompt?.id)).toEqual([
      old.id,
    ]);
    expect(await ada.client.retention.applyNow.mutate({})).toEqual({ prompts: 0, responses: 0, events: 0 });
    expect((await audited()).at(-1)).toEqual({
      action: 'retention.applied',
      details: { prompts: 2, responses: 0, events: 0 },
      userId: ada.session.user.id,
    });
    for (const one of [reader, replay]) one.unsubscribe();
  });

  test('is never a prompt that is being answered', async () => {
    const asked = upstream.requests.length;
    upstream.script(held('Slowly answered'));
    const call = create('Slow');
    await upstream.untilRequests(asked + 1);
    const { id } = (await ada.client.prompts.list.query({})).items[0] as Prompt;
    await age('prompt', 31, id);
    await set({ ...forEver, promptDays: 30, responseDays: 30 });
    expect(await ada.client.retention.applyNow.mutate({})).toEqual({ prompts: 0, responses: 0, events: 0 });
    upstream.release();
    expect(await call).toMatchObject({ id, status: 'completed' });
    expect(await ada.client.retention.applyNow.mutate({})).toMatchObject({ prompts: 1 });
  });

  test('of the responses goes, in replay too, and the prompt stays', async () => {
    const reader = await follow(ada.client);
    const lastEventId = reader.items[0]?.id ?? '';
    reader.unsubscribe();
    upstream.script(answers('a canary of an answer'));
    const { id } = await create('Kept');
    await age('response', 8, id);
    await set({ ...forEver, responseDays: 7 });
    expect(await ada.client.retention.applyNow.mutate({})).toEqual({ prompts: 0, responses: 1, events: 0 });
    expect(await ada.client.prompts.get.query({ id })).toMatchObject({ text: 'Kept', response: null, responses: 0 });
    expect((await ada.client.prompts.responses.query({ id })).items).toEqual([]);
    const replay = await follow(ada.client, { lastEventId });
    await untilHeard(replay, 2);
    expect(replay.heard()).toEqual(['prompt.created Kept', 'prompt.completed Kept']);
    expect(JSON.stringify(replay.items)).not.toContain('canary');
    replay.unsubscribe();
    expect((await ada.client.prompts.regenerate.mutate({ id })).response?.text).toBe('An answer');
  });

  test('of the events goes, and no stream is resumed across the gap, whatever the days are by then (feed 9)', async () => {
    const reader = await follow(ada.client);
    const { id } = await create('Heard');
    await untilHeard(reader, 2);
    const lastEventId = reader.items[0]?.id ?? '';
    reader.unsubscribe();
    await set({ ...forEver, eventDays: 2 });
    clock.turnMs(49 * 3_600_000);
    const token = await service
      .client()
      .auth.login.mutate({ username: ada.session.user.username, password: ada.password });
    const later = service.client({ token: token.tokens.accessToken });
    const late = await follow(later, { lastEventId });
    expect(refusalOf(late.errors[0])).toMatchObject({ code: 'PRECONDITION_FAILED', details: { state: 'expired' } });
    clock.turnMs(-49 * 3_600_000);
    const resumed = await follow(ada.client, { lastEventId });
    await untilHeard(resumed, 2);
    resumed.unsubscribe();

    await service.app.db.read(
      `UPDATE event SET created_at = now() - interval '2 days' - interval '1 second' WHERE prompt_id = $1 AND kind = 'prompt.created'`,
      [id],
    );
    expect(await ada.client.retention.applyNow.mutate({})).toEqual({ prompts: 0, responses: 0, events: 1 });
    await set(forEver);
    // Sealed before the event that is gone: three days ago.
    clock.turnMs(-3 * 86_400_000);
    const ancient = await follow(ada.client).then((one) => {
      one.unsubscribe();
      return one.items[0]?.id ?? '';
    });
    clock.turnMs(3 * 86_400_000);
    const cut = await follow(ada.client, { lastEventId: ancient });
    expect(refusalOf(cut.errors[0])).toMatchObject({ code: 'PRECONDITION_FAILED', details: { state: 'expired' } });
  });
});

test('the background removes in many batches what is past its days, of those projects alone, and counts it', async () => {
  const bob = await service.signUp();
  const others = await bob.client.prompts.create.mutate({ text: 'of Bob' });
  await age('prompt', 400, others.id);
  const { id } = await create('One of many', { generate: false });
  await age('prompt', 400, id);
  await service.app.db.read(
    `INSERT INTO prompt (id, project_id, user_id, text, text_hash, status, created_at)
     SELECT gen_random_uuid(), project_id, user_id, text, text_hash, status, created_at FROM prompt, generate_series(1, 450)
     WHERE id = $1`,
    [id],
  );
  await set({ ...forEver, promptDays: 365 });
  const removed: Record<string, number> = {};
  const { stop } = startRetention({
    db: service.app.db,
    clock: systemClock,
    ids: systemIds(() => systemClock.nowMs()),
    log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
    cursors: new CursorCodec(new Uint8Array(32)),
    eventRetentionMs: 604_800_000,
    removal: { removePrompts, removeResponses },
    observer: { onRemoved: (kind, rows) => (removed[kind] = (removed[kind] ?? 0) + rows) },
    intervalMs: 20,
  });
  await until('everything to go', async () => ((await texts()).length === 0 ? true : undefined), 30_000);
  await stop();
  expect(removed).toEqual({ prompts: 451 });
  expect(await audited()).toContainEqual({
    action: 'retention.applied',
    details: { prompts: 451, responses: 0, events: 0 },
    userId: null,
  });
  expect((await bob.client.prompts.get.query({ id: others.id })).text).toBe('of Bob');
});

test('the metrics count the rows by kind', async () => {
  const { id } = await create('counted');
  await age('prompt', 31, id);
  await set({ ...forEver, promptDays: 30 });
  await ada.client.retention.applyNow.mutate({});
  const body = await (await fetch(`${service.app.metricsUrl}/metrics`)).text();
  expect(body).toMatch(/^promptwell_retention_rows_total\{kind="prompts"\} [1-9]/m);
});
