import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadConfig } from '../../src/config.js';
import { textHash } from '../../src/features/prompts/fingerprint.js';
import { type Interruption, LeaseStore } from '../../src/features/prompts/store/leases.js';
import type { PromptView } from '../../src/features/prompts/schema.js';
import { type Insertion, insertPrompts } from '../../src/features/prompts/store/insertion.js';
import type { NewPrompt } from '../../src/features/prompts/store/writes.js';
import { systemClock } from '../../src/kernel/clock.js';
import { systemIds } from '../../src/kernel/ids.js';
import { openDatabase } from '../../src/platform/db/client.js';
import type { Database } from '../../src/platform/db/database.js';
import { TurnedClock } from '../support/clock.js';
import { createTestDatabase, type TestDatabase, testDeps } from '../support/database.js';
import { follow, untilHeard } from '../support/feed.js';
import { refusal } from '../support/prompts.js';
import { startSecond, startService, type TestPerson } from '../support/service.js';
import { until } from '../support/wait.js';

const ids = systemIds(() => systemClock.nowMs());

const prompt = (userId: string, text: string, leaseOwner: string | null): NewPrompt => ({
  id: ids.uuid(),
  userId,
  text,
  textHash: textHash(text),
  system: null,
  model: null,
  parameters: {},
  conversationId: null,
  environment: 'development',
  tags: [],
  metadata: {},
  isPushed: true,
  idempotencyKey: null,
  requestHash: null,
  leaseOwner,
});

/** Stores a prompt as another process would have left it. */
async function leave(db: Database, owner: { projectId: string; userId: string }, made: NewPrompt): Promise<string> {
  const tenant = { projectId: owner.projectId, spaceId: 1, dimensions: 384 };
  const status = made.leaseOwner === null ? 'completed' : 'pending';
  const insertion: Insertion = {
    prompt: made,
    status,
    createdAt: null,
    vector: null,
    responses: [],
    kinds: [],
    view: {} as PromptView,
  };
  const { text, values } = insertPrompts(tenant, { insertions: [insertion], channel: 'promptwell_event' });
  await db.read(text, values);
  return made.id;
}

const interruption = (): Interruption => ({
  responseIds: Array.from({ length: 100 }, () => ids.uuid()),
  error: { kind: 'interrupted', message: 'gone', details: {} },
});

const setLease = (db: Database, id: string, seconds: number): Promise<object[]> =>
  db.read(`UPDATE prompt SET lease_expires_at = now() + make_interval(secs => $2) WHERE id = $1::uuid`, [id, seconds]);

test('what a dead process left pending fails as interrupted, what a live one works at stays, what lacks a vector gets it', async () => {
  await using first = await startService();
  const ada: TestPerson = await first.signUp();
  const reader = await follow(ada.client);
  const lastEventId = reader.items[0]?.id ?? '';
  reader.unsubscribe();
  await first.app.close();

  const db = await openDatabase({ ...testDeps, config: loadConfig(first.env).db });
  const owner = { projectId: ada.session.project.id, userId: ada.session.user.id };
  const dead = await leave(db, owner, {
    ...prompt(owner.userId, 'of the dead', ids.uuid()),
    idempotencyKey: 'k',
    requestHash: 'r',
  });
  const live = await leave(db, owner, prompt(owner.userId, 'of the living', ids.uuid()));
  const bare = await leave(db, owner, prompt(owner.userId, 'without a vector', null));
  await setLease(db, dead, -1);
  await db.close();

  // Twenty minutes ahead of the database: the lease of the living is no shorter for it.
  const clock = new TurnedClock();
  clock.turnMs(20 * 60_000);
  await using second = await startSecond(first, { clock });
  const client = second.client({ token: ada.token });
  const interrupted = await until('the interrupted prompt', async () => {
    const one = await client.prompts.get.query({ id: dead });
    return one.status === 'failed' && one.embedding !== null ? one : undefined;
  });
  expect(interrupted).toMatchObject({
    responses: 1,
    response: { text: '', usage: null, costUsd: null, error: { kind: 'interrupted' } },
  });
  const indexed = await until('the vector', async () => {
    const one = await client.prompts.get.query({ id: bare });
    return one.embedding === null ? undefined : one;
  });
  expect(indexed.status).toBe('completed');
  const { hits } = await client.prompts.similar.query({ query: 'without a vector' });
  expect(hits[0]?.prompt.id).toBe(bare);
  expect(await client.prompts.get.query({ id: live })).toMatchObject({ status: 'pending', response: null });
  const late = await follow(client, { lastEventId, kinds: ['prompt.failed'] });
  await untilHeard(late, 1);
  expect(late.heard()).toEqual(['prompt.failed of the dead']);
  late.unsubscribe();
  expect((await refusal(client.prompts.create.mutate({ text: 'of the dead', idempotencyKey: 'k' }))).code).toBe(
    'CONFLICT',
  );
});

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database[Symbol.asyncDispose]());

test('a process renews the leases of what it still works at, and of nothing it has lost sight of', async () => {
  const { db } = database;
  const [projectId, userId, processId] = [ids.uuid(), ids.uuid(), ids.uuid()];
  await db.read(`INSERT INTO project (id, name) VALUES ($1, 'leases')`, [projectId]);
  const worked = await leave(db, { projectId, userId }, prompt(userId, 'worked at', processId));
  const lost = await leave(db, { projectId, userId }, prompt(userId, 'lost', processId));
  for (const id of [worked, lost]) await setLease(db, id, -1);
  const leases = new LeaseStore(db);
  expect(await leases.renew(processId, [worked, ids.uuid()])).toEqual(new Set([worked]));
  expect(await leases.renew(ids.uuid(), [lost])).toEqual(new Set());
  const ended = await db.transaction((tx) => leases.expire(tx, interruption()));
  expect(ended.map(({ id }) => id)).toEqual([lost]);
  const rows = await db.read(
    'SELECT id::text AS id, status::text AS status FROM prompt WHERE project_id = $1 ORDER BY id',
    [projectId],
  );
  expect(rows).toEqual([
    { id: worked, status: 'pending' },
    { id: lost, status: 'failed' },
  ]);
});

test('processes that sweep at once end each prompt once', async () => {
  const { db } = database;
  const [projectId, userId] = [ids.uuid(), ids.uuid()];
  await db.read(`INSERT INTO project (id, name) VALUES ($1, 'sweeps')`, [projectId]);
  const left: string[] = [];
  for (let index = 0; index < 20; index += 1) {
    left.push(await leave(db, { projectId, userId }, prompt(userId, `left ${index}`, ids.uuid())));
    await setLease(db, left.at(-1) ?? '', -1);
  }
  const leases = new LeaseStore(db);
  const sweeps = await Promise.all(
    Array.from({ length: 4 }, () => db.transaction((tx) => leases.expire(tx, interruption()))),
  );
  expect(
    sweeps
      .flat()
      .map(({ id }) => id)
      .toSorted(),
  ).toEqual(left.toSorted());
});
