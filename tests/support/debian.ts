import { execFile, spawnSync } from 'node:child_process';
import { access, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** How long one package may take to come; a machine without a mirror must not hold the tests up. */
const fetchTimeoutMs = 60_000;

/** Whether a program is on this machine's path. */
export const hasProgram = (name: string): boolean => spawnSync(name, ['--version']).status === 0;

/**
 * A folder with the files of Debian packages, unpacked and not installed; null where they cannot be had.
 *
 * Cost: one download each on the first call of a machine; kept in its temporary folder.
 */
export async function debianFiles(packages: readonly string[]): Promise<string | null> {
  const cache = join(tmpdir(), 'promptwell-test-debian');
  const place = join(cache, packages.join('+'));
  if (await isThere(place)) return place;
  await mkdir(cache, { recursive: true });
  const draft = await mkdtemp(join(cache, 'draft-'));
  try {
    await run('apt-get', ['download', ...packages], { cwd: draft, timeout: fetchTimeoutMs });
    const archives = (await readdir(draft)).filter((name) => name.endsWith('.deb'));
    for (const archive of archives) {
      await run('dpkg', ['-x', join(draft, archive), draft]);
      await rm(join(draft, archive));
    }
    // Renamed when whole: another test file that does the same keeps its own.
    await rename(draft, place).catch(() => rm(draft, { recursive: true }));
    return place;
  } catch {
    await rm(draft, { recursive: true, force: true });
    return null;
  }
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
