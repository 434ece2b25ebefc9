import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { openDatabase } from '../../src/platform/db/client.js';
import { measure } from '../../src/platform/db/contents.js';
import { migrate, ownMigrationsDir, readMigrations } from '../../src/platform/db/migrate.js';
import { listBackups } from '../../src/platform/db/restore.js';
import { createTestDatabase, engineUnderTest, testDeps } from '../support/database.js';
import { bareDatabase } from '../support/bare-database.js';
import { withRaw } from '../support/raw.js';
import { serveOn } from '../support/service.js';
import { until } from '../support/wait.js';
import { digests, fixtureAccount, readTables, writeRows } from '../support/upgrade/rows.js';

vi.setConfig({ testTimeout: 600_000 });

const password = 'correct horse battery';
const migrations = await readMigrations(ownMigrationsDir);

/** The first `count` migrations in a folder of their own. */
async function prefix(count: number): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'promptwell-prefix-'));
  for (const { name } of migrations.slice(0, count))
    await cp(join(ownMigrationsDir, name), join(path, name), { recursive: true });
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

describe(`LM-10: an upgrade on the ${engineUnderTest} engine`, () => {
  it.each(migrations.map(({ name }, index) => ({ name, count: index + 1 })))(
    'from $name keeps every row and every constraint, is served, and is a no-op the second time',
    async ({ count }) => {
      await using bare = await bareDatabase();
      await using folder = await prefix(1);
      await (await openDatabase({ ...testDeps, config: bare.config, migrationsDir: folder.path })).close();
      await withRaw(bare.config, async (client) => {
        for (let step = 1; step <= count; step += 1) {
          await migrate(client, { migrations: migrations.slice(0, step), ids: testDeps.ids, backup: null });
          await writeRows(client, migrations[step - 1]?.name ?? '');
        }
      });
      const tables = await withRaw(bare.config, readTables);
      const before = await withRaw(bare.config, (client) => digests(client, tables));
      const empty = Object.keys(before).filter((name) => before[name]?.length === 0);
      expect(
        empty,
        `every table holds a row: add them to tests/support/upgrade/${migrations[count - 1]?.name}.sql`,
      ).toEqual([]);
      const backupsBefore = await listBackups(bare.config);

      {
        await using service = await serveOn(bare.env);
        await until(
          'the service to be ready',
          async () => ((await fetch(`${service.url}/readyz`)).status === 200 ? true : undefined),
          60_000,
        );
        const { tokens } = await service.client().auth.login.mutate({ username: fixtureAccount, password });
        const ada = service.client({ token: tokens.accessToken });
        const texts = (await ada.prompts.list.query({})).items.map(({ text }) => text);
        expect(texts).toEqual(expect.arrayContaining(['Plan a weekend in Lisbon', 'Übersetze „Zeitgeist“ 🌍']));
        const made = await ada.prompts.create.mutate({ text: 'A trip to Portugal', generate: false });
        const { hits } = await ada.prompts.similar.query({ query: 'A trip to Portugal' });
        expect(hits[0]?.prompt.id).toBe(made.id);
      }
      const made = (await listBackups(bare.config)).filter(({ isBeforeMigration }) => isBeforeMigration);
      expect(made).toHaveLength(count < migrations.length ? 1 : 0);
      expect(backupsBefore.filter(({ isBeforeMigration }) => isBeforeMigration)).toEqual([]);

      const present = await withRaw(bare.config, readTables);
      const kept = tables.map(({ name, columns }) => ({
        name,
        columns: columns.filter((column) => present.find((table) => table.name === name)?.columns.includes(column)),
      }));
      expect(kept, 'no table and no column was lost').toEqual(tables);
      const after = await withRaw(bare.config, (client) => digests(client, kept));
      for (const { name } of kept) expect(after[name], name).toEqual(expect.arrayContaining(before[name] ?? []));
      await using fresh = await createTestDatabase();
      await fresh.db.close();
      const wanted = await withRaw(fresh.config, (client) => measure(client, 'counts'));
      const upgraded = await withRaw(bare.config, (client) => measure(client, 'counts'));
      expect(upgraded.structure).toEqual(wanted.structure);

      const backups = await listBackups(bare.config);
      const full = await withRaw(bare.config, (client) => measure(client, 'full'));
      await (await openDatabase({ ...testDeps, config: bare.config })).close();
      expect(await withRaw(bare.config, (client) => measure(client, 'full'))).toEqual(full);
      expect(await listBackups(bare.config)).toEqual(backups);
    },
  );
});
