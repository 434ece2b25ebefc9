import { WebSocket } from 'ws';
import { type App, type AppOptions, createApp } from '../../src/app.js';
import { type ClientOptions, createPromptwellClient, type Outputs, type PromptwellClient } from '../../src/client.js';
import { loadConfig } from '../../src/config.js';
import { systemClock } from '../../src/kernel/clock.js';
import { systemIds } from '../../src/kernel/ids.js';
import type { Log } from '../../src/platform/log.js';
import { createServerDatabase, createTestFolder, engineUnderTest, embeddedSeed, migratedTemplate } from './database.js';
import { pgDump } from './pg-tools.js';

/** A whole service of a test's own: real HTTP, real WebSockets, a database of the engine under test. */
export interface TestService extends AsyncDisposable {
  app: App;
  url: string;
  /** The environment it was started with; a second process on the same database starts with the same. */
  env: Record<string, string>;
  /** Everything it logged, as facts with their message. */
  logged: { level: string; message: string; facts: object }[];
  /** Signs a new person up. */
  signUp(username?: string): Promise<TestPerson>;
  /** A client with other credentials, or none. */
  client(options?: Partial<ClientOptions>): PromptwellClient;
}

/** Somebody with an account and a client of their own. */
export interface TestPerson {
  session: Outputs['auth']['signup'];
  token: string;
  client: PromptwellClient;
  password: string;
}

/** What a test may say of its service. */
export interface ServiceOptions extends AppOptions {
  /** Environment on top of the defaults: no throttles that tests would hit, the lexical embedder, offline. */
  env?: Record<string, string>;
}

const compiledUrl = new URL('../../dist/', import.meta.url);
const ids = systemIds(() => systemClock.nowMs());
/** A password that the rules accept. */
export const goodPassword = 'correct horse battery';

const defaults: Record<string, string> = {
  PORT: '0',
  METRICS_PORT: '0',
  EMBEDDER: 'lexical',
  PROMPTWELL_OFFLINE: '1',
  PROMPTS_PER_SECOND: '100000',
  PROMPTS_PER_MINUTE: '1000000',
  LOGIN_FAILURES_PER_15_MIN: '100000',
  SIGNUPS_PER_HOUR: '100000',
  JWT_SECRET: 'tests-only-0123456789abcdef0123456789abcdef',
};

/** Starts a service on a new database. Cost: about 0.5 s on a server, 2 s embedded. */
export async function startService({ env = {}, ...options }: ServiceOptions = {}): Promise<TestService> {
  const home = await databaseHome();
  try {
    return await serve({ ...defaults, ...home.env, ...env }, { ...options, ...home.options, onDispose: home.dispose });
  } catch (cause) {
    await home.dispose();
    throw cause;
  }
}

/** Starts another process's worth of service on the same server database. */
export function startSecond(first: TestService, options: AppOptions = {}): Promise<TestService> {
  return serve(first.env, { ...options, onDispose: () => Promise.resolve() });
}

/** Starts a service on a database that is there already, or whose place is. */
export function serveOn(env: Record<string, string>, options: AppOptions = {}): Promise<TestService> {
  return serve({ ...defaults, ...env }, { ...options, onDispose: () => Promise.resolve() });
}

/** A client for a token, or for nobody. */
export const clientFor = (url: string, options: Partial<ClientOptions> = {}): PromptwellClient =>
  createPromptwellClient({ url, WebSocket, ...options });

async function databaseHome() {
  const folder = await createTestFolder();
  if (engineUnderTest === 'embedded')
    return {
      env: { DATA_DIR: folder.path },
      options: { seedTarball: await embeddedSeed() },
      dispose: () => folder[Symbol.asyncDispose]() as Promise<void>,
    };
  const database = await createServerDatabase(await migratedTemplate(process.env['TEST_DATABASE_URL'] ?? ''));
  return {
    env: { DATA_DIR: folder.path, DATABASE_URL: database.url, PG_DUMP: pgDump },
    options: {},
    dispose: async () => {
      await database[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

async function serve(
  env: Record<string, string>,
  options: AppOptions & { onDispose: () => Promise<void> },
): Promise<TestService> {
  const logged: TestService['logged'] = [];
  const { onDispose, ...appOptions } = options;
  const app = await createApp(loadConfig(env), { compiledUrl, log: recording(logged), ...appOptions });
  const client = (clientOptions: Partial<ClientOptions> = {}): PromptwellClient => clientFor(app.url, clientOptions);
  return {
    app,
    url: app.url,
    env,
    logged,
    client,
    async signUp(username = `user-${ids.uuid()}`) {
      const session = await client().auth.signup.mutate({ username, password: goodPassword });
      const token = session.tokens.accessToken;
      return { session, token, client: client({ token }), password: goodPassword };
    },
    [Symbol.asyncDispose]: async () => {
      await app.close();
      await onDispose();
    },
  };
}

function recording(logged: TestService['logged']): Log {
  const at = (level: string) => (facts: object, message: string) => void logged.push({ level, message, facts });
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
