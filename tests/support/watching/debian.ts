import { execFile } from 'node:child_process';
import { access, mkdir, readdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Where packages are unpacked; nothing is installed into the system. */
const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'promptwell', 'debian');

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/**
 * A program out of a Debian package, downloaded and unpacked once into the user's cache; null where that cannot be done
 * (another system, no network). Cost: once 20 MB for Prometheus.
 */
export async function debianProgram(packageName: string, path: string): Promise<string | null> {
  const folder = join(cache, packageName);
  const program = join(folder, path);
  if (await isThere(program)) return program;
  try {
    await mkdir(folder, { recursive: true });
    await run('apt-get', ['download', packageName], { cwd: folder });
    const archive = (await readdir(folder)).find((name) => name.endsWith('.deb'));
    if (archive === undefined) return null;
    await run('dpkg', ['-x', archive, '.'], { cwd: folder });
  } catch {
    return null;
  }
  return (await isThere(program)) ? program : null;
}

/** Everything that watching needs besides ourselves; null where a program cannot be had. */
export async function watchers(): Promise<Record<'prometheus' | 'promtool' | 'exporter', string> | null> {
  const prometheus = await debianProgram('prometheus', 'usr/bin/prometheus');
  const promtool = await debianProgram('prometheus', 'usr/bin/promtool');
  const exporter = await debianProgram('prometheus-postgres-exporter', 'usr/bin/prometheus-postgres-exporter');
  return prometheus === null || promtool === null || exporter === null ? null : { prometheus, promtool, exporter };
}
