import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { packFolder, unpackFolder } from '../../../src/platform/db/tar.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promptwell-tar-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A folder with what a cluster has: empty folders, empty files, sizes at and around a block, and more than a chunk. */
async function source(): Promise<string> {
  const path = join(folder, 'source');
  await mkdir(join(path, 'base/1'), { recursive: true });
  await mkdir(join(path, 'pg_notify'));
  for (const size of [0, 1, 511, 512, 513, 200_000])
    await writeFile(join(path, 'base/1', String(size)), Buffer.alloc(size, `${size} `));
  await writeFile(join(path, 'PG_VERSION'), '18\n');
  return path;
}

describe('an archive of a folder', () => {
  it('gives back every file and every empty folder, byte for byte, for its owner alone', async () => {
    const from = await source();
    const [file, to] = [join(folder, 'a.tar.gz'), join(folder, 'copy')];
    await packFolder(from, file);
    await unpackFolder(file, to);
    const names = (await readdir(from, { recursive: true })).sort();
    expect((await readdir(to, { recursive: true })).sort()).toEqual(names);
    for (const name of names) {
      if ((await stat(join(from, name))).isDirectory()) continue;
      expect((await readFile(join(to, name))).equals(await readFile(join(from, name))), name).toBe(true);
      expect((await stat(join(to, name))).mode & 0o777).toBe(0o600);
    }
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it('is never written over a file that is there', async () => {
    const file = join(folder, 'a.tar.gz');
    await writeFile(file, 'precious');
    await expect(packFolder(await source(), file)).rejects.toThrow(/EEXIST/);
    expect(await readFile(file, 'utf8')).toBe('precious');
  });

  it('that was cut short or changed is refused', async () => {
    const file = join(folder, 'a.tar.gz');
    await packFolder(await source(), file);
    const bytes = await readFile(file);
    await writeFile(file, bytes.subarray(0, bytes.length / 2));
    await expect(unpackFolder(file, join(folder, 'short'))).rejects.toThrow(/unexpected end of file/);
    const plain = gunzipSync(bytes);
    await writeFile(file, gzipSync(plain.subarray(0, plain.length - 2_000)));
    await expect(unpackFolder(file, join(folder, 'early'))).rejects.toThrow(/ends too early/);
    plain[3] = 0x78;
    await writeFile(file, gzipSync(plain));
    await expect(unpackFolder(file, join(folder, 'changed'))).rejects.toThrow(/damaged/);
    await writeFile(file, 'no archive');
    await expect(unpackFolder(file, join(folder, 'none'))).rejects.toThrow(/incorrect header check/);
  });

  it('that names a place outside the folder writes nothing there', async () => {
    const file = join(folder, 'a.tar.gz');
    await packFolder(await source(), file);
    const plain = gunzipSync(await readFile(file));
    // The first entry is /PG_VERSION: under another name, with the sum of that.
    plain.fill(0, 0, 100).write('/../outside', 0);
    plain.fill(0x20, 148, 156);
    const sum = plain.subarray(0, 512).reduce((total, byte) => total + byte, 0);
    plain.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    await writeFile(file, gzipSync(plain));
    await expect(unpackFolder(file, join(folder, 'inside'))).rejects.toThrow(/outside itself/);
    await expect(stat(join(folder, 'outside'))).rejects.toThrow(/ENOENT/);
  });
});
