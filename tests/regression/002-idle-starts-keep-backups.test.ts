import { expect, test } from 'vitest';
import { loadConfig } from '../../src/config.js';
import { listBackups } from '../../src/platform/db/restore.js';
import { engineUnderTest } from '../support/database.js';
import { startSecond, startService } from '../support/service.js';

test.skipIf(engineUnderTest === 'server')(
  'starts that change nothing make no backup, so that none pushes a good one out',
  async () => {
    await using first = await startService();
    await first.signUp();
    await first.app.close();
    const config = loadConfig(first.env).db;
    const before = (await listBackups(config)).map(({ path }) => path);
    expect(before.length).toBeGreaterThan(0);
    for (let start = 0; start < 3; start += 1) {
      await using again = await startSecond(first);
      expect((await again.app.db.read('SELECT 1 FROM app_user', [])).length).toBe(1);
    }
    expect((await listBackups(config)).map(({ path }) => path)).toEqual(before);
  },
);
