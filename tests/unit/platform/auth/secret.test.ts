import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/kernel/clock.js';
import { systemIds } from '../../../../src/kernel/ids.js';
import { keyedHash, loadAuthKeys, type SecretSource } from '../../../../src/platform/auth/secret.js';

const ids = systemIds(() => systemClock.nowMs());
let dataDir: string;
const load = (source: Partial<SecretSource> = {}) =>
  loadAuthKeys({ jwtSecret: undefined, jwtSecretFile: undefined, dataDir, ...source }, ids);

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'promptwell-secret-'));
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

describe('the signing secret', () => {
  it('is made once, readable by its owner alone, however many ask at once', async () => {
    const all = await Promise.all(Array.from({ length: 8 }, () => load()));
    const again = await load();
    expect(new Set([...all, again].map((keys) => keyedHash(keys.hashes, 'x'))).size).toBe(1);
    expect((await stat(join(dataDir, 'keys'))).mode & 0o777).toBe(0o700);
    expect((await stat(join(dataDir, 'keys', 'signing-secret'))).mode & 0o777).toBe(0o600);
    expect(await readdir(join(dataDir, 'keys'))).toEqual(['signing-secret']);
    expect((await readFile(join(dataDir, 'keys', 'signing-secret'), 'utf8')).trim()).toHaveLength(43);
  });

  it('is refused when others may read it (T88)', async () => {
    await load();
    await chmod(join(dataDir, 'keys', 'signing-secret'), 0o640);
    await expect(load()).rejects.toThrow(/may be read by others \(mode 640\)/);
    await chmod(join(dataDir, 'keys', 'signing-secret'), 0o600);
    await chmod(join(dataDir, 'keys'), 0o755);
    await expect(load()).rejects.toThrow(/may be read by others \(mode 755\)/);
  });

  it('is refused when short or a sample, and the message never holds it (T07)', async () => {
    const short = 'nineteen-bytes-long';
    await expect(load({ jwtSecret: short })).rejects.toThrow(/JWT_SECRET: must hold at least 32 bytes/);
    await expect(load({ jwtSecret: short })).rejects.not.toThrow(new RegExp(short));
    const path = join(dataDir, 'secret');
    await writeFile(path, 'please-change-me-please-change-me-please\n');
    await expect(load({ jwtSecretFile: path })).rejects.toThrow(/JWT_SECRET_FILE: holds a sample value/);
  });

  it('gives the same keys from a variable as from a file, and a different one for each use', async () => {
    const path = join(dataDir, 'secret');
    await writeFile(path, `${'s'.repeat(32)}\n`);
    const fromFile = await load({ jwtSecretFile: path });
    const fromText = await load({ jwtSecret: 's'.repeat(32) });
    expect(fromFile.cursors).toEqual(fromText.cursors);
    expect(fromFile.hashes).toEqual(fromText.hashes);
    expect(fromFile.hashes).not.toEqual(fromFile.cursors);
    expect(fromFile.tokens.extractable).toBe(false);
  });
});
