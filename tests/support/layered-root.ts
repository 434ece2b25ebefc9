import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Copy } from './dockerfile.js';
import { root as repository } from './source.js';

/** Where an image's shell finds programs. */
export const programPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** The way to the registry belongs to the machine that builds, not to the image. */
const machineOnly = /^(npm_config_.*|https?_proxy|no_proxy|node_extra_ca_certs)$/i;

/** What a command of an image is run with. */
export interface Circumstances {
  workdir: string;
  env: Record<string, string>;
  user: string;
}

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

/** A shell line that runs `words` inside the mounted root `$M` as an image would. */
export function inside(words: readonly string[], { workdir, env, user }: Circumstances): string {
  const home = user === 'root' ? '/root' : `/home/${user}`;
  const set = Object.entries({ PATH: programPath, HOME: home, ...env }).map(([name, value]) =>
    quoted(`${name}=${value}`),
  );
  const dropped = `setpriv --reuid ${user} --regid ${user} --clear-groups --no-new-privs --bounding-set=-all`;
  const as = user === 'root' ? '' : `${dropped} `;
  return `chroot "$M" env -i -C ${quoted(workdir)} ${set.join(' ')} ${as}${words.map(quoted).join(' ')}`;
}

/**
 * A root file system of its own, over this machine's in place of the base image: what is written stays in a folder.
 *
 * Shape: one process at a time may have it mounted; files are put in while it is not.
 * Faults: needs root, overlayfs and `unshare`; the repository's folder is hidden inside, so that only what was copied is there.
 */
export class LayeredRoot {
  readonly #folder: string;
  readonly #programs: string | undefined;

  /** `programs` is a folder of this machine that is found inside at `/mnt`. */
  constructor(folder: string, programs?: string) {
    this.#folder = folder;
    this.#programs = programs;
    for (const part of ['upper', 'work', 'mounted']) mkdirSync(join(folder, part), { recursive: true });
    this.#addNode();
  }

  /** Where a path of this root is, as far as it was written here. */
  path(at: string): string {
    return join(this.#folder, 'upper', at);
  }

  /** Megabytes that were written below a path. */
  megabytes(at: string): number {
    if (!existsSync(this.path(at))) return 0;
    const counted = execFileSync('du', ['-sk', this.path(at)], { encoding: 'utf8' });
    return Math.round(Number(counted.split('\t')[0]) / 1_024);
  }

  /** Puts files in as COPY does: a folder's contents, or files under their names. */
  copy({ sources, target }: Copy, { from, workdir }: { from: string; workdir: string }): void {
    const place = target.startsWith('/') ? target : join(workdir, target);
    const isFolder = target.endsWith('/') || sources.length > 1;
    for (const source of sources) {
      const origin = join(from, source);
      if (!existsSync(origin)) throw new Error(`COPY: there is no ${source}`);
      const isInto = isFolder && !statSync(origin).isDirectory();
      const destination = this.path(isInto ? join(place, basename(source)) : place);
      mkdirSync(dirname(destination), { recursive: true });
      cpSync(origin, destination, { recursive: true, verbatimSymlinks: true });
    }
  }

  /** Runs a shell line of the build; answers its exit code. */
  run(line: string, circumstances: Circumstances): number {
    const own = Object.entries(process.env).filter(([name]) => machineOnly.test(name));
    const env = { ...Object.fromEntries(own.map(([name, value]) => [name, value ?? ''])), ...circumstances.env };
    return this.script([inside(['/bin/sh', '-c', line], { ...circumstances, env })], []);
  }

  /** Runs lines of a shell script with this root mounted at `$M`; `flags` go to unshare, `--net` for no network. */
  script(lines: readonly string[], flags: readonly string[]): number {
    const script = ['set -eu', ...this.#mounting(), ...lines].join('\n');
    const args = ['--mount', '--pid', '--fork', '--kill-child', ...flags, 'sh', '-c', script];
    const { status, error } = spawnSync('unshare', args, { stdio: ['ignore', 'inherit', 'inherit'] });
    if (error !== undefined) throw error;
    return status ?? 1;
  }

  #mounting(): string[] {
    const at = (part: string): string => join(this.#folder, part);
    return [
      `M=${quoted(at('mounted'))}`,
      `mount -t overlay overlay -o ${quoted(`lowerdir=/,upperdir=${at('upper')},workdir=${at('work')}`)} "$M"`,
      ...(this.#programs === undefined ? [] : [`mount --bind ${quoted(this.#programs)} "$M/mnt"`]),
      'mount -t proc proc "$M/proc"',
      'mount --rbind /dev "$M/dev"',
      'mount -t tmpfs tmpfs "$M/tmp"',
      `mount -t tmpfs tmpfs "$M"${quoted(repository)}`,
    ];
  }

  /** The user that the base image brings. */
  #addNode(): void {
    for (const name of ['passwd', 'group']) {
      const text = readFileSync(`/etc/${name}`, 'utf8');
      mkdirSync(this.path('/etc'), { recursive: true });
      cpSync(`/etc/${name}`, this.path(`/etc/${name}`));
      if (/^node:/m.test(text)) continue;
      const line = name === 'passwd' ? 'node:x:61000:61000::/home/node:/bin/sh\n' : 'node:x:61000:\n';
      appendFileSync(this.path(`/etc/${name}`), line);
    }
    mkdirSync(this.path('/home/node'), { recursive: true });
  }
}

/** Copies what `isOut` lets through from the repository. */
export function copyContext(target: string, isOut: (path: string) => boolean): number {
  let count = 0;
  for (const entry of contextFiles('', isOut)) {
    mkdirSync(dirname(join(target, entry)), { recursive: true });
    cpSync(join(repository, entry), join(target, entry));
    count += 1;
  }
  return count;
}

/** Folders that no exception can reach into: looking through them would take longer than the build's copying. */
const neverLookedInto = new Set(['node_modules', '.git', 'data', 'dist']);

function* contextFiles(folder: string, isOut: (path: string) => boolean): Generator<string> {
  for (const entry of readdirSync(join(repository, folder), { withFileTypes: true })) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (folder === '' && neverLookedInto.has(entry.name)) continue;
    if (entry.isDirectory()) yield* contextFiles(path, isOut);
    else if (!isOut(path)) yield path;
  }
}
