import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/kernel/clock.js';
import type { Database } from '../../src/platform/db/database.js';
import { Allowances } from '../../src/platform/throttle/allowances.js';
import type { Window } from '../../src/platform/throttle/purse.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

describe('what processes may take of a shared window', () => {
  let test: TestDatabase;
  let subjects = 0;
  beforeAll(async () => {
    test = await createTestDatabase();
  });
  afterAll(() => test[Symbol.asyncDispose]());

  /** A process's allowances, with what it asked the database. */
  function process(limits: { second: number; minute: number; burst?: number; clockMs?: () => number }) {
    const statements: string[] = [];
    const db: Pick<Database, 'read'> = {
      read: (sql, values) => {
        statements.push(sql);
        return test.db.read(sql, values);
      },
    };
    // Long windows: none ends within a test on a slow machine.
    const window = (name: string, points: number): Window => ({ name, points, durationMs: 600_000 });
    const clock = { ...systemClock, ...(limits.clockMs === undefined ? {} : { monotonicMs: limits.clockMs }) };
    const { second, minute, burst } = limits;
    const allowances = new Allowances({
      db,
      clock,
      second: window('second', second),
      minute: window('minute', minute),
      burst: burst === undefined ? null : window('burst', burst),
    });
    return { allowances, statements };
  }

  const fresh = (): string => `subject-${(subjects += 1)}`;
  const admitted = async (takes: Promise<number | null>[]): Promise<number> =>
    (await Promise.all(takes)).filter((waitMs) => waitMs === null).length;
  const pointsOf = async (key: string): Promise<number> =>
    (await test.db.read<{ points: number }>('SELECT points FROM rate_limit WHERE key = $1', [key]))[0]?.points ?? 0;

  it('ten thousand calls of one process cost a statement for each doubling, then for each tenth of the window', async () => {
    const { allowances, statements } = process({ second: 20_000, minute: 20_000 });
    const name = fresh();
    for (let call = 0; call < 10_000; call += 1) expect(await allowances.take(name)).toBeNull();
    // 1, 1, 2, 4 ... 1 024, 2 000, 2 000 ...
    expect(statements).toHaveLength(16);
  });

  it('three processes together admit exactly the window, however their calls interleave', async () => {
    const processes = Array.from({ length: 3 }, () => process({ second: 100_000, minute: 200 }));
    const name = fresh();
    let all = 0;
    for (let round = 0; round < 100; round += 1)
      all += await admitted(processes.flatMap(({ allowances }) => [allowances.take(name), allowances.take(name)]));
    expect(all).toBe(200);
  });

  it('nobody is refused before the others hold what is left: a tenth each at most', async () => {
    const limits = { second: 100_000, minute: 200 };
    const [one, two, three] = [process(limits), process(limits), process(limits)];
    const name = fresh();
    // 1, 1, 2, 4, 8, 16 points asked for, and 20 of the window's 200.
    for (const { allowances } of [one, two]) for (let call = 0; call < 33; call += 1) await allowances.take(name);
    let more = 0;
    while ((await three.allowances.take(name)) === null) more += 1;
    expect(more).toBe(200 - 2 * (33 + 19));
  });

  it('a process that is killed takes no more of a window along than it has spent', async () => {
    const name = fresh();
    let all = 0;
    for (let kills = 0; kills < 40; kills += 1) {
      const { allowances } = process({ second: 100_000, minute: 200 });
      for (let call = 0; call < 3; call += 1) all += (await allowances.take(name)) === null ? 1 : 0;
    }
    // Three spent, and one held by each as it died.
    expect(all).toBe(120);
    expect(await pointsOf(`minute:${name}`)).toBe(160);
  });

  it('callers at once are admitted up to the limit and not one further, at a few statements, not one each', async () => {
    const { allowances, statements } = process({ second: 7, minute: 9 });
    const name = fresh();
    expect(await admitted(Array.from({ length: 40 }, () => allowances.take(name)))).toBe(7);
    expect(statements.length).toBeLessThanOrEqual(4);
    expect(await pointsOf(`second:${name}`)).toBe(7);
    expect(await pointsOf(`minute:${name}`)).toBe(7);
  });

  it('beyond the second the burst is used, and no more than it has', async () => {
    const { allowances } = process({ second: 2, minute: 9, burst: 3 });
    const name = fresh();
    expect(await admitted(Array.from({ length: 9 }, () => allowances.take(name)))).toBe(5);
    expect(await allowances.take(name)).toBeGreaterThan(0);
    expect(await pointsOf(`minute:${name}`)).toBe(5);
  });

  it('what is held ends with its window', async () => {
    const clock = { ms: 0 };
    const { allowances, statements } = process({ second: 100, minute: 100, clockMs: () => clock.ms });
    const name = fresh();
    for (let call = 0; call < 5; call += 1) expect(await allowances.take(name)).toBeNull();
    // 1, 1, 2 and 4 were asked for; three are held.
    expect(statements).toHaveLength(4);
    clock.ms = 599_000;
    expect(await allowances.take(name)).toBeNull();
    expect(statements).toHaveLength(4);
    clock.ms = 600_001;
    // As many as in the window before, at once.
    for (let call = 0; call < 6; call += 1) expect(await allowances.take(name)).toBeNull();
    expect(statements).toHaveLength(5);
  });

  it('a refusal says how long its window still lasts', async () => {
    const { allowances } = process({ second: 1, minute: 100 });
    const name = fresh();
    await allowances.take(name);
    const waitMs = await allowances.take(name);
    expect(waitMs).toBeGreaterThan(500_000);
    expect(waitMs).toBeLessThanOrEqual(600_000);
  });

  it('a window that is over in the database begins anew, for everybody at once', async () => {
    const [one, two] = [process({ second: 5, minute: 100 }), process({ second: 5, minute: 100 })];
    const name = fresh();
    expect(await admitted(Array.from({ length: 5 }, () => one.allowances.take(name)))).toBe(5);
    await test.db.read('UPDATE rate_limit SET expire = 1 WHERE key = $1', [`second:${name}`]);
    const takes = [one, two].flatMap(({ allowances }) => Array.from({ length: 5 }, () => allowances.take(name)));
    expect(await admitted(takes)).toBe(5);
  });

  it('a window that a clock ahead of the database began keeps nobody out for longer than a window (F23)', async () => {
    const { allowances } = process({ second: 2, minute: 100 });
    const name = fresh();
    const sql = `INSERT INTO rate_limit (key, points, expire) VALUES ($1, 2, (extract(epoch FROM now()) * 1000)::bigint + 86400000)`;
    await test.db.read(sql, [`second:${name}`]);
    expect(await allowances.take(name)).toBeNull();
  });

  it('a database that fails is said to every caller, and the next one asks again', async () => {
    let isDown = true;
    const db: Pick<Database, 'read'> = {
      read: (sql, values) => (isDown ? Promise.reject(new Error('down')) : test.db.read(sql, values)),
    };
    const window = (name: string): Window => ({ name, points: 5, durationMs: 600_000 });
    const deps = { db, clock: systemClock, second: window('second'), minute: window('minute'), burst: null };
    const allowances = new Allowances(deps);
    const name = fresh();
    const results = await Promise.allSettled([allowances.take(name), allowances.take(name)]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    isDown = false;
    expect(await allowances.take(name)).toBeNull();
  });
});
