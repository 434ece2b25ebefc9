import { expect, test } from 'vitest';
import { engineUnderTest } from '../support/database.js';
import { inParallel } from '../support/prompts.js';
import { startService } from '../support/service.js';

/** Forty large lists at once took all ten connections: other users' calls waited for seconds, and some met 503. */
test.skipIf(engineUnderTest === 'embedded')(
  'however many queries one user asks at once, others find a connection',
  async () => {
    await using service = await startService({ env: { DATABASE_POOL_SIZE: '6' } });
    const [ada, bob] = [await service.signUp(), await service.signUp()];
    const { pool } = service.app.db;
    let mostTaken = 0;
    const watch = setInterval(() => {
      mostTaken = Math.max(mostTaken, pool.totalCount - pool.idleCount);
    }, 1);
    const lists = await inParallel(100, () =>
      ada.client.prompts.list.query({ limit: 100, filter: { text: 'absent' } }),
    );
    clearInterval(watch);
    expect(lists.every(({ status }) => status === 'fulfilled')).toBe(true);
    expect(mostTaken).toBeLessThanOrEqual(5);
    expect((await bob.client.prompts.create.mutate({ text: 'mine', generate: false })).status).toBe('completed');
  },
);
