import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Fault } from '../../src/kernel/fault.js';
import { openDatabase } from '../../src/platform/db/client.js';
import type { Database } from '../../src/platform/db/database.js';
import { ensureSpace } from '../../src/platform/db/space.js';
import { toVectorLiteral } from '../../src/platform/db/vector.js';
import { until } from '../support/wait.js';
import { createTestDatabase, engineUnderTest, type TestDatabase, testDeps } from '../support/database.js';

const raise = (db: Pick<Database['prisma'], '$executeRawUnsafe'>, sqlState: string): Promise<number> =>
  db.$executeRawUnsafe(`DO $$ BEGIN RAISE EXCEPTION 'forced' USING ERRCODE = '${sqlState}'; END $$`);

const faultOf = (work: Promise<unknown>): Promise<Fault> =>
  work.then(
    () => Promise.reject(new Error('no fault was thrown')),
    (error: unknown) => {
      if (error instanceof Fault) return error;
      throw error;
    },
  );

/** A promise for the next payload heard on a channel. */
function ear(): { onWake: (payload: string) => void; heard: string[]; next: (payload: string) => Promise<void> } {
  const heard: string[] = [];
  const target = new EventTarget();
  return {
    heard,
    onWake: (payload) => {
      heard.push(payload);
      target.dispatchEvent(new Event('heard'));
    },
    next: async (payload) => {
      while (!heard.includes(payload)) await once(target as never, 'heard');
    },
  };
}

vi.setConfig({ testTimeout: 30_000, hookTimeout: 60_000 });

let test: TestDatabase;
beforeAll(async () => {
  test = await createTestDatabase();
});
afterAll(() => test[Symbol.asyncDispose]());

describe(`the database on the ${engineUnderTest} engine`, () => {
  it('commits a transaction that ends well and rolls back one that throws, passing the error unchanged', async () => {
    await test.db.transaction((tx) => tx.space.create({ data: { name: 'kept', dimensions: 3 } }));
    const mine = new Error('mine');
    await expect(
      test.db.transaction(async (tx) => {
        await tx.space.create({ data: { name: 'dropped', dimensions: 3 } });
        throw mine;
      }),
    ).rejects.toBe(mine);
    expect(await test.db.read("SELECT name FROM space WHERE name IN ('kept', 'dropped')", [])).toEqual([
      { name: 'kept' },
    ]);
  });

  it('tries a serialization failure or deadlock three times in all, then says conflict', async () => {
    for (const sqlState of ['40001', '40P01']) {
      let tries = 0;
      const fault = await faultOf(
        test.db.transaction((tx) => {
          tries += 1;
          return raise(tx, sqlState);
        }),
      );
      expect([fault.kind, tries]).toEqual(['conflict', 3]);
    }
  });

  it('succeeds when a retried transaction succeeds', async () => {
    let tries = 0;
    const row = await test.db.transaction(async (tx) => {
      tries += 1;
      if (tries < 3) await raise(tx, '40001');
      return tx.space.create({ data: { name: `try ${tries}`, dimensions: 3 } });
    });
    expect(row.name).toBe('try 3');
  });

  it('maps what the database refuses to the same fault through Prisma, in a transaction and through the pool', async () => {
    const kinds = {
      '23505': 'conflict',
      '57014': 'timeout',
      '53300': 'overloaded',
      '54000': 'invalid',
      '08006': 'overloaded',
    };
    for (const [sqlState, kind] of Object.entries(kinds)) {
      const sql = `DO $$ BEGIN RAISE EXCEPTION 'secret' USING ERRCODE = '${sqlState}'; END $$`;
      const faults = [
        await faultOf(test.db.read(sql, [])),
        await faultOf(raise(test.db.prisma, sqlState)),
        await faultOf(test.db.transaction((tx) => raise(tx, sqlState))),
      ];
      expect(faults.map((fault) => fault.kind)).toEqual([kind, kind, kind]);
      expect(faults.map((fault) => fault.message).join()).not.toContain('secret');
    }
  });

  it('says conflict for a duplicate and invalid for text that Postgres cannot hold', async () => {
    const data = { name: 'one', dimensions: 3 };
    await test.db.prisma.space.create({ data });
    expect((await faultOf(test.db.prisma.space.create({ data }))).kind).toBe('conflict');
    expect((await faultOf(test.db.read('SELECT $1::text', ['a\u0000b']))).kind).toBe('invalid');
    expect((await faultOf(test.db.read('SELECT $1::int', ['x']))).kind).toBe('invalid');
  });

  it('passes a bug in a statement unchanged, so that it is seen', async () => {
    await expect(test.db.read('SELEC 1', [])).rejects.toMatchObject({ code: '42601' });
  });

  it('serves twenty reads and twenty transactions at once without a deadlock', async () => {
    const work = Array.from({ length: 20 }, (_, index) => [
      test.db.read<{ sum: number }>('SELECT $1::int + 1 AS sum', [index]).then((rows) => rows[0]?.sum),
      test.db.transaction(async (tx) => {
        const row = await tx.space.create({ data: { name: `space ${index}`, dimensions: index + 1 } });
        return (await tx.space.findUniqueOrThrow({ where: { id: row.id } })).dimensions;
      }),
    ]);
    const answers = await Promise.all(work.flat());
    expect(answers).toEqual(Array.from({ length: 20 }, (_, index) => [index + 1, index + 1]).flat());
  });

  it('wakes listeners of a channel after the commit of a notification, and no others', async () => {
    const one = ear();
    const other = ear();
    await test.db.listen('feed', one.onWake);
    await test.db.listen('something else', other.onWake);
    await test.db
      .transaction(async (tx) => {
        await tx.$executeRaw`SELECT pg_notify('feed', 'rolled back')`;
        throw new Error('no');
      })
      .catch(() => undefined);
    await test.db.transaction((tx) => tx.$executeRaw`SELECT pg_notify('feed', 'hello')`);
    await one.next('hello');
    expect([one.heard.includes('rolled back'), other.heard.includes('hello')]).toEqual([false, false]);
  });

  it('wakes nobody after they stopped listening', async () => {
    const one = ear();
    const other = ear();
    const stop = await test.db.listen('feed', one.onWake);
    await test.db.listen('feed', other.onWake);
    await stop();
    await test.db.read("SELECT pg_notify('feed', 'late')", []);
    await other.next('late');
    expect(one.heard).not.toContain('late');
  });

  it('wakes with an empty payload after the listening connection was lost, and hears again', async () => {
    const one = ear();
    await test.db.listen('feed', one.onWake);
    if (engineUnderTest === 'server')
      await test.db.read(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'promptwell-bell' AND datname = current_database()",
        [],
      );
    // On the embedded engine a failed statement costs the connection.
    else await test.db.read('SELEC 1', []).catch(() => test.db.read('SELECT 1', []));
    await one.next('');
    await test.db.read("SELECT pg_notify('feed', 'again')", []);
    await one.next('again');
    expect(one.heard.slice(0, 1)).toEqual(['']);
  });

  it('checks that it answers and is migrated, and says overloaded when it is closed', async () => {
    await using own = await createTestDatabase();
    await own.db.check();
    await own.db.close();
    await own.db.close();
    expect((await faultOf(own.db.check())).kind).toBe('overloaded');
    expect((await faultOf(own.db.read('SELECT 1', []))).kind).toBe('overloaded');
  });

  it('gives a space one id for ever and refuses another dimension', async () => {
    const ids = await Promise.all([1, 2, 3].map(() => ensureSpace(test.db, { name: 'lexical-1', dimensions: 384 })));
    expect(new Set(ids).size).toBe(1);
    expect((await faultOf(ensureSpace(test.db, { name: 'lexical-1', dimensions: 768 }))).kind).toBe('conflict');
  });

  it('keeps NaN, infinite, zero and wrongly sized vectors out of the table even past the code (T45)', async () => {
    const store = await vectorStore(test.db);
    for (const literal of ['[NaN,0,1]', '[Infinity,0,1]', '[1e39,0,1]', '[0,0,0]', '[1,2]', '[1,2,3,4]', '[]'])
      await expect(store(literal), literal).rejects.toThrow();
    await store(toVectorLiteral(Float32Array.of(0.6, 0, 0.8), 3));
    expect(await test.db.read('SELECT vector::text FROM embedding', [])).toEqual([{ vector: '[0.6,0,0.8]' }]);
  });

  it.runIf(engineUnderTest === 'server')(
    'says overloaded within 3 s when all connections are taken, and recovers',
    async () => {
      const small = await openDatabase({ ...testDeps, config: { ...test.config, poolSize: 1 } });
      const taken = await small.pool.connect();
      const calls = [
        small.read('SELECT 1', []),
        small.prisma.space.count(),
        small.transaction((tx) => tx.space.count()),
      ];
      const faults = await Promise.all(calls.map(faultOf));
      expect(faults.map((fault) => fault.kind)).toEqual(['overloaded', 'overloaded', 'overloaded']);
      taken.release();
      expect(await small.read('SELECT 1 AS one', [])).toEqual([{ one: 1 }]);
      await small.close();
    },
  );

  it.runIf(engineUnderTest === 'server')(
    'lets a burst wait for longer than for connections that are held, while it moves on',
    async () => {
      const small = await openDatabase({ ...testDeps, config: { ...test.config, poolSize: 1 } });
      // The last of them waits for 1.2 s.
      const slept = await Promise.all(Array.from({ length: 5 }, () => small.read('SELECT pg_sleep(0.3)', [])));
      expect(slept).toHaveLength(5);
      await small.close();
    },
  );

  it('prepares a named statement anew after its connection was lost', async () => {
    const query = { name: 'one', text: 'SELECT 1 AS one' };
    await test.db.pool.query(query);
    await test.db.read('SELEC 1', []).catch(() => undefined);
    expect((await test.db.pool.query(query)).rows).toEqual([{ one: 1 }]);
  });

  it.runIf(engineUnderTest === 'server')(
    'ends every call with overloaded within 3 s while the server is frozen, long before a statement may take, and recovers',
    async () => {
      await using proxy = await startProxy(new URL(test.config.url ?? ''));
      const config = { ...test.config, url: proxy.url, directUrl: proxy.url, statementTimeoutMs: 60_000 };
      const db = await openDatabase({ ...testDeps, config });
      await db.check();
      proxy.freeze();
      const [read, check] = await Promise.all([faultOf(db.read('SELECT 1', [])), faultOf(db.check())]);
      expect([read.kind, check.kind]).toEqual(['overloaded', 'overloaded']);
      // Known to be away by now: nobody waits any more.
      const startedMs = performance.now();
      expect((await faultOf(db.transaction((tx) => tx.space.count()))).kind).toBe('overloaded');
      expect(performance.now() - startedMs).toBeLessThan(500);
      proxy.thaw();
      await until('the database', () =>
        db.check().then(
          () => true as const,
          () => undefined,
        ),
      );
      await db.close();
    },
  );

  it.runIf(engineUnderTest === 'server')('ends a statement that takes too long with timeout', async () => {
    const hasty = await openDatabase({ ...testDeps, config: { ...test.config, statementTimeoutMs: 100 } });
    expect((await faultOf(hasty.read('SELECT pg_sleep(5)', []))).kind).toBe('timeout');
    await hasty.close();
  });
});

it('keeps vectors of 2 000 dimensions, 8 kB each: the largest that an endpoint may give', async () => {
  await using large = await createTestDatabase();
  const { db } = large;
  const dimensions = 2_000;
  const spaceId = await ensureSpace(db, { name: 'large', dimensions });
  const [projectId, userId] = [testDeps.ids.uuid(), testDeps.ids.uuid()];
  await db.prisma.project.create({ data: { id: projectId, name: 'p' } });
  const vectors = [1, 2].map((seed) =>
    Float32Array.from({ length: dimensions }, (_, index) => Math.sin(seed * index + 1)),
  );
  for (const vector of vectors) {
    const promptId = testDeps.ids.uuid();
    const hash = 'f'.repeat(64);
    await db.prisma.prompt.create({
      data: { id: promptId, projectId, userId, text: 't', textHash: hash, status: 'completed' },
    });
    await db.read(
      'INSERT INTO embedding (project_id, prompt_id, space_id, text_hash, vector) VALUES ($1, $2, $3, $4, $5::vector)',
      [projectId, promptId, spaceId, hash, toVectorLiteral(vector, dimensions)],
    );
  }
  const rows = await db.read<{ distance: number; bytes: number }>(
    `SELECT vector <=> $1::vector AS distance, pg_column_size(vector) AS bytes FROM embedding WHERE space_id = $2
     ORDER BY 1`,
    [toVectorLiteral(vectors[0] ?? new Float32Array(), dimensions), spaceId],
  );
  expect(rows[0]?.distance).toBeCloseTo(0, 6);
  expect(rows).toHaveLength(2);
  // In the row and not compressed: an exact scan reads no other table.
  const [toast] = await db.read<{ bytes: string }>(
    `SELECT pg_relation_size(reltoastrelid)::text AS bytes FROM pg_class WHERE relname = 'embedding'`,
    [],
  );
  expect([Number(rows[0]?.bytes) > 8_000, toast?.bytes]).toEqual([true, '0']);
});

async function vectorStore(db: Database): Promise<(literal: string) => Promise<object[]>> {
  const spaceId = await ensureSpace(db, { name: 'tiny', dimensions: 3 });
  const [projectId, promptId, userId] = [testDeps.ids.uuid(), testDeps.ids.uuid(), testDeps.ids.uuid()];
  await db.prisma.project.create({ data: { id: projectId, name: 'p' } });
  await db.prisma.prompt.create({
    data: { id: promptId, projectId, userId, text: 't', textHash: 'h', status: 'completed' },
  });
  const sql =
    'INSERT INTO embedding (project_id, prompt_id, space_id, text_hash, vector) VALUES ($1, $2, $3, $4, $5::vector)';
  return (literal) => db.read(sql, [projectId, promptId, spaceId, 'h', literal]);
}

interface Proxy extends AsyncDisposable {
  url: string;
  freeze(): void;
  thaw(): void;
}

/** A TCP proxy before a server that can stop passing bytes on, as a frozen server would. */
async function startProxy(target: URL): Promise<Proxy> {
  const pairs: [Socket, Socket][] = [];
  let isFrozen = false;
  const link = ([client, upstream]: [Socket, Socket]): unknown => client.pipe(upstream).pipe(client);
  const server = createServer((client) => {
    const pair: [Socket, Socket] = [client, connect(Number(target.port), target.hostname)];
    for (const socket of pair) socket.on('error', () => undefined);
    pairs.push(pair);
    if (!isFrozen) link(pair);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const url = new URL(target);
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    freeze: () => {
      isFrozen = true;
      for (const socket of pairs.flat()) socket.unpipe();
    },
    thaw: () => {
      isFrozen = false;
      for (const pair of pairs) link(pair);
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of pairs.flat()) socket.destroy();
      server.close();
    },
  };
}
