import { expect, test } from 'vitest';
import { createTestDatabase } from '../support/database.js';
import { systemClock } from '../../src/kernel/clock.js';
import { Throttle } from '../../src/platform/throttle.js';

test('a window that another clock began a day ahead keeps nobody out for a day (F23)', async () => {
  await using database = await createTestDatabase();
  const throttle = new Throttle({
    db: database.db,
    clock: systemClock,
    limits: { promptsPerSecond: 1_000, promptsPerMinute: 2, promptsBurst: 0 },
    loginFailuresPer15Min: 10,
    signupsPerHour: 60,
  });
  for (let call = 0; call < 2; call += 1) await throttle.countPrompt('create', 'ada');
  await expect(throttle.countPrompt('create', 'ada')).rejects.toMatchObject({ kind: 'rateLimited' });
  // As it stands after this process's clock was set back by a day.
  await database.db.read('UPDATE rate_limit SET expire = expire + 86400000', []);
  for (let call = 0; call < 2; call += 1) await throttle.countPrompt('create', 'ada');
  await expect(throttle.countPrompt('create', 'ada')).rejects.toMatchObject({ kind: 'rateLimited' });
  throttle.close();
});
