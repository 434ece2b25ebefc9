import { existsSync } from 'node:fs';
import closeWithGrace from 'close-with-grace';
import { type App, createApp } from './app.js';
import { type Config, ConfigError, loadConfig } from './config.js';
import { systemClock } from './kernel/clock.js';
import { SecretError } from './platform/auth/secret.js';
import { DatabaseStartError } from './platform/db/start-error.js';
import { ModelMissingError } from './platform/embedding/choose.js';
import { createLog } from './platform/log.js';

/** What the parts of a shutdown may need beyond their own deadlines, before the process ends regardless. */
const shutdownSlackMs = 500;

// What the environment says already counts more.
if (existsSync('.env')) process.loadEnvFile('.env');
const config = configuration();
const log = createLog(config.log);
const starting = createApp(config, { log });
// From before the start is done: a signal during a migration lets it finish.
closeWithGrace(
  { delay: config.shutdownMs + shutdownSlackMs, logger: { error: logShutdown } },
  async ({ signal, err }) => {
    if (err !== undefined) log.error({ err }, 'ended by an error nobody caught');
    log.info({ signal }, 'closing');
    const app = await starting;
    const { failed } = await app.close();
    for (const { name, cause } of failed) log.warn({ part: name, err: cause }, 'did not close in time');
    log.info({}, 'closed');
  },
);

const app = await starting.catch(fail);
log.info({ url: app.url, metricsUrl: app.metricsUrl, engine: app.db.engine, ...app.embedding }, 'ready');
// Beside the log, which stays one JSON object a line.
if (config.log.level !== 'silent') process.stderr.write(welcome(app));

function configuration(): Config {
  try {
    return loadConfig(process.env);
  } catch (cause) {
    return fail(cause);
  }
}

function logShutdown(cause: unknown): void {
  log.error(cause instanceof Error ? { err: cause } : { reason: String(cause) }, 'shutdown');
}

/** Says what keeps the service from starting and what to do, and ends the process. */
function fail(cause: unknown): never {
  const isExpected = [ConfigError, DatabaseStartError, ModelMissingError, SecretError].some(
    (kind) => cause instanceof kind,
  );
  process.stderr.write(`${isExpected ? (cause as Error).message : String((cause as Error).stack ?? cause)}\n`);
  process.exit(1);
}

/** Each command works as it stands, in any shell with curl and sed. */
function welcome({ url, embedding }: App): string {
  // A new name each start: the first try must not fail because there was an earlier one.
  const username = `ada-${systemClock.nowMs().toString(36)}`;
  const json = `-H 'content-type: application/json'`;
  const bearer = `-H "authorization: Bearer $TOKEN"`;
  return `
Promptwell is listening at ${url}   (search by meaning: ${embedding.space})

Three things to try:

1  Sign up, and keep the token:
TOKEN=$(curl -s ${url}/trpc/auth.signup ${json} -d '{"username":"${username}","password":"a long enough secret"}' | sed 's/.*"accessToken":"\\([^"]*\\)".*/\\1/')

2  Ask something; it is answered and kept:
curl -s ${url}/trpc/prompts.create ${json} ${bearer} -d '{"text":"Plan a weekend in Lisbon"}'

3  Find it by meaning, in other words:
curl -s -G ${url}/trpc/prompts.similar ${bearer} --data-urlencode 'input={"query":"a weekend trip to Portugal"}'

The whole of it in a minute, in another terminal: npm run demo

`;
}
