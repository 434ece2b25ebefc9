import pg from 'pg';
import { describe, expect, test, vi } from 'vitest';
import { engineUnderTest } from '../support/database.js';
import { isLong, record, rounds, seededRun } from '../support/fault/form.js';
import { countCodes, timedCall } from '../support/fault/load.js';
import { startService } from '../support/service.js';
import { until } from '../support/wait.js';

vi.setConfig({ testTimeout: 120_000 });

/** Source: threats.md F06. The short form shares two cores with whatever else runs. */
const mostMs = isLong ? 1_500 : 3_000;
const callCount = 200;
const held = 10;

describe.skipIf(engineUnderTest !== 'server')('every connection of the pool is held', () => {
  test('F06: of 200 calls at least 99 in 100 end with SERVICE_UNAVAILABLE in 1.5 s, none hangs, /healthz stays, and the pool serves 1 s after the release', async () => {
    const run = seededRun('F06');
    await using service = await startService({
      env: { DATABASE_POOL_SIZE: String(held), STATEMENT_TIMEOUT_MS: '60000' },
    });
    const ada = await service.signUp();
    const durations: number[] = [];
    const backMs: number[] = [];
    for (let round = 0; round < rounds(1, 10); round += 1) {
      const holders = await Promise.all(Array.from({ length: held }, () => service.app.db.pool.connect()));
      const sleeping = holders.map((client) => client.query('SELECT pg_sleep(60)').catch(() => undefined));
      const calls = await Promise.all(
        Array.from({ length: callCount }, (_, index) =>
          index % 2 === 0
            ? timedCall(service.url, 'prompts.list', { token: ada.token, input: { limit: run.between(1, 5) } })
            : timedCall(service.url, 'prompts.create', { token: ada.token, input: { text: `held ${index}` } }),
        ),
      );
      expect((await fetch(`${service.url}/healthz`)).status).toBe(200);
      expect((await fetch(`${service.url}/readyz`)).status).toBe(503);
      expect(countCodes(calls)).toEqual({ SERVICE_UNAVAILABLE: callCount });
      durations.push(...calls.map(({ durationMs }) => durationMs));
      await cancelSleepers(service.app.db.pool.options.connectionString ?? '');
      await Promise.all(sleeping);
      for (const client of holders) client.release();
      const releasedMs = performance.now();
      await until('the pool', async () =>
        (await timedCall(service.url, 'prompts.list', { token: ada.token, input: {} })).code === 'OK'
          ? true
          : undefined,
      );
      backMs.push(performance.now() - releasedMs);
    }
    const inTime = durations.filter((ms) => ms <= mostMs).length;
    expect(inTime / durations.length).toBeGreaterThanOrEqual(0.99);
    expect(Math.max(...backMs)).toBeLessThan(1_000);
    record('F06', run.seed, {
      calls: durations.length,
      'refused in time': inTime,
      hung: 0,
      'longest call ms': Math.round(Math.max(...durations)),
      'longest recovery ms': Math.round(Math.max(...backMs)),
    });
  });

  test('F06 control: a pool of the driver as it comes lets its callers wait for as long as it is held', async () => {
    const pool = new pg.Pool({ connectionString: process.env['TEST_DATABASE_URL'], max: 1 });
    const holder = await pool.connect();
    let isServed = false;
    const waiting = pool.query('SELECT 1').then(() => {
      isServed = true;
    });
    await holder.query(`SELECT pg_sleep(${(mostMs + 500) / 1_000})`);
    expect(isServed).toBe(false);
    holder.release();
    await waiting;
    await pool.end();
  });
});

async function cancelSleepers(connectionString: string): Promise<void> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  await client.query(
    `SELECT pg_cancel_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND query = 'SELECT pg_sleep(60)' AND state = 'active'`,
  );
  await client.end();
}
