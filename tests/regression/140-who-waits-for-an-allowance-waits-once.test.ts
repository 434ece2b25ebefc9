import { describe, expect, test } from 'vitest';
import { engineUnderTest } from '../support/database.js';
import { timedCall } from '../support/fault/load.js';
import { startService } from '../support/service.js';
import { until } from '../support/wait.js';

const held = 2;

describe.skipIf(engineUnderTest !== 'server')('the allowance of a user, while every connection is held', () => {
  test('callers who come while it is asked for are refused with the first, not one more second later', async () => {
    await using service = await startService({
      env: { DATABASE_POOL_SIZE: String(held), STATEMENT_TIMEOUT_MS: '60000' },
    });
    const ada = await service.signUp();
    const { pool } = service.app.db;
    const holders = await Promise.all(Array.from({ length: held }, () => pool.connect()));
    const create = (text: string) => timedCall(service.url, 'prompts.create', { token: ada.token, input: { text } });
    const first = create('asks for the allowance');
    await until('the first to wait for a connection', () => (pool.waitingCount > 0 ? true : undefined));
    const second = create('waits for the first');
    const calls = await Promise.all([first, second]);
    for (const holder of holders) holder.release();
    expect(calls.map(({ code }) => code)).toEqual(['SERVICE_UNAVAILABLE', 'SERVICE_UNAVAILABLE']);
    const [endOfFirst = 0, endOfSecond = 0] = calls.map(({ atMs, durationMs }) => atMs + durationMs);
    // One more wait for a connection is a whole second.
    expect(endOfSecond - endOfFirst).toBeLessThan(700);
  });
});
