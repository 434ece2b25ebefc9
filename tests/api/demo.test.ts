import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { createTestFolder } from '../support/database.js';
import { runProgram, startProgram } from '../support/program.js';
import { until } from '../support/wait.js';

const demoLimitMs = 120_000;

test(
  'the demo shows the whole main job, plainly, and leaves nothing behind',
  async () => {
    await using folder = await createTestFolder();
    // A DATABASE_URL of the caller's own must not be touched.
    const env = { TMPDIR: folder.path, DATABASE_URL: 'postgresql://nowhere.invalid/none', LLM_BASE_URL: 'http://x' };
    const { code, stdout, stderr } = await runProgram('demo.js', { env });
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(stdout).toContain('No model answers here');
    expect(stdout).toContain('the embedder lexical-1 (384 dimensions)');
    expect(stdout).toMatch(/This is not a model/);
    const [, first, asked, firstThree] =
      /right theme for (\d+) of (\d+) questions, one of the first three for (\d+)/.exec(stdout)?.map(Number) ?? [];
    expect(asked).toBeGreaterThanOrEqual(14);
    expect(first).toBeGreaterThan(0);
    expect(firstThree).toBeGreaterThan((asked ?? 0) / 2);
    expect(stdout).toContain(`Bob asks the same ${asked} questions and finds 0 of Ada's prompts`);
    expect(stdout).toContain('heard meanwhile: 90 events');
    // Nothing is coloured where there is no terminal, and every line fits 100 columns.
    expect(stdout).not.toContain('\u{1b}');
    expect(stdout.split('\n').filter((line) => [...line].length > 100)).toEqual([]);
    expect(stdout.split('\n').length).toBeLessThanOrEqual(62);
    expect(readdirSync(folder.path)).toEqual([]);
  },
  demoLimitMs,
);

test.each(['SIGINT', 'SIGTERM'] as const)(
  'a demo that is stopped by %s says so, ends with 1, and leaves neither a process nor a folder',
  async (signal) => {
    await using folder = await createTestFolder();
    const program = startProgram('demo.js', { env: { TMPDIR: folder.path } });
    const url = await until('the service', () => /Listening at (\S+)/.exec(program.said())?.[1], demoLimitMs);
    program.kill(signal);
    const { code, stdout } = await program.ended;
    expect(stdout).toContain(`The demo could not go on: Stopped by ${signal}.`);
    expect(code).toBe(1);
    await expect(fetch(`${url}/healthz`)).rejects.toThrow('fetch failed');
    expect(readdirSync(folder.path)).toEqual([]);
  },
  demoLimitMs,
);

test(
  'a demo whose service does not start says why in one paragraph and ends with 1',
  async () => {
    await using folder = await createTestFolder();
    const { code, stdout } = await runProgram('demo.js', { env: { TMPDIR: folder.path, EMBEDDER: 'neural' } });
    expect(stdout).toMatch(
      /The demo could not go on: The service ended before it was ready \(code 1\)\..*EMBEDDER=neural/,
    );
    expect(code).toBe(1);
    expect(readdirSync(folder.path)).toEqual([]);
  },
  demoLimitMs,
);
