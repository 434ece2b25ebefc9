import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { appendFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createTestFolder } from '../database.js';
import { until } from '../wait.js';
import { CutDisk } from './cut-disk.js';
import type { KillLoad } from './kill-load.js';
import { freePort, isAlive } from './own-postgres.js';

const run = promisify(execFile);
const tool = fileURLToPath(new URL('../../../../shared/bin/postgres', import.meta.url));
const noFsync = new URL('./no-fsync.mjs', import.meta.url).href;

/** Where disks lie: memory, where there is some, since copying them is most of a cut. */
const imagesUnder = existsSync('/dev/shm') ? '/dev/shm' : undefined;

/** A service whose database lies on a disk whose power can be cut. */
export interface CutHome extends AsyncDisposable {
  env: Record<string, string>;
  /** Puts on the disk what was written so far, where the program does not see to it: the settings of a server, say. */
  settleDisk(): Promise<void>;
  /** Cuts the power under the running program, which ends, and starts the database on what the disk held. */
  cutPower(load: KillLoad): Promise<void>;
}

/** Why there is no PostgreSQL of one's own here; null when there is. */
export const noOwnServer: string | null = existsSync(tool) ? null : 'needs ../shared/bin/postgres beside the project';

const common = { PORT: '0', METRICS_PORT: '0', EMBEDDER: 'lexical', PROMPTS_PER_SECOND: '100000' };

/** The embedded engine's; without `isSynced` its disk lies about what it keeps. */
export async function embeddedCutHome(isSynced: boolean): Promise<CutHome> {
  const folder = await createTestFolder();
  const images = await imagesFolder();
  const mountPoint = join(folder.path, 'disk');
  await mkdir(mountPoint);
  const disk = await CutDisk.make(images.path, mountPoint);
  const dataDir = join(mountPoint, 'data');
  const control: Record<string, string> = isSynced ? {} : { NODE_OPTIONS: `--import=${noFsync}` };
  return {
    env: { ...common, ...control, DATA_DIR: dataDir },
    settleDisk: () => Promise.resolve(),
    async cutPower(load) {
      load.program.kill('SIGSTOP');
      await disk.cut();
      await load.kill();
      await disk.recover();
      await pretendReboot(dataDir);
    },
    async [Symbol.asyncDispose]() {
      await disk[Symbol.asyncDispose]();
      await images[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** This machine was not started again: the folder is told that it was opened in another start. */
export async function pretendReboot(dataDir: string): Promise<void> {
  const path = join(dataDir, 'pg.open');
  const mark = JSON.parse(await readFile(path, 'utf8')) as object;
  await writeFile(path, JSON.stringify({ ...mark, bootId: 'the start before the power cut' }));
}

/** The server engine's: a PostgreSQL of the test's own; without `isSynced` it has `fsync=off`. */
export async function serverCutHome(isSynced: boolean): Promise<CutHome> {
  const folder = await createTestFolder();
  const images = await imagesFolder();
  const port = await freePort();
  const root =
    process.env['PG_ROOT'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'postgres-17-pgvector');
  const mountPoint = join(root, `data-${port}`);
  const verb = (name: string): Promise<unknown> => run(tool, [name, String(port)]);
  await mkdir(mountPoint, { recursive: true });
  const disk = await CutDisk.make(images.path, mountPoint);
  await verb('start');
  if (!isSynced) {
    await verb('stop');
    await appendFile(join(mountPoint, 'postgresql.conf'), 'fsync = off\n');
    await verb('start');
  }
  return {
    env: {
      ...common,
      DATA_DIR: join(folder.path, 'data'),
      DATABASE_URL: `postgresql://postgres@127.0.0.1:${port}/postgres`,
      JWT_SECRET: 'tests-only-0123456789abcdef0123456789abcdef',
    },
    settleDisk: async () => void (await run('sync', ['--file-system', mountPoint])),
    async cutPower(load) {
      load.program.kill('SIGSTOP');
      const postmaster = Number((await readFile(join(mountPoint, 'postmaster.pid'), 'utf8')).split('\n')[0]);
      // A backend that ends by itself meanwhile makes the tool complain, and changes nothing.
      await verb('freeze').catch(() => undefined);
      await disk.cut();
      await load.kill();
      await verb('kill').catch(() => undefined);
      await until('the server to be gone', () => (isAlive(postmaster) ? undefined : true));
      await disk.recover();
      // May have been kept without its contents; who starts a machine removes it.
      await rm(join(mountPoint, 'postmaster.pid'), { force: true });
      await verb('start');
    },
    async [Symbol.asyncDispose]() {
      await verb('stop').catch(() => undefined);
      await disk[Symbol.asyncDispose]();
      await rm(mountPoint, { recursive: true, force: true });
      await images[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

async function imagesFolder(): Promise<Awaited<ReturnType<typeof createTestFolder>>> {
  return createTestFolder(imagesUnder);
}
