import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openDatabase } from '../../src/platform/db/client.js';
import { embeddedConfig, embeddedSeed, engineUnderTest, testDeps } from '../support/database.js';
import { fillDisk, mountSmallDisk, noSmallDisk } from '../support/fault/small-disk.js';

// A start on a full disk took the folder for damaged and set it aside.
test.skipIf(engineUnderTest !== 'embedded' || noSmallDisk !== null)(
  'a start on a full disk says so, changes nothing, and goes well once there is room (F07)',
  async () => {
    await using disk = await mountSmallDisk(110);
    const config = embeddedConfig(join(disk.path, 'data'));
    const open = async () => openDatabase({ ...testDeps, config, seedTarball: await embeddedSeed() });
    const first = await open();
    await first.prisma.space.create({ data: { name: 'kept', dimensions: 3 } });
    await first.close();
    await fillDisk(disk.path);
    await expect(open()).rejects.toThrow(/The disk is full .* Nothing was changed/s);
    expect(await readdir(config.dataDir)).toContain('pg');
    await rm(join(disk.path, 'ballast'));
    const again = await open();
    expect(await again.prisma.space.count({ where: { name: 'kept' } })).toBe(1);
    await again.close();
  },
);
