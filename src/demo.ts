import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createColors } from 'picocolors';
import { scoreOf, showFindings } from './demo/findings.js';
import { Screen } from './demo/screen.js';
import { type ServiceProcess, startService } from './demo/service.js';
import { askAll, hearAll, listen, seconds, signUp, type Stage, storePrompts, streamAnswers } from './demo/story.js';
import { streamed } from './demo/samples.js';

const startedMs = performance.now();
const isTerminal = process.stdout.isTTY && process.env['TERM'] !== 'dumb';
const screen = new Screen({
  write: (text) => void process.stdout.write(text),
  isTerminal,
  colors: createColors(isTerminal && process.env['NO_COLOR'] === undefined),
});
const interruption = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(name, () => interruption.abort(new Error(`Stopped by ${name}.`)));

process.exit(await run(interruption.signal));

/** The whole demo; answers the exit code. Whatever happens, the service has ended and its folder is gone. */
async function run(signal: AbortSignal): Promise<number> {
  const { bold, red, dim } = screen.colors;
  screen.say('', `${bold('Promptwell')}  ${dim('a whole service, on a folder that is thrown away at the end')}`, '');
  const folder = await mkdtemp(join(tmpdir(), 'promptwell-demo-'));
  let service: ServiceProcess | undefined;
  const guard = (): void => service?.kill();
  process.once('exit', guard);
  try {
    service = await start(folder, signal);
    await Promise.race([tell({ screen, url: service.url, nowMs: () => performance.now(), signal }), aborted(signal)]);
    return 0;
  } catch (cause) {
    screen.clear();
    screen.say(
      '',
      `${red('✘')} The demo could not go on: ${cause instanceof Error ? cause.message : String(cause)}`,
      '',
    );
    return 1;
  } finally {
    await service?.stop();
    process.off('exit', guard);
    await rm(folder, { recursive: true, force: true });
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

async function start(folder: string, signal: AbortSignal): Promise<ServiceProcess> {
  const progress = screen.progress('Starting; the first start makes a database, which takes some seconds');
  const begunMs = performance.now();
  try {
    const service = await startService(
      {
        node: process.execPath,
        program: fileURLToPath(new URL('./main.js', import.meta.url)),
        env: environment(folder),
        folder,
      },
      signal,
    );
    progress.done(`Listening at ${service.url} after ${seconds(performance.now() - begunMs)}, embedded Postgres`);
    return service;
  } finally {
    progress.stop();
  }
}

/** None of the caller's own settings: a DATABASE_URL or a provider's key must not be the demo's. */
function environment(folder: string): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of ['PATH', 'HOME', 'TMPDIR', 'TEMP', 'TMP', 'SYSTEMROOT', 'EMBEDDER']) {
    const value = process.env[name];
    if (value !== undefined) kept[name] = value;
  }
  return {
    ...kept,
    PORT: '0',
    METRICS_PORT: '0',
    DATA_DIR: folder,
    MODEL_DIR: process.env['MODEL_DIR'] ?? resolve(process.env['DATA_DIR'] ?? 'data', 'models'),
    PROMPTWELL_OFFLINE: '1',
  };
}

async function tell(stage: Stage): Promise<void> {
  const { bold, dim, green, yellow } = screen.colors;
  const ada = await signUp(stage, 'ada');
  const bob = await signUp(stage, 'bob');
  const live = await listen(ada);
  const { embedding, model } = await ada.client.system.info.query();
  screen.say(
    `${green('✔')} Ada and Bob have signed up; a second client of Ada's listens over WebSocket`,
    `${green('✔')} Meaning is told by the embedder ${bold(embedding.space)} (${embedding.dimensions} dimensions)`,
    `${yellow('!')} No model answers here: PROMPTWELL_OFFLINE=1, so the responder “${model.provider}” says what it is`,
  );

  screen.heading('Answers', 'printed as they stream');
  await streamAnswers(stage, ada);
  screen.say('');
  const count = streamed.length + (await storePrompts(stage, ada));

  const findings = await askAll(ada);
  const { asked, first, firstThree } = scoreOf(findings);
  screen.heading(
    `Search by ${findings[0]?.mode === 'hybrid' ? 'meaning and words' : 'meaning'}`,
    `${asked} questions, worded before any score was seen, among ${count} prompts`,
  );
  showFindings(screen, findings);
  screen.say(
    '',
    `The first hit has the right theme for ${bold(`${first} of ${asked}`)} questions, one of the first three for ${firstThree}`,
  );
  if (embedding.space.startsWith('lexical'))
    screen.say(dim('The lexical embedder knows words, not sentences; `npm run model:fetch` brings a neural one.'));
  const foreign = (await askAll(bob)).reduce((sum, { hits }) => sum + hits.length, 0);
  screen.say(
    `${foreign === 0 ? green('✔') : '✘'} Bob asks the same ${asked} questions and finds ${bold(String(foreign))} of Ada's prompts`,
  );

  await hearAll(stage, live, 2 * count);
  live.stop();
  screen.heading('Live', `what Ada's second client heard meanwhile: ${live.heard.length} events, the last three`);
  for (const { kind, text } of live.heard.slice(-3)) screen.say(`${kind.padEnd(17)} ${dim(text)}`);
  screen.say('', dim(`Done in ${seconds(performance.now() - startedMs)}. Now your own: npm start`), '');
}
