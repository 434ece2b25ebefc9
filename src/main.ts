import closeWithGrace from 'close-with-grace';
import { type App, createApp } from './app.js';
import { type Config, ConfigError, loadConfig } from './config.js';
import { createLog } from './platform/log.js';

/** The hard end of a shutdown; the parts' own deadlines come first. */
const shutdownLimitMs = 10_000;

const config = configuration();
const log = createLog(config.log);
const app = await createApp(config, { log }).catch(fail);
log.info({ url: app.url, metricsUrl: app.metricsUrl, engine: app.db.engine, ...app.embedding }, 'ready');
if (process.stdout.isTTY) process.stdout.write(welcome(app));

closeWithGrace(
  { delay: shutdownLimitMs, logger: { error: (text: unknown) => log.error({ text: String(text) }, 'shutdown') } },
  async ({ signal, err }) => {
    if (err !== undefined) log.error({ err }, 'ended by an error nobody caught');
    log.info({ signal }, 'closing');
    const { failed } = await app.close();
    for (const { name, cause } of failed) log.warn({ part: name, err: cause }, 'did not close in time');
    log.info({}, 'closed');
  },
);

function configuration(): Config {
  try {
    return loadConfig(process.env);
  } catch (cause) {
    return fail(cause);
  }
}

/** Says what keeps the service from starting, in one paragraph, and ends the process. */
function fail(cause: unknown): never {
  const isExpected =
    cause instanceof ConfigError ||
    (cause instanceof Error && cause.name.endsWith('Error') && cause.name !== 'TypeError');
  process.stderr.write(`${isExpected ? (cause as Error).message : String((cause as Error).stack ?? cause)}\n`);
  process.exit(1);
}

function welcome({ url, embedding }: App): string {
  return `
  Promptwell is listening at ${url}   (search by meaning: ${embedding.space})

  Three things to try:
    1  curl -s ${url}/trpc/auth.signup -H 'content-type: application/json' -d '{"username":"ada","password":"a long enough secret"}'
    2  curl -s ${url}/trpc/prompts.create -H 'content-type: application/json' -H "authorization: Bearer $TOKEN" -d '{"text":"Plan a weekend in Lisbon"}'
    3  npm run demo    # the whole main job in a minute, in another terminal

`;
}
