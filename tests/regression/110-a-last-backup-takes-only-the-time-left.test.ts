import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openDatabase } from '../../src/platform/db/client.js';
import { listBackups } from '../../src/platform/db/restore.js';
import { until } from '../support/wait.js';
import { createTestFolder, embeddedConfig, embeddedSeed, engineUnderTest, testDeps } from '../support/database.js';

// On a busy machine the last backup took longer than a shutdown may: the process ended with 1, its folder still open.
test.skipIf(engineUnderTest !== 'embedded')(
  'a closing that is out of time leaves its last backup out, closes the folder all the same, and the next one makes it (F20)',
  async () => {
    await using folder = await createTestFolder();
    const config = embeddedConfig(join(folder.path, 'data'));
    const open = async () => openDatabase({ ...testDeps, config, seedTarball: await embeddedSeed() });
    const hurried = await open();
    await hurried.prisma.space.create({ data: { name: 'kept', dimensions: 3 } });
    const mark = join(config.dataDir, 'pg.open');
    expect(existsSync(mark)).toBe(true);
    const outOfTime = new AbortController();
    const closing = hurried.close(outOfTime.signal);
    await until('the folder to be closed', () => (existsSync(mark) ? undefined : true));
    outOfTime.abort();
    await closing;
    expect(await readdir(join(config.dataDir, 'backups'))).toEqual([]);
    const again = await open();
    expect(await again.prisma.space.count({ where: { name: 'kept' } })).toBe(1);
    await again.close();
    expect(await listBackups(config)).toHaveLength(1);
  },
);
