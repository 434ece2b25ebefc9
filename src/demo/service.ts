import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

/** What it takes to start the service as a process of its own. */
export interface ServiceProcessOptions {
  /** The Node that runs it. */
  node: string;
  /** The service's program. */
  program: string;
  /** All of its environment. */
  env: Record<string, string>;
  /** Where it runs: not where a .env of the user's might lie. */
  folder: string;
}

/** A service that answers. */
export interface ServiceProcess {
  url: string;
  /** Ends it, gently first. */
  stop(): Promise<void>;
  /** Ends it at once: for the last moment of this process. */
  kill(): void;
}

/** Longest wait for the service to answer: a first start makes a database, 5 s on one free core. */
const startLimitMs = 60_000;

/** Longest wait for a gentle end; the service's own limit is ten seconds. */
const stopLimitMs = 11_000;

/**
 * The service as a process, once it says that it is ready.
 *
 * Shape: in a process group of its own, so that Ctrl-C reaches this process alone and the service is stopped once, gently.
 * Faults: an error with the last words of a service that does not start; the process is gone then.
 */
export async function startService(options: ServiceProcessOptions, signal: AbortSignal): Promise<ServiceProcess> {
  const child = spawn(options.node, [options.program], {
    env: options.env,
    cwd: options.folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const gone = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
    child.once('error', () => resolve());
  });
  const stop = (): Promise<void> => end(child, gone);
  const limit = AbortSignal.timeout(startLimitMs);
  try {
    const url = await ready(child, AbortSignal.any([signal, limit]));
    return { url, stop, kill: () => void child.kill('SIGKILL') };
  } catch (cause) {
    await stop();
    signal.throwIfAborted();
    throw limit.aborted ? new Error(`The service was not ready within ${startLimitMs / 1_000} s.`) : cause;
  }
}

async function end(child: ChildProcess, gone: Promise<void>): Promise<void> {
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), stopLimitMs);
  await gone;
  clearTimeout(timer);
}

async function ready(child: ChildProcessByStdio<null, Readable, Readable>, signal: AbortSignal): Promise<string> {
  let lastWords = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    lastWords = (lastWords + text).slice(-2_000);
  });
  const url = new Promise<string>((resolve) => {
    // The listener stays: a pipe that nobody empties would stop the service's log, and so the service.
    createInterface({ input: child.stdout }).on('line', (line) => {
      const found = urlOf(line);
      if (found !== undefined) resolve(found);
    });
  });
  const failed = once(child, 'close', { signal }).then(([code]) => {
    throw new Error(
      `The service ended before it was ready (code ${String(code)}). ${lastWords.trim().replaceAll(/\s+/g, ' ')}`,
    );
  });
  return Promise.race([url, failed]);
}

/** The URL, if a line of the service's log is the one that says it is ready. */
function urlOf(line: string): string | undefined {
  if (!line.includes('"msg":"ready"')) return undefined;
  return (JSON.parse(line) as { url: string }).url;
}
