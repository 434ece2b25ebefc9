import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { dataFolder } from '../../src/platform/db/folder.js';
import { unpackFolder } from '../../src/platform/db/tar.js';
import { createServerDatabase, createTestFolder, embeddedSeed, engineUnderTest, migratedTemplate } from './database.js';
import { until } from './wait.js';

const mainPath = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/** The compiled program as an operator starts it. */
export interface TestProcess {
  pid: number;
  /** Set once it is ready. */
  url: string;
  metricsUrl: string;
  /** What it wrote so far. */
  output: { stdout: string; stderr: string };
  kill(signal: NodeJS.Signals): void;
  /** Resolves with the exit code, or the signal that ended it. */
  ended: Promise<number | NodeJS.Signals>;
}

/**
 * The environment of a process of one's own on the engine under test, without a secret or a port of anybody else's.
 *
 * Shape: its database is there and migrated, so that no start takes a first one's seconds.
 */
export async function processHome(): Promise<{ env: Record<string, string> } & AsyncDisposable> {
  const folder = await createTestFolder();
  if (engineUnderTest === 'embedded')
    await unpackFolder(await embeddedSeed(), dataFolder(`${folder.path}/data`).cluster);
  const database =
    engineUnderTest === 'server'
      ? await createServerDatabase(await migratedTemplate(process.env['TEST_DATABASE_URL'] ?? ''))
      : undefined;
  const onServer = { DATABASE_URL: database?.url ?? '', JWT_SECRET: 'tests-only-0123456789abcdef0123456789abcdef' };
  const own = {
    PORT: '0',
    METRICS_PORT: '0',
    EMBEDDER: 'lexical',
    DATA_DIR: `${folder.path}/data`,
    PROMPTS_PER_SECOND: '1000',
    PROMPTS_PER_MINUTE: '10000',
    SIGNUPS_PER_HOUR: '10000',
  };
  return {
    env: database === undefined ? own : { ...own, ...onServer },
    async [Symbol.asyncDispose]() {
      await database?.[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** Starts the program, in this folder or another; it need not get far. */
export function spawnMain(env: Record<string, string>, cwd?: string): TestProcess {
  const child = spawn(process.execPath, [mainPath], { env: { PATH: process.env['PATH'] ?? '', ...env }, cwd });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (data) => {
    output.stdout += data;
  });
  child.stderr.on('data', (data) => {
    output.stderr += data;
  });
  const ended = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once('close', (code, signal) => resolve(code ?? signal ?? 'SIGKILL'));
  });
  return { pid: child.pid ?? 0, url: '', metricsUrl: '', output, ended, kill: (signal) => void child.kill(signal) };
}

/** Starts the program and waits until it is ready. */
export async function startProcess(
  env: Record<string, string>,
  cwd?: string,
  deadlineMs = 60_000,
): Promise<TestProcess> {
  const program = spawnMain(env, cwd);
  let hasEnded = false;
  void program.ended.then(() => {
    hasEnded = true;
  });
  const line = await until(
    'the program to be ready',
    () => {
      if (hasEnded) throw new Error(`the program ended: ${program.output.stderr}`);
      return program.output.stdout.split('\n').find((text) => text.includes('"msg":"ready"'));
    },
    deadlineMs,
  );
  const { url, metricsUrl } = JSON.parse(line) as { url: string; metricsUrl: string };
  return Object.assign(program, { url, metricsUrl });
}
