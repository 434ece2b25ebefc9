import { rm } from 'node:fs/promises';
import { type Config, loadConfig } from '../../src/config.js';
import { openDatabase } from '../../src/platform/db/client.js';
import {
  createServerDatabase,
  createTestFolder,
  embeddedSeed,
  engineUnderTest,
  migratedTemplate,
  testDeps,
} from './database.js';
import { pgDump } from './pg-tools.js';

/** A database without migrations, or the place for one, as an environment says it; gone with its scope. */
export interface BareDatabase extends AsyncDisposable {
  env: Record<string, string>;
  config: Config['db'];
}

/** A migrated, empty database, with a data folder of its own; nothing holds it. */
export async function migratedDatabase(): Promise<BareDatabase> {
  const serverUrl = process.env['TEST_DATABASE_URL'];
  const bare = await bareDatabase(serverUrl === undefined ? undefined : await migratedTemplate(serverUrl));
  if (serverUrl === undefined) {
    const seedTarball = await embeddedSeed();
    await (await openDatabase({ ...testDeps, config: bare.config, seedTarball })).close();
    await rm(`${bare.config.dataDir}/backups`, { recursive: true, force: true });
  }
  return bare;
}

/** An empty database on the engine under test, with a data folder of its own. */
export async function bareDatabase(template?: string): Promise<BareDatabase> {
  const folder = await createTestFolder();
  const server = engineUnderTest === 'server' ? await createServerDatabase(template) : undefined;
  const env: Record<string, string> = {
    DATA_DIR: `${folder.path}/data`,
    JWT_SECRET: 'tests-only-0123456789abcdef0123456789abcdef',
    ...(server === undefined ? {} : { DATABASE_URL: server.url, PG_DUMP: pgDump }),
  };
  return {
    env,
    config: loadConfig({ ...env, PATH: process.env['PATH'] }).db,
    [Symbol.asyncDispose]: async () => {
      await server?.[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}
