import { chmod, cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import type { Config } from '../../src/config.js';
import { openDatabase } from '../../src/platform/db/client.js';
import { type Contents, measure } from '../../src/platform/db/contents.js';
import type { Database } from '../../src/platform/db/database.js';
import { ownMigrationsDir, readMigrations } from '../../src/platform/db/migrate.js';
import { checkBackup, listBackups, makeBackup, restoreBackup } from '../../src/platform/db/restore.js';
import { type BareDatabase, bareDatabase, migratedDatabase } from '../support/bare-database.js';
import { createTestFolder, engineUnderTest, freshName, testDeps } from '../support/database.js';
import { pgDump } from '../support/pg-tools.js';
import { withRaw } from '../support/raw.js';
import { writeRows } from '../support/upgrade/rows.js';

vi.setConfig({ testTimeout: 600_000 });

const first = '20261121000000_init';
const newest = (await readMigrations(ownMigrationsDir)).at(-1)?.name;

/** A database at this program's schema that holds rows, closed; and the migrations, to add to. */
async function filled(): Promise<
  BareDatabase & { migrationsDir: string; open(config?: Config['db']): Promise<Database> }
> {
  const bare = await migratedDatabase();
  const folder = await createTestFolder();
  await cp(ownMigrationsDir, folder.path, { recursive: true });
  await withRaw(bare.config, (client) => writeRows(client, first));
  return {
    ...bare,
    migrationsDir: folder.path,
    open: (config = bare.config) => openDatabase({ ...testDeps, config, migrationsDir: folder.path }),
    [Symbol.asyncDispose]: async () => {
      await bare[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

async function addMigration(folder: string, name: string, script: string): Promise<void> {
  await mkdir(join(folder, name), { recursive: true });
  await writeFile(join(folder, name, 'migration.sql'), script);
}

const contentsOf = (config: Config['db']): Promise<Contents> => withRaw(config, (client) => measure(client, 'full'));
const backupsBeforeMigration = async (config: Config['db']) =>
  (await listBackups(config)).filter(({ isBeforeMigration }) => isBeforeMigration);
const filesOf = (config: Config['db']): Promise<string[]> => readdir(join(config.dataDir, 'backups')).catch(() => []);
const deps = (config: Config['db']) => ({ ...testDeps, config });

/** The server's tools, with another pg_dump: a script that is given the real one's path. */
async function toolsWith(folder: string, script: (real: string) => string): Promise<string> {
  const scripts = { pg_dump: script(pgDump), pg_restore: `exec ${join(dirname(pgDump), 'pg_restore')} "$@"` };
  for (const [name, text] of Object.entries(scripts)) {
    await writeFile(join(folder, name), `#!/bin/sh\n${text}\n`);
    await chmod(join(folder, name), 0o755);
  }
  return join(folder, 'pg_dump');
}

const withPgDump = (config: Config['db'], path: string): Config['db'] => ({
  ...config,
  tools: { ...config.tools, pgDump: path },
});

describe(`the backup before a migration on the ${engineUnderTest} engine`, () => {
  it('LM-10: a fresh database migrates and starts, with no backup of nothing', async () => {
    await using bare = await bareDatabase();
    const db = await openDatabase(deps(bare.config));
    await db.check();
    expect(await listBackups(bare.config)).toEqual([]);
    await db.close();
  });

  it('LM-9: is made before what is pending, verified and equal to what was there; none pending makes none', async () => {
    await using test = await filled();
    const before = await contentsOf(test.config);
    await addMigration(test.migrationsDir, '20990101000000_destructive', 'DELETE FROM event');
    await (await test.open()).close();
    const [backup, ...more] = await backupsBeforeMigration(test.config);
    expect(more).toEqual([]);
    expect(backup?.record).toMatchObject({ engine: engineUnderTest, reason: 'migration', schema: newest });
    expect(Date.parse(backup?.record?.verifiedAt ?? '')).toBeGreaterThan(0);
    expect(backup?.record?.contents).toEqual(before);
    expect(before.tables.find(({ name }) => name === 'public.event')?.rows).toBe(2);
    await (await test.open()).close();
    expect(await backupsBeforeMigration(test.config)).toEqual([backup]);
  });

  it('LM-9: blocks the migration when it fails, saying why and how to go without it, and nothing is changed', async () => {
    await using test = await filled();
    await addMigration(test.migrationsDir, '20990101000000_pending', 'CREATE TABLE pending (id int)');
    const before = await contentsOf(test.config);
    const blocked = engineUnderTest === 'server' ? withPgDump(test.config, '/nowhere/pg_dump') : { ...test.config };
    // No folder can be made where a file is.
    if (engineUnderTest === 'embedded') {
      await rm(join(test.config.dataDir, 'backups'), { recursive: true, force: true });
      await writeFile(join(test.config.dataDir, 'backups'), '');
    }
    await expect(test.open(blocked)).rejects.toThrow(
      /20990101000000_pending.*backup, which failed; nothing was changed\..*(nowhere|EEXIST|ENOTDIR).*MIGRATE_WITHOUT_BACKUP=1/s,
    );
    await rm(join(test.config.dataDir, 'backups'), { recursive: true, force: true });
    expect(await contentsOf(test.config)).toEqual(before);
    const db = await test.open({ ...blocked, isBackupWaived: true });
    expect(await db.read('SELECT count(*)::int AS count FROM pending', [])).toEqual([{ count: 0 }]);
    expect(await backupsBeforeMigration(test.config)).toEqual([]);
    await db.close();
  });

  it('LM-9: a step that fails is rolled back; what earlier steps destroyed comes back by the backup it names', async () => {
    await using test = await filled();
    const before = await contentsOf(test.config);
    await addMigration(test.migrationsDir, '20990101000000_destructive', 'DELETE FROM event; DROP TABLE spend;');
    await addMigration(test.migrationsDir, '20990102000000_bad', 'CREATE TABLE half (id int); SELECT 1 / 0;');
    const refusal = await test.open().catch((cause: Error) => cause.message);
    const [backup] = await backupsBeforeMigration(test.config);
    expect(refusal).toMatch(/20990102000000_bad failed and was rolled back: division by zero/);
    expect(refusal).toContain(`promptwell restore ${backup?.name} --replace`);
    expect((await contentsOf(test.config)).structure.join()).not.toMatch(/half|spend/);
    await restoreBackup(deps(test.config), { file: backup?.name, isReplacing: true });
    expect(await contentsOf(test.config)).toEqual(before);
  });

  it('is kept apart: ordinary backups never push out those made before migrations', async () => {
    await using test = await filled();
    const config = { ...test.config, backupKeep: 1 };
    await addMigration(test.migrationsDir, '20990101000000_one', 'SELECT 1');
    await (await test.open(config)).close();
    const [kept] = await backupsBeforeMigration(config);
    for (const _ of [1, 2]) await makeBackup(deps(config));
    const backups = await listBackups(config);
    expect(backups.filter(({ isBeforeMigration }) => isBeforeMigration)).toEqual([kept]);
    expect(backups).toHaveLength(2);
    expect(await filesOf(config)).toHaveLength(4);
  });

  it('LM-7: brings back rows deleted by mistake, and the constraints survive', async () => {
    await using test = await filled();
    const before = await contentsOf(test.config);
    const path = await makeBackup(deps(test.config));
    await withRaw(test.config, (client) => client.query('DELETE FROM app_user; TRUNCATE prompt CASCADE;'));
    expect(await contentsOf(test.config)).not.toEqual(before);
    await restoreBackup(deps(test.config), { file: path, isReplacing: true });
    expect(await contentsOf(test.config)).toEqual(before);
    const insert = (sql: string) => withRaw(test.config, (client) => client.query(sql));
    await expect(insert('INSERT INTO spend SELECT * FROM spend')).rejects.toThrow(/spend_pkey/);
    await expect(insert('UPDATE response SET latency_ms = -1')).rejects.toThrow(/response_figures_check/);
    await expect(insert("UPDATE embedding SET vector = '[0,0,0]'")).rejects.toThrow(/length zero/);
    await expect(insert('DELETE FROM space')).rejects.toThrow(/embedding_space_id_fkey/);
  });

  it('is found out when it is not what it was: swapped, shortened, or another engine’s', async () => {
    await using test = await filled();
    const older = await makeBackup(deps(test.config));
    await withRaw(test.config, (client) => client.query('DELETE FROM event'));
    const newer = await makeBackup(deps(test.config));
    await expect(checkBackup(deps(test.config), newer)).resolves.toMatchObject({ isCompared: true });
    await cp(older, newer);
    await expect(checkBackup(deps(test.config), newer)).rejects.toThrow(/public\.event holds 2 rows in place of 0/);
    await writeFile(newer, 'no backup at all');
    await expect(checkBackup(deps(test.config), newer)).rejects.toThrow();
    const foreign = `${newer}${engineUnderTest === 'server' ? '.tar.gz' : '.dump'}`;
    await writeFile(foreign, '');
    await expect(restoreBackup(deps(test.config), { file: foreign })).rejects.toThrow(/Nothing was changed/);
  });
});

describe.runIf(engineUnderTest === 'server')('the backup of a server', () => {
  it('LM-9: that lacks rows does not verify, blocks the migration and is not kept', async () => {
    await using test = await filled();
    await using folder = await createTestFolder();
    const before = await contentsOf(test.config);
    await addMigration(test.migrationsDir, '20990101000000_pending', 'CREATE TABLE pending (id int)');
    const lossy = await toolsWith(folder.path, (real) => `exec ${real} "$@" --exclude-table-data=event`);
    await expect(test.open(withPgDump(test.config, lossy))).rejects.toThrow(
      /backup, which failed.*public\.event holds 0 rows in place of 2/s,
    );
    expect(await filesOf(test.config)).toEqual([]);
    expect(await contentsOf(test.config)).toEqual(before);
    await test.open().then((db) => db.close());
  });

  it('refuses a pg_dump older than the server, naming what to install', async () => {
    await using test = await filled();
    await using folder = await createTestFolder();
    const old = await toolsWith(folder.path, () => 'echo "pg_dump (PostgreSQL) 12.3"');
    await expect(makeBackup(deps(withPgDump(test.config, old)))).rejects.toThrow(
      /PostgreSQL 12, older than the server's 17.*postgresql-client-17.*PG_DUMP/,
    );
  });

  it('tells programs the password by the environment alone, and no other secret', async () => {
    await using test = await filled();
    await using folder = await createTestFolder();
    const spy = await toolsWith(
      folder.path,
      (real) => `echo "$@" >>${folder.path}/arguments\nenv >>${folder.path}/environment\nexec ${real} "$@"`,
    );
    const url = new URL(test.env['DATABASE_URL'] ?? '');
    url.password = 'hunter22';
    vi.stubEnv('JWT_SECRET', 'not for pg_dump');
    await makeBackup(deps({ ...withPgDump(test.config, spy), url: url.href, directUrl: url.href }));
    vi.unstubAllEnvs();
    expect(await readFile(join(folder.path, 'arguments'), 'utf8')).not.toContain('hunter22');
    const environment = await readFile(join(folder.path, 'environment'), 'utf8');
    expect(environment).toContain('PGPASSWORD=hunter22');
    expect(environment).not.toContain('not for pg_dump');
  });

  it('says which right is missing where no scratch database can be made, and is not kept unverified', async () => {
    await using test = await filled();
    const [role, url] = [`role_${freshName()}`, new URL(test.env['DATABASE_URL'] ?? '')];
    await withRaw(test.config, (client) =>
      // BYPASSRLS: pg_dump refuses tables of which row-level security would show it a part.
      client.query(`CREATE ROLE ${role} LOGIN BYPASSRLS; GRANT pg_read_all_data TO ${role}`),
    );
    url.username = role;
    const limited = { ...test.config, url: url.href, directUrl: url.href };
    await expect(makeBackup(deps(limited))).rejects.toThrow(/No database could be made.*ALTER ROLE .* CREATEDB/);
    expect(await filesOf(test.config)).toEqual([]);
    await withRaw(test.config, (client) => client.query(`DROP ROLE ${role}`));
  });

  it('names a pg_restore that the server does not understand', async () => {
    await using test = await filled();
    await using folder = await createTestFolder();
    const newer = await toolsWith(folder.path, (real) => `exec ${real} "$@"`);
    const complaint = 'pg_restore: error: unrecognized configuration parameter "transaction_timeout"';
    await writeFile(join(folder.path, 'pg_restore'), `#!/bin/sh\necho '${complaint}' >&2\nexit 1\n`);
    await expect(makeBackup(deps(withPgDump(test.config, newer)))).rejects.toThrow(/newer than the server.*PG_DUMP/);
  });

  it('is of one snapshot: others write all the while and it still verifies', async () => {
    await using test = await filled();
    const db = await test.open();
    const stop = new AbortController();
    let written = 0;
    const writing = (async () => {
      for (; !stop.signal.aborted; written += 1)
        await db.read("INSERT INTO spend (scope, day) VALUES ($1, '2026-01-01')", [`writer ${written}`]);
    })();
    const path = await makeBackup(deps(test.config));
    stop.abort();
    await writing;
    expect(written).toBeGreaterThan(10);
    expect((await checkBackup(deps(test.config), path)).isCompared).toBe(true);
    await db.close();
  });

  it('is made once when several processes start at once on what is pending', async () => {
    await using test = await filled();
    await addMigration(test.migrationsDir, '20990101000000_pending', 'CREATE TABLE pending (id int)');
    const all = await Promise.all([1, 2, 3].map(() => test.open()));
    expect(await backupsBeforeMigration(test.config)).toHaveLength(1);
    await Promise.all(all.map((db) => db.close()));
  });

  it('is restored in place of a database only when asked, when nobody uses it, and whole or not at all', async () => {
    await using test = await filled();
    const path = await makeBackup(deps(test.config));
    await withRaw(test.config, (client) => client.query('DELETE FROM event'));
    const present = await contentsOf(test.config);
    await expect(restoreBackup(deps(test.config))).rejects.toThrow(/holds tables.*--replace.*Nothing was changed/);
    await writeFile(`${path}.broken.dump`, 'no dump');
    const broken = { file: `${path}.broken.dump`, isReplacing: true };
    await expect(restoreBackup(deps(test.config), broken)).rejects.toThrow(/Nothing was changed.*pg_restore/s);
    const db = await test.open();
    await db.check();
    await expect(restoreBackup(deps(test.config), { isReplacing: true })).rejects.toThrow(/is in use \(promptwell/);
    await db.close();
    expect(await contentsOf(test.config)).toEqual(present);
    const { setAside } = await restoreBackup(deps(test.config), { isReplacing: true });
    const aside = new URL(test.env['DATABASE_URL'] ?? '');
    aside.pathname = `/${setAside}`;
    expect(await contentsOf({ ...test.config, directUrl: aside.href })).toEqual(present);
    expect(await contentsOf(test.config)).not.toEqual(present);
    const admin = { ...test.config, directUrl: process.env['TEST_DATABASE_URL'] };
    const drop = `DROP DATABASE "${setAside}"`;
    await withRaw(admin, (client) => client.query(drop));
  });

  it('brings events from a server that had counted further within reach of the feed, in their order', async () => {
    await using test = await filled();
    await using other = await bareDatabase();
    await withRaw(test.config, (client) => client.query("UPDATE event SET xid = '999999999999'"));
    const path = await makeBackup(deps(test.config));
    await restoreBackup(deps(other.config), { file: path });
    const visible = 'SELECT count(*)::int AS count FROM event WHERE xid < pg_snapshot_xmax(pg_current_snapshot())';
    const { rows } = await withRaw(other.config, (client) => client.query(visible));
    expect(rows).toEqual([{ count: 2 }]);
  });
});
