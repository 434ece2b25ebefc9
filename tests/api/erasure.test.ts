import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { listBackups } from '../../src/platform/db/restore.js';
import { embeddedConfig, engineUnderTest } from '../support/database.js';
import { follow, untilHeard } from '../support/feed.js';
import { refusal, refusalOf } from '../support/prompts.js';
import { type Ended, runProgram } from '../support/program.js';
import { startSecond, startService, type TestPerson, type TestService } from '../support/service.js';
import { textsInFolder, textsInTableFiles } from '../support/table-files.js';
import { until } from '../support/wait.js';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

let service: TestService;

beforeAll(async () => {
  service = await startService();
});
afterAll(async () => {
  const bugs = service.logged.filter(({ level }) => level === 'error');
  await service[Symbol.asyncDispose]();
  expect(bugs).toEqual([]);
});

const create = ({ client }: TestPerson, text: string, more: object = {}) =>
  client.prompts.create.mutate({ text, ...more });

/** How often embedders have computed a text, by the metrics: a text that is remembered is a hit, else a miss. */
async function misses(of: TestService): Promise<number> {
  const body = await (await fetch(`${of.app.metricsUrl}/metrics`)).text();
  return Number(/^promptwell_embedding_cache_total\{result="miss"\} (\d+)/m.exec(body)?.[1] ?? 0);
}

/** Whether a service remembers the vector of a query. */
async function remembers(of: TestService, { token }: TestPerson, query: string): Promise<boolean> {
  const before = await misses(of);
  await of.client({ token }).prompts.similar.query({ query });
  return (await misses(of)) === before;
}

const until404 = (call: () => Promise<unknown>): Promise<true> =>
  until('the project to be unknown', async () => ((await refusal(call())).code === 'NOT_FOUND' ? true : undefined));

/** Everything the database says anywhere, audit entries aside. */
async function rowsWith(of: TestService, text: string): Promise<string[]> {
  const { db } = of.app;
  const tables = await db.read<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'audit_entry'`,
    [],
  );
  const found: string[] = [];
  for (const { name } of tables) {
    const rows = await db.read(`SELECT 1 FROM ${name} t WHERE to_jsonb(t)::text LIKE '%' || $1 || '%' LIMIT 1`, [text]);
    if (rows.length > 0) found.push(name);
  }
  return found;
}

async function join(person: TestPerson, projectId: string, role: 'member' | 'admin') {
  const { db } = service.app;
  await db.prisma.membership.create({ data: { projectId, userId: person.session.user.id, role } });
  await db.read(`SELECT pg_notify('promptwell_session', $1)`, [`membership:${person.session.user.id}`]);
  await until('the membership', () =>
    person.client.prompts.list.query({ projectId }).then(
      () => true,
      () => undefined,
    ),
  );
}

describe('a deleted prompt', () => {
  test('is nowhere in the database, and its vectors, of earlier wordings too, are forgotten by the embedder', async () => {
    const ada = await service.signUp();
    const { id } = await create(ada, 'the first canary', {
      conversationId: 'canary talk',
      environment: 'canary place',
      tags: ['canary'],
      metadata: { canary: 'canary' },
      system: 'a canary system',
      idempotencyKey: 'canary key',
    });
    await ada.client.prompts.update.mutate({ id, text: 'the second canary' });
    expect(await remembers(service, ada, 'the second canary')).toBe(true);
    expect(await rowsWith(service, 'canary')).toEqual(expect.arrayContaining(['prompt', 'event']));
    await ada.client.prompts.delete.mutate({ id });
    expect(await rowsWith(service, 'canary')).toEqual([]);
    await until('both to be forgotten', async () => {
      const { hits } = await ada.client.prompts.similar.query({ query: 'another canary' });
      return hits.length === 0 ? true : undefined;
    });
    for (const text of ['the first canary', 'the second canary'])
      expect([text, await remembers(service, ada, text)]).toEqual([text, false]);
  });

  test.runIf(engineUnderTest === 'server')('is forgotten by the embedders of every process', async () => {
    await using second = await startSecond(service);
    const ada = await service.signUp();
    const { id } = await create(ada, 'a canary in two mines');
    await remembers(second, ada, 'a canary in two mines');
    expect(await remembers(second, ada, 'a canary in two mines')).toBe(true);
    await ada.client.prompts.delete.mutate({ id });
    // Asking makes it known again: the notification is waited for by a text that goes with the whole scope.
    await ada.client.projects.erase.mutate({ projectId: ada.session.project.id, confirm: ada.session.project.name });
    await until('the other process to forget', async () =>
      (await remembers(second, ada, 'a canary in two mines')) ? undefined : true,
    );
  });
});

describe('an erased project', () => {
  test('is gone for its members with everything in it; its streams end; an entry without texts stays', async () => {
    const ada = await service.signUp();
    const bob = await service.signUp();
    const { id: projectId } = await ada.client.projects.create.mutate({ name: 'Canary project' });
    await join(bob, projectId, 'admin');
    const key = await ada.client.apiKeys.create.mutate({ projectId, name: 'canary', scopes: ['prompts:read'] });
    const { id } = await create(ada, 'a canary', { projectId });
    await create(bob, 'another canary', { projectId });
    const mine = await create(ada, 'of my own');
    const heard = await follow(bob.client, { projectId });
    const confirm = 'Canary project';
    for (const wrong of ['canary project', 'Canary'])
      expect(await refusal(ada.client.projects.erase.mutate({ projectId, confirm: wrong }))).toMatchObject({
        code: 'BAD_REQUEST',
        details: { issues: [{ path: 'confirm' }] },
      });
    expect((await refusal(bob.client.projects.erase.mutate({ projectId, confirm }))).code).toBe('FORBIDDEN');

    const erased = await ada.client.projects.erase.mutate({ projectId, confirm });
    expect(erased).toMatchObject({
      id: projectId,
      isGone: true,
      prompts: 2,
      responses: 2,
      vectors: 2,
      events: 4,
      apiKeys: 1,
    });
    await until('the stream to end', () => (heard.errors.length > 0 ? true : undefined));
    expect(refusalOf(heard.errors[0])).toMatchObject({ code: 'PRECONDITION_FAILED', details: { state: 'erased' } });
    expect(await rowsWith(service, projectId)).toEqual([]);
    expect(await rowsWith(service, 'anary')).toEqual([]);
    for (const person of [ada, bob]) await until404(() => person.client.prompts.get.query({ projectId, id }));
    const bearer = service.client({ token: key.key });
    await until('the key to end', async () =>
      (await refusal(bearer.prompts.list.query({}))).code === 'UNAUTHORIZED' ? true : undefined,
    );
    expect(
      await service.app.db.read(
        'SELECT user_id AS "userId", action, details FROM audit_entry WHERE project_id = $1 ORDER BY id DESC LIMIT 1',
        [projectId],
      ),
    ).toEqual([
      {
        userId: ada.session.user.id,
        action: 'project.erased',
        details: { isGone: true, prompts: 2, responses: 2, vectors: 2, events: 4, apiKeys: 1 },
      },
    ]);
    expect((await ada.client.prompts.get.query({ id: mine.id })).text).toBe('of my own');
  });

  test('that is personal is emptied and goes on; nothing before can be resumed', async () => {
    const ada = await service.signUp();
    const { id: projectId, name } = ada.session.project;
    const reader = await follow(ada.client);
    for (let index = 0; index < 3; index += 1) await create(ada, `canary ${index}`);
    await untilHeard(reader, 6);
    const lastEventId = reader.items.at(-1)?.id ?? '';
    const erased = await ada.client.projects.erase.mutate({ projectId, confirm: name });
    expect(erased).toMatchObject({ isGone: false, prompts: 3 });
    await until('the stream to end', () => (reader.errors.length > 0 ? true : undefined));
    expect((await ada.client.prompts.list.query({})).items).toEqual([]);
    expect((await ada.client.prompts.similar.query({ query: 'canary 1' })).hits).toEqual([]);
    const resumed = await follow(ada.client, { lastEventId });
    expect(refusalOf(resumed.errors[0])).toMatchObject({ details: { state: 'expired' } });
    const { id } = await create(ada, 'a new beginning');
    expect((await ada.client.prompts.similar.query({ query: 'a new beginning' })).hits[0]?.prompt.id).toBe(id);
    expect(await ada.client.projects.list.query()).toMatchObject({ items: [{ id: projectId }] });
  });

  test('of more than a batch goes whole, while others write into it', async () => {
    const ada = await service.signUp();
    const { id: projectId } = await ada.client.projects.create.mutate({ name: 'Large' });
    const { id } = await create(ada, 'One of many', { projectId, generate: false });
    await service.app.db.read(
      `INSERT INTO prompt (id, project_id, user_id, text, text_hash, status)
       SELECT gen_random_uuid(), project_id, user_id, text, text_hash, status FROM prompt, generate_series(1, 450) WHERE id = $1`,
      [id],
    );
    const writers = Array.from({ length: 5 }, async (_, index) => {
      for (;;)
        try {
          await create(ada, `writer ${index}`, { projectId, generate: false });
        } catch (cause) {
          return refusalOf(cause).code;
        }
    });
    await ada.client.projects.erase.mutate({ projectId, confirm: 'Large' });
    expect(new Set(await Promise.all(writers))).toEqual(new Set(['NOT_FOUND']));
    expect(await rowsWith(service, projectId)).toEqual([]);
  });
});

describe('a deleted account', () => {
  test.each([
    [true, []],
    [false, ['of Ada']],
  ])(
    'takes its prompts in projects of others along, unless that is refused: erasePrompts %j',
    async (erasePrompts, left) => {
      const ada = await service.signUp();
      const bob = await service.signUp();
      const { id: projectId } = await bob.client.projects.create.mutate({ name: 'Shared' });
      await join(ada, projectId, 'member');
      await create(ada, 'of Ada', { projectId });
      await create(bob, 'of Bob', { projectId });
      await create(ada, 'a personal canary');
      const heard = await follow(bob.client, { projectId, kinds: ['prompt.deleted'] });
      await ada.client.auth.deleteAccount.mutate({ password: ada.password, erasePrompts });
      const { items } = await bob.client.prompts.list.query({ projectId });
      expect(items.map(({ text }) => text)).toEqual(['of Bob', ...left]);
      if (erasePrompts) await untilHeard(heard, 1);
      heard.unsubscribe();
      expect(await rowsWith(service, 'a personal canary')).toEqual([]);
      expect(await rowsWith(service, ada.session.project.id)).toEqual([]);
      const id = ada.session.user.id;
      // Ids of nobody: in the tombstones of what was hers, or in the prompts she left.
      expect(await rowsWith(service, id)).toEqual(erasePrompts ? ['event'] : expect.arrayContaining(['prompt']));
      const [entry] = await service.app.db.read<{ details: object }>(
        `SELECT details FROM audit_entry WHERE action = 'user.erased' AND details ->> 'erasedUserId' = $1`,
        [id],
      );
      expect(entry?.details).toMatchObject({ projects: 1, prompts: erasePrompts ? 2 : 1 });
    },
  );

  test('stays whole while a shared project has no other owner', async () => {
    const ada = await service.signUp();
    const bob = await service.signUp();
    const { id: projectId } = await ada.client.projects.create.mutate({ name: 'Hers alone' });
    await join(bob, projectId, 'member');
    const { id } = await create(ada, 'still here', { projectId });
    expect(await refusal(ada.client.auth.deleteAccount.mutate({ password: ada.password }))).toMatchObject({
      code: 'PRECONDITION_FAILED',
      message: 'The only owner of: Hers alone.',
    });
    expect((await ada.client.prompts.get.query({ projectId, id })).text).toBe('still here');
  });
});

test('the last administrator stays while others have accounts', async () => {
  await using own = await startService();
  const [first, second] = [await own.signUp(), await own.signUp()];
  expect(await refusal(first.client.auth.deleteAccount.mutate({ password: first.password }))).toMatchObject({
    code: 'PRECONDITION_FAILED',
    details: { state: 'lastAdministrator' },
  });
  await second.client.auth.deleteAccount.mutate({ password: second.password });
  await first.client.auth.deleteAccount.mutate({ password: first.password });
});

describe('the command line', () => {
  const promptwell = (of: TestService, args: string[], stdin = ''): Promise<Ended> =>
    runProgram('cli.js', { args, env: of.env, stdin });

  test('erases what is named twice, counts first, and leaves no byte of it in the table files', {
    timeout: 300_000,
  }, async () => {
    await using own = await startService();
    // The first account runs the installation, and nobody else does: it cannot go.
    const bob = await own.signUp();
    const ada = await own.signUp();
    const canaries = { prompt: '9f3a61c07be2', project: '4d0c8a7715fe', user: 'c27e90b1a3d4', bob: '71f2e6d80c9b' };
    const doomed = await create(ada, `prompt ${canaries.prompt}`);
    const { id: projectId } = await ada.client.projects.create.mutate({ name: 'Doomed' });
    await create(ada, `project ${canaries.project}`, { projectId });
    await create(ada, `user ${canaries.user}`);
    await create(bob, `kept ${canaries.bob}`);
    await own.app.close();

    const dry = await promptwell(own, ['erase', 'prompt', doomed.id, '--dry-run']);
    expect(dry).toMatchObject({
      code: 0,
      stdout: `Would erase ${doomed.id}: 1 prompt, 1 response, 1 vector, 2 events.\n`,
    });
    const shy = await promptwell(own, ['erase', 'project', projectId], 'doomed\n');
    expect([shy.code, shy.stderr]).toEqual([1, expect.stringContaining('That is not its name; nothing was erased.')]);
    const one = await promptwell(own, ['erase', 'prompt', doomed.id, '--yes']);
    expect([one.code, one.stdout]).toEqual([0, expect.stringContaining(`${doomed.id} is erased.\n`)]);
    const two = await promptwell(own, ['erase', 'project', projectId], 'Doomed\n');
    expect([two.code, two.stdout]).toEqual([0, expect.stringContaining('Doomed is erased.\n')]);
    const { username } = ada.session.user;
    const three = await promptwell(own, ['erase', 'user', username, '--scrub'], `${username}\n`);
    expect([three.code, three.stdout], three.stderr).toEqual([
      0,
      expect.stringMatching(new RegExp(`${username} is erased\\.\n\\d+ tables written anew in [\\d.]+ s\\.\n$`)),
    ]);
    if (engineUnderTest === 'embedded') {
      const { DATA_DIR: dataDir = '' } = own.env;
      const scrubbed = await promptwell(own, ['scrub', '--backups']);
      expect([scrubbed.code, scrubbed.stdout]).toEqual([0, expect.stringMatching(/older backups removed/)]);
      const left = await textsInFolder(`${dataDir}/pg/base`, canaries);
      expect(left.filter((place) => !place.startsWith('bob'))).toEqual([]);
      expect(left.length).toBeGreaterThan(0);
      expect(await listBackups(embeddedConfig(dataDir))).toHaveLength(1);
    }
    await using again = await startSecond(own);
    const found = await textsInTableFiles(again.app.db, canaries);
    expect(found.filter((place) => !place.startsWith('bob'))).toEqual([]);
    expect(found).toContain('bob in prompt');
    expect((await again.client({ token: bob.token }).prompts.list.query({})).items).toHaveLength(1);
    const login = again.client().auth.login.mutate({ username, password: ada.password });
    expect((await refusal(login)).code).toBe('UNAUTHORIZED');
  });
});
