import { expect, test } from 'vitest';
import { openDatabase } from '../../src/platform/db/client.js';
import { createTestFolder, embeddedConfig, embeddedSeed, engineUnderTest, testDeps } from '../support/database.js';

// At a load of 14 one stop in fifty was still closing the database after 9.5 s, and was ended with 1.
test.skipIf(engineUnderTest !== 'embedded')(
  'a closing that is out of time ends a database that is still busy; what was acknowledged is there at the next start (F20)',
  async () => {
    await using folder = await createTestFolder();
    const config = embeddedConfig(folder.path);
    const warned: string[] = [];
    const log = { ...testDeps.log, warn: (_: object, message: string) => void warned.push(message) };
    const busy = await openDatabase({ ...testDeps, log, config, seedTarball: await embeddedSeed() });
    await busy.prisma.space.create({ data: { name: 'kept', dimensions: 3 } });
    // Whoever never gives the one session back keeps the pool from closing.
    const held = await busy.pool.connect();
    held.on('error', () => undefined);
    const outOfTime = new AbortController();
    const closing = busy.close(outOfTime.signal);
    outOfTime.abort();
    await closing;
    expect(warned).toEqual([expect.stringContaining('closing left no time to close the database')]);
    const again = await openDatabase({ ...testDeps, config });
    expect(await again.prisma.space.count({ where: { name: 'kept' } })).toBe(1);
    await again.close();
  },
);
