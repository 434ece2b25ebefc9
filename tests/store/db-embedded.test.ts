import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { chmod, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Worker } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';
import { vector } from '@electric-sql/pglite-pgvector';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { Config } from '../../src/config.js';
import { openDatabase } from '../../src/platform/db/client.js';
import type { Database } from '../../src/platform/db/database.js';
import { lockFolder } from '../../src/platform/db/lock.js';
import { listBackups, restoreBackup } from '../../src/platform/db/restore.js';
import { until } from '../support/wait.js';
import { createTestFolder, embeddedConfig, embeddedSeed, testDeps } from '../support/database.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

let seedTarball: string;
beforeAll(async () => {
  seedTarball = await embeddedSeed();
});

const open = (config: Config['db']): Promise<Database> => openDatabase({ ...testDeps, config, seedTarball });
const addSpace = (db: Database, name: string) => db.prisma.space.create({ data: { name, dimensions: 3 } });
const spaces = async (db: Database): Promise<string[]> =>
  (await db.prisma.space.findMany({ orderBy: { id: 'asc' } })).map(({ name }) => name);
const restore = (config: Config['db'], file?: string) => restoreBackup({ ...testDeps, config }, { file });

/** Runs `tests/support/database-process.mjs` on a folder; answers with its first line. */
async function startProcess(
  task: string,
  dataDir: string,
): Promise<{ child: ChildProcess; lines: AsyncIterator<string> }> {
  const script = new URL('../support/database-process.mjs', import.meta.url);
  const child = spawn(process.execPath, [script.pathname, task, dataDir], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  return { child, lines };
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

describe('the lock on the data folder', () => {
  it('refuses a second start within 2 s, naming the holder, and leaves the first unharmed (T87)', async () => {
    await using folder = await createTestFolder();
    const { child, lines } = await startProcess('lock', folder.path);
    await lines.next();
    const startedAt = performance.now();
    await expect(open(embeddedConfig(folder.path))).rejects.toThrow(
      new RegExp(`in use.*process ${child.pid}.*DATA_DIR`),
    );
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    expect(child.exitCode).toBe(null);
    await kill(child);
  });

  it('is free at once after the holder was killed, and leaves no sockets of the dead behind', async () => {
    await using folder = await createTestFolder();
    for (const _ of [1, 2]) {
      const { child, lines } = await startProcess('lock', folder.path);
      await lines.next();
      await kill(child);
    }
    const unlock = await lockFolder(folder.path, testDeps.ids);
    expect(await readdir(join(folder.path, 'lock'))).toHaveLength(1);
    await unlock();
    expect(await readdir(join(folder.path, 'lock'))).toEqual([]);
  });

  it('goes to at most one of many that start at once on a stale lock', async () => {
    await using folder = await createTestFolder();
    for (let round = 0; round < 5; round += 1) {
      const { child, lines } = await startProcess('lock', folder.path);
      await lines.next();
      await kill(child);
      const starts = await Promise.allSettled(Array.from({ length: 8 }, () => lockFolder(folder.path, testDeps.ids)));
      const holders = starts.filter((start) => start.status === 'fulfilled');
      expect(holders.length).toBeLessThanOrEqual(1);
      for (const holder of holders) await holder.value();
    }
  });

  it('works in a folder whose path is longer than a socket may have', async () => {
    await using folder = await createTestFolder();
    const long = join(folder.path, 'x'.repeat(120));
    const unlock = await lockFolder(long, testDeps.ids);
    await expect(lockFolder(long, testDeps.ids)).rejects.toThrow(`process ${process.pid}`);
    await unlock();
    await (await lockFolder(long, testDeps.ids))();
  });
});

describe('the data folder', () => {
  it('is made for its owner alone, backups included, and refused when others may read it (T88)', async () => {
    await using folder = await createTestFolder();
    const dataDir = join(folder.path, 'data');
    const db = await open(embeddedConfig(dataDir));
    await addSpace(db, 'one');
    await db.close();
    const [backup] = await listBackups(embeddedConfig(dataDir));
    const modes = await Promise.all([dataDir, backup?.path ?? ''].map(async (path) => (await stat(path)).mode & 0o777));
    expect(modes).toEqual([0o700, 0o600]);
    await chmod(dataDir, 0o755);
    await expect(open(embeddedConfig(dataDir))).rejects.toThrow(/may be read by others \(mode 755\).*chmod 700/);
  });

  it('is closed to others when it is empty', async () => {
    await using folder = await createTestFolder();
    await chmod(folder.path, 0o755);
    await (await open(embeddedConfig(folder.path))).close();
    expect((await stat(folder.path)).mode & 0o777).toBe(0o700);
  });

  it('keeps every acknowledged row when the process is killed', async () => {
    await using folder = await createTestFolder();
    await (await open(embeddedConfig(folder.path))).close();
    const { child, lines } = await startProcess('write', folder.path);
    let acknowledged = 0;
    while (acknowledged < 20) acknowledged = Number((await lines.next()).value);
    await kill(child);
    const db = await open(embeddedConfig(folder.path));
    expect((await spaces(db)).length).toBeGreaterThanOrEqual(acknowledged);
    await db.close();
  });

  it('is made anew when its first start was cut short', async () => {
    await using folder = await createTestFolder();
    await mkdir(join(folder.path, 'pg'));
    await writeFile(join(folder.path, 'pg', 'PG_VERSION'), '18');
    await writeFile(join(folder.path, 'pg.unfinished'), '');
    const db = await open(embeddedConfig(folder.path));
    expect(await spaces(db)).toEqual([]);
    await db.close();
  });
});

describe('backups of the embedded database', () => {
  it('are made at a clean close if something changed, and only the newest few are kept', async () => {
    await using folder = await createTestFolder();
    const config = { ...embeddedConfig(folder.path), backupKeep: 2 };
    for (const name of ['one', 'two', 'three']) {
      const db = await open(config);
      await addSpace(db, name);
      await db.close();
    }
    const before = await listBackups(config);
    expect(before).toHaveLength(2);
    await (await open(config)).close();
    expect(await listBackups(config)).toEqual(before);
  });

  it('are made every interval while there are changes, without holding up the main thread', async () => {
    await using folder = await createTestFolder();
    const said = new EventEmitter();
    const log = { ...testDeps.log, info: (_facts: object, message: string) => void said.emit(message) };
    const config = { ...embeddedConfig(folder.path), backupIntervalMs: 200 };
    const db = await openDatabase({ ...testDeps, log, config, seedTarball });
    const made = once(said, 'backup made');
    await addSpace(db, 'one');
    await made;
    expect((await listBackups(config)).length).toBeGreaterThanOrEqual(1);
    await db.close();
  });

  it('come back by restore, the former database set aside', async () => {
    await using folder = await createTestFolder();
    const config = embeddedConfig(folder.path);
    const first = await open(config);
    await addSpace(first, 'before');
    await first.close();
    const [backup] = await listBackups(config);
    const second = await open(config);
    await addSpace(second, 'after');
    await second.close();
    const restored = await restore(config, backup?.name);
    expect([restored.backup, restored.rejected]).toEqual([backup?.path, []]);
    expect(await readdir(restored.setAside ?? '')).toContain('PG_VERSION');
    const db = await open(config);
    expect(await spaces(db)).toEqual(['before']);
    await db.close();
  });

  it('are archives that PGlite itself reads and writes, so that other versions of this program restore them', async () => {
    await using folder = await createTestFolder();
    const config = embeddedConfig(folder.path);
    const first = await open(config);
    await addSpace(first, 'one');
    await first.close();
    const [backup] = await listBackups(config);
    const bytes = await readFile(backup?.path ?? '');
    const loadDataDir = new Blob([bytes], { type: 'application/x-gzip' });
    const pglite = await PGlite.create({ extensions: { vector }, loadDataDir });
    await pglite.exec("INSERT INTO space (name, dimensions) VALUES ('two', 3)");
    const dumped = join(folder.path, 'dumped.tar.gz');
    await writeFile(dumped, new Uint8Array(await (await pglite.dumpDataDir('gzip')).arrayBuffer()));
    await pglite.close();
    await restore(config, dumped);
    const db = await open(config);
    expect(await spaces(db)).toEqual(['one', 'two']);
    await db.close();
  });

  it('that are damaged are passed over for an older one', async () => {
    await using folder = await createTestFolder();
    const config = embeddedConfig(folder.path);
    for (const name of ['one', 'two']) {
      const db = await open(config);
      await addSpace(db, name);
      await db.close();
    }
    const [newest, older] = await listBackups(config);
    const bytes = await readFile(newest?.path ?? '');
    await writeFile(newest?.path ?? '', bytes.subarray(0, bytes.length / 2));
    const restored = await restore(config);
    expect([restored.backup, restored.rejected.map((one) => one.backup)]).toEqual([older?.path, [newest?.path]]);
    const db = await open(config);
    expect(await spaces(db)).toEqual(['one']);
    await db.close();
  });

  it('are refused by name when absent, and while the database is in use', async () => {
    await using folder = await createTestFolder();
    const config = embeddedConfig(folder.path);
    await expect(restore(config)).rejects.toThrow(/no backup in/);
    await expect(restore(config, 'nowhere.tar.gz')).rejects.toThrow(/no backup nowhere/);
    const db = await open(config);
    await expect(restore(config)).rejects.toThrow(/in use/);
    await db.close();
  });
});

describe('a database folder that does not open', () => {
  it('is set aside, the newest backup named, and nothing starts empty until it is restored', async () => {
    await using folder = await createTestFolder();
    const config = embeddedConfig(folder.path);
    const first = await open(config);
    await addSpace(first, 'precious');
    await first.close();
    const [backup] = await listBackups(config);
    await rm(join(folder.path, 'pg', 'global', 'pg_control'));
    const advice = new RegExp(`set aside.*${backup?.name}, \\d+ minutes old.*promptwell restore`, 's');
    await expect(open(config)).rejects.toThrow(advice);
    await expect(open(config)).rejects.toThrow(advice);
    expect((await readdir(folder.path)).filter((name) => name.startsWith('pg.damaged-'))).toHaveLength(1);
    await restore(config);
    const db = await open(config);
    expect(await spaces(db)).toEqual(['precious']);
    await db.close();
  });
});

describe('a restore cut short between its two renames', () => {
  it('never lets the next start begin with an empty database', async () => {
    await using folder = await createTestFolder();
    const config = embeddedConfig(folder.path);
    await (await open(config)).close();
    await rename(join(folder.path, 'pg'), join(folder.path, 'pg.replaced-20260101T000000000Z'));
    await expect(open(config)).rejects.toThrow(/set aside \(pg\.replaced-.*promptwell restore/s);
    await restore(config);
    const db = await open(config);
    await db.check();
    await db.close();
  });
});

describe('a thread that dies', () => {
  it('makes calls end with overloaded and the check fail until another has taken its place, with every row', async () => {
    await using folder = await createTestFolder();
    const workers: Worker[] = [];
    const watch = (worker: Worker): unknown => workers.push(worker);
    process.on('worker', watch);
    const db = await open(embeddedConfig(folder.path));
    process.off('worker', watch);
    await addSpace(db, 'kept');
    const heard: string[] = [];
    await db.listen('feed', (payload) => void heard.push(payload));
    const running = db.read('SELECT pg_sleep(0.2)', []);
    await Promise.all([workers.at(-1)?.terminate(), expect(running).rejects.toMatchObject({ kind: 'overloaded' })]);
    await expect(db.read('SELECT 1', [])).rejects.toMatchObject({ kind: 'overloaded' });
    await expect(db.transaction((tx) => tx.space.count())).rejects.toMatchObject({ kind: 'overloaded' });
    await expect(db.check()).rejects.toMatchObject({ kind: 'overloaded' });
    await until('another thread', () =>
      db.check().then(
        () => true as const,
        () => undefined,
      ),
    );
    expect(await spaces(db)).toEqual(['kept']);
    // Nothing was heard meanwhile: those who listen are told so, and hear again.
    await until('being woken', () => (heard.includes('') ? true : undefined));
    await db.read("SELECT pg_notify('feed', 'hello')", []);
    await until('a notification', () => (heard.includes('hello') ? true : undefined));
    await db.close();
    await (await lockFolder(folder.path, testDeps.ids))();
  });
});
