import { inspectDatabase } from '../../src/platform/db/inspect.js';
import type { Config } from '../../src/config.js';
import type pg from 'pg';
import { testDeps } from './database.js';

/** Runs `work` on a database as it stands, past the service: to look, to damage, to prepare. */
export const withRaw = <T>(config: Config['db'], work: (client: pg.ClientBase) => Promise<T>): Promise<T> =>
  inspectDatabase({ ...testDeps, config }, ({ client }) => work(client));
