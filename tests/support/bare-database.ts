import { type Config, loadConfig } from '../../src/config.js';
import { createServerDatabase, createTestFolder, engineUnderTest } from './database.js';
import { pgDump } from './pg-tools.js';

/** A database without migrations, or the place for one, as an environment says it; gone with its scope. */
export interface BareDatabase extends AsyncDisposable {
  env: Record<string, string>;
  config: Config['db'];
}

/** An empty database on the engine under test, with a data folder of its own. */
export async function bareDatabase(): Promise<BareDatabase> {
  const folder = await createTestFolder();
  const server = engineUnderTest === 'server' ? await createServerDatabase() : undefined;
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
