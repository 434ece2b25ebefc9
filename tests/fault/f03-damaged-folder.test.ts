import { cp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Config } from '../../src/config.js';
import { openDatabase } from '../../src/platform/db/client.js';
import type { Database } from '../../src/platform/db/database.js';
import { pageBytes } from '../../src/platform/db/page-checksum.js';
import { listBackups } from '../../src/platform/db/restore.js';
import { requireWholePages } from '../../src/platform/db/whole-cluster.js';
import { createTestFolder, embeddedConfig, embeddedSeed, engineUnderTest, testDeps } from '../support/database.js';

/** What was said while the database was opened. */
interface Said {
  level: 'info' | 'warn' | 'error';
  message: string;
  facts: object;
}

let seedTarball: string;

/** Opens a folder as the start of the machine named `bootId` would. */
async function openIn(bootId: string, config: Config['db']): Promise<{ db: Database; said: Said[] }> {
  const said: Said[] = [];
  const at = (level: Said['level']) => (facts: object, message: string) => void said.push({ level, message, facts });
  const log = { info: at('info'), warn: at('warn'), error: at('error') };
  return { db: await openDatabase({ ...testDeps, log, config, seedTarball, bootId }), said };
}

const addSpace = (db: Database, name: string): Promise<unknown> =>
  db.prisma.space.create({ data: { name, dimensions: 3 } });
const spaces = async (db: Database): Promise<string[]> =>
  (await db.prisma.space.findMany({ orderBy: { id: 'asc' } })).map(({ name }) => name);

/** A folder as a machine that went down leaves it: `kept` is in a backup, `late` only in the cluster. */
async function leftOpen(root: string): Promise<{ config: Config['db']; former: string; index: string; next: string }> {
  const config = embeddedConfig(join(root, 'data'));
  const first = await openIn('one', config);
  await addSpace(first.db, 'kept');
  await first.db.close();
  const former = join(root, 'former');
  await cp(join(config.dataDir, 'pg'), former, { recursive: true });
  const second = await openIn('one', config);
  await addSpace(second.db, 'late');
  const [facts] = await second.db.read<{ index: string; next: string }>(
    `SELECT pg_relation_filepath('space_pkey') AS index, pg_snapshot_xmax(pg_current_snapshot())::text AS next`,
    [],
  );
  const mark = await readFile(join(config.dataDir, 'pg.open'));
  const backups = await readdir(join(config.dataDir, 'backups'));
  await second.db.close();
  await writeFile(join(config.dataDir, 'pg.open'), mark);
  // The backup of the clean close, which a power cut does not make.
  for (const name of await readdir(join(config.dataDir, 'backups')))
    if (!backups.includes(name)) await rm(join(config.dataDir, 'backups', name));
  return { config, former, index: facts?.index ?? '', next: facts?.next ?? '' };
}

/** Changes one byte in the middle of a file's last page. */
async function damage(config: Config['db'], file: string): Promise<void> {
  const handle = await open(join(config.dataDir, 'pg', file), 'r+');
  const { size } = await handle.stat();
  const at = size - pageBytes / 2;
  const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, at);
  buffer[0] = (buffer[0] ?? 0) ^ 0xff;
  await handle.write(buffer, 0, 1, at);
  await handle.close();
}

describe.skipIf(engineUnderTest === 'server')(
  'F03: an embedded folder that was open when the machine went down',
  () => {
    beforeAll(async () => {
      seedTarball = await embeddedSeed();
    });

    test('that is whole serves as it is, after all of it was read', { timeout: 120_000 }, async () => {
      await using folder = await createTestFolder();
      const { config } = await leftOpen(folder.path);
      await requireWholePages(join(config.dataDir, 'pg'));
      const { db, said } = await openIn('two', config);
      expect(await spaces(db)).toEqual(expect.arrayContaining(['kept', 'late']));
      expect(said.map(({ message }) => message).join()).toMatch(/went down.*it is whole/);
      await db.close();
      expect(await readdir(config.dataDir)).not.toContain('pg.open');
    });

    test('that is damaged, be it in an index, gives way to the newest backup, and the log says what is lost since when', {
      timeout: 120_000,
    }, async () => {
      await using folder = await createTestFolder();
      const { config, index } = await leftOpen(folder.path);
      const [backup] = await listBackups(config);
      await damage(config, index);
      const { db, said } = await openIn('two', config);
      expect(await spaces(db)).toContain('kept');
      expect(await spaces(db)).not.toContain('late');
      const told = said.find(({ level }) => level === 'error')?.message ?? '';
      const since = new Date(backup?.madeAtMs ?? 0).toISOString();
      expect(told).toMatch(
        new RegExp(`left it damaged: it was set aside.*restored.*from ${since} to about .* is lost`),
      );
      expect((await readdir(config.dataDir)).filter((name) => name.startsWith('pg.damaged-'))).toHaveLength(1);
      await db.close();
    });

    test('that is older than what was acknowledged gives way to the newest backup, and the log says so', {
      timeout: 120_000,
    }, async () => {
      await using folder = await createTestFolder();
      const { config, former, next } = await leftOpen(folder.path);
      const path = join(config.dataDir, 'pg.open');
      // As it is renewed at each backup.
      await writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, 'utf8')), next }));
      await rm(join(config.dataDir, 'pg'), { recursive: true });
      await cp(former, join(config.dataDir, 'pg'), { recursive: true });
      const { db, said } = await openIn('two', config);
      expect(await spaces(db)).toContain('kept');
      expect(said.find(({ level }) => level === 'error')?.message).toMatch(/left it old: it was set aside.*is lost/);
      expect((await readdir(config.dataDir)).filter((name) => name.startsWith('pg.old-'))).toHaveLength(1);
      await db.close();
    });

    test('control: the same machine start trusts what a kill left, and restores nothing by itself', {
      timeout: 120_000,
    }, async () => {
      await using folder = await createTestFolder();
      const { config } = await leftOpen(folder.path);
      const { db, said } = await openIn('one', config);
      expect(await spaces(db)).toContain('late');
      expect(said.filter(({ level }) => level !== 'info')).toEqual([]);
      await db.close();
    });
  },
);
