import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** How a program ended, and what it said. */
export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** What a program is given; nothing of this process's environment but the path. */
export interface ProgramInput {
  args?: string[];
  env?: Record<string, string>;
  stdin?: string;
}

/** A compiled program (`cli.js`, `demo.js`) running as a process of its own. */
export function startProgram(
  name: string,
  { args = [], env = {}, stdin = '' }: ProgramInput = {},
): ChildProcess & { ended: Promise<Ended>; said: () => string } {
  const program = fileURLToPath(new URL(`../../dist/${name}`, import.meta.url));
  const child = spawn(process.execPath, [program, ...args], { env: { PATH: process.env['PATH'] ?? '', ...env } });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.stdin.end(stdin);
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
  return Object.assign(child, { ended, said: () => stdout });
}

/** Runs a program to its end. */
export const runProgram = (name: string, input: ProgramInput = {}): Promise<Ended> => startProgram(name, input).ended;
