import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createServerDatabase, createTestFolder, engineUnderTest } from '../support/database.js';
import { median, row } from './measure.js';

/** From spawning the process to its ready line, and its memory then: the first start on an empty store, then the others. */
export async function benchStartUp(starts: number): Promise<string[]> {
  await using folder = await createTestFolder();
  const database = engineUnderTest === 'server' ? await createServerDatabase() : null;
  const env = {
    ...process.env,
    DATA_DIR: folder.path,
    PORT: '0',
    METRICS_PORT: '0',
    EMBEDDER: 'lexical',
    LOG_LEVEL: 'info',
    JWT_SECRET: 'bench-only-0123456789abcdef0123456789abcdef',
    ...(database === null ? {} : { DATABASE_URL: database.url }),
  };
  const figures: { readyMs: number; rssMb: number }[] = [];
  for (let index = 0; index < starts; index += 1) figures.push(await start(env));
  await database?.[Symbol.asyncDispose]();
  const [first, ...later] = figures;
  return [
    row('engine', 'first start ms', 'later starts ms (median)', 'RSS MB (median)'),
    row('---', '---', '---', '---'),
    row(
      engineUnderTest,
      first?.readyMs ?? 0,
      median(later.map(({ readyMs }) => readyMs)),
      median(figures.map(({ rssMb }) => rssMb)),
    ),
  ];
}

async function start(env: NodeJS.ProcessEnv): Promise<{ readyMs: number; rssMb: number }> {
  const startedMs = performance.now();
  const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
  const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'ignore'] });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  for await (const line of createInterface({ input: child.stdout })) if (line.includes('"msg":"ready"')) break;
  const readyMs = performance.now() - startedMs;
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
  const rssMb = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1_024;
  child.kill('SIGTERM');
  await exited;
  return { readyMs, rssMb };
}
