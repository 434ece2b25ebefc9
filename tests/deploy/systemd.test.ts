import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config.js';
import { createTestFolder } from '../support/database.js';
import { hasProgram } from '../support/debian.js';
import { read } from '../support/source.js';

const run = promisify(execFile);
const unit = read('deploy/systemd/promptwell.service');
const setting = (name: string): string[] =>
  [...unit.matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map(([, value = '']) => value);

describe.skipIf(!hasProgram('systemd-analyze'))('as systemd reads the unit (skipped where there is no systemd)', () => {
  /** The unit where systemd looks; its program is this machine's, wherever that is. */
  async function analyze(text: string, ...args: string[]) {
    await using folder = await createTestFolder();
    await mkdir(folder.path, { recursive: true });
    const path = `${folder.path}/promptwell.service`;
    await writeFile(path, text.replace('/usr/bin/node', process.execPath));
    const { stdout, stderr } = await run('systemd-analyze', [...args, path]);
    return { stdout, stderr: stderr.split('\n').filter((line) => line.includes('promptwell.service')) };
  }

  test('it has no mistake, and one would be seen', async () => {
    expect((await analyze(unit, 'verify', '--man=no')).stderr).toEqual([]);
    const misspelt = unit.replace('ProtectSystem=', 'ProtectSystems=');
    expect((await analyze(misspelt, 'verify', '--man=no')).stderr.join()).toContain('ProtectSystems');
  });

  test('its exposure is at most 1.5 of 10', async () => {
    const { stdout } = await analyze(unit, 'security', '--offline=true', '--threshold=15', '--no-pager');
    expect(stdout).toMatch(/Overall exposure level .*: [01]\.\d/);
  });
});

test('what the unit sets is a configuration that works, with the key as a credential', () => {
  const env = Object.fromEntries(
    setting('Environment')
      .flatMap((line) => line.split(' '))
      .map((pair) => pair.split('=') as [string, string]),
  );
  const config = loadConfig({ ...env, DATABASE_URL: 'postgresql://promptwell@localhost/promptwell' });
  expect(config.db.dataDir).toBe(`/var/lib/${setting('StateDirectory')[0]}`);
  expect(config.auth.jwtSecretFile).toBe(`%d/${setting('LoadCredential')[0]?.split(':')[0]}`);
});

test('it is cut off only after its own deadline', () => {
  expect(Number(setting('TimeoutStopSec')[0]) * 1_000).toBeGreaterThan(loadConfig({}).shutdownMs + 1_000);
});
