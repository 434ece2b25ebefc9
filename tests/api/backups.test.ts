import { readdir, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { measure } from '../../src/platform/db/contents.js';
import { type BareDatabase, bareDatabase, migratedDatabase } from '../support/bare-database.js';
import { createTestFolder, engineUnderTest } from '../support/database.js';
import { type Ended, runProgram, startProgram } from '../support/program.js';
import { withRaw } from '../support/raw.js';
import { writeRows } from '../support/upgrade/rows.js';
import { until } from '../support/wait.js';

// Each command opens the database anew: seconds on the embedded engine, and more on a busy machine.
vi.setConfig({ testTimeout: 240_000 });

const promptwell = ({ env }: BareDatabase, ...args: string[]): Promise<Ended> => runProgram('cli.js', { args, env });

/** A database with rows. */
async function filled(): Promise<BareDatabase> {
  const bare = await migratedDatabase();
  await withRaw(bare.config, (client) => writeRows(client, '20261121000000_init'));
  return bare;
}

const contentsOf = ({ config }: BareDatabase) => withRaw(config, (client) => measure(client, 'full'));
const filesOf = ({ config }: BareDatabase): Promise<string[]> => readdir(join(config.dataDir, 'backups'));

describe(`backups by the command line on the ${engineUnderTest} engine`, () => {
  test('LM-6: a backup exists under a name with milliseconds, private, and opens with the same rows, also in a folder that is made for it', async () => {
    await using bare = await filled();
    await using folder = await createTestFolder();
    const before = await contentsOf(bare);
    const made = await promptwell(bare, 'backup', '--folder', join(folder.path, 'new'));
    expect(made).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Made and verified: /) as string });
    const path = made.stdout.trim().replace('Made and verified: ', '');
    expect(path.startsWith(join(folder.path, 'new'))).toBe(true);
    const pattern = engineUnderTest === 'server' ? /^\d{8}T\d{9}Z-\w+\.dump$/ : /^\d{8}T\d{9}Z-\d+\.tar\.gz$/;
    expect(basename(path)).toMatch(pattern);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const rows = before.tables.reduce((sum, table) => sum + table.rows, 0);
    expect((await promptwell(bare, 'backups', 'check', path)).stdout).toContain(
      `is equal to the database as it was: ${before.tables.length} tables, ${rows} rows.`,
    );
    expect(await contentsOf(bare)).toEqual(before);
  });

  test('LM-6: a backup that fails says why and leaves no partial file', async () => {
    await using bare = await filled();
    await using folder = await createTestFolder();
    await writeFile(join(folder.path, 'taken'), '');
    const failed = await promptwell(bare, 'backup', '--folder', join(folder.path, 'taken'));
    expect(failed).toMatchObject({ code: 1, stdout: '' });
    expect(failed.stderr).toMatch(/^promptwell: .*(EEXIST|ENOTDIR)/m);
    expect(await readdir(folder.path)).toEqual(['taken']);
  });

  test('LM-8: the list is empty at first, then newest first with name, path, size and time', async () => {
    await using bare = await bareDatabase();
    expect(await promptwell(bare, 'backups', '--json')).toMatchObject({ code: 0, stdout: '[]\n' });
    expect(await promptwell(bare, 'migrate')).toMatchObject({ code: 0 });
    for (const _ of [1, 2]) expect(await promptwell(bare, 'backup')).toMatchObject({ code: 0 });
    const listed = JSON.parse((await promptwell(bare, 'backups', '--json')).stdout) as { [field: string]: string }[];
    const times = listed.map(({ createdAt }) => createdAt);
    expect(times).toEqual(times.toSorted((one = '', other = '') => other.localeCompare(one)));
    expect(listed.length).toBeGreaterThanOrEqual(2);
    for (const { name = '', path = '', sizeBytes, createdAt = '' } of listed) {
      expect(path).toBe(join(bare.config.dataDir, 'backups', name));
      expect(sizeBytes).toBe((await stat(path)).size);
      expect(name.startsWith(createdAt.replaceAll(/[-:.]/g, ''))).toBe(true);
    }
    expect(listed[0]).toMatchObject({ engine: engineUnderTest, schema: expect.stringMatching(/^\d{14}_/) as string });
    const lines = (await promptwell(bare, 'backups')).stdout.trimEnd().split('\n');
    expect(lines.map((line) => line.split(/ {2,}/).at(-1))).toEqual(listed.map(({ name }) => name));
  });

  test('LM-8: a restore from a file that is missing fails clearly, the database untouched', async () => {
    await using bare = await filled();
    const before = await contentsOf(bare);
    const ended = await promptwell(bare, 'restore', 'missing', '--replace');
    expect(ended).toMatchObject({ code: 1, stdout: '' });
    expect(ended.stderr).toMatch(/^promptwell: There is no backup missing in .*Nothing was changed\.$/m);
    expect(await contentsOf(bare)).toEqual(before);
  });

  test('a backup killed in the middle leaves nothing that counts as one, and what it left is gone after the next', async () => {
    await using bare = await filled();
    const listed = (await promptwell(bare, 'backups')).stdout;
    const killed = startProgram('cli.js', { args: ['backup'], env: bare.env });
    const isDraft = (name: string): boolean => name.endsWith('.draft');
    await until(
      'a draft',
      async () => ((await filesOf(bare).catch(() => [])).some(isDraft) ? true : undefined),
      60_000,
    );
    killed.kill('SIGKILL');
    await killed.ended;
    expect((await promptwell(bare, 'backups')).stdout).toBe(listed);
    expect(await promptwell(bare, 'backup')).toMatchObject({ code: 0 });
    // A server's data folder may be shared: there a draft counts as abandoned after an hour only.
    if (engineUnderTest === 'embedded') {
      expect((await filesOf(bare)).filter(isDraft)).toEqual([]);
      expect(await readdir(bare.config.dataDir)).not.toContain('pg.verify');
      return;
    }
    const left =
      "SELECT datname FROM pg_database WHERE datname ~ '^promptwell_verify_' AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = datname)";
    await until('left-over databases to be gone', async () => {
      const { rows } = await withRaw(bare.config, (client) => client.query(left));
      return rows.length === 0 ? true : undefined;
    });
  });
});
