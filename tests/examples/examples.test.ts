import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startService, type TestService } from '../support/service.js';

const run = promisify(execFile);
const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
});

const env = () => ({ ...process.env, PROMPTWELL_URL: service.url, PROMPTWELL_USERNAME: 'grace' });

/** What a program of the README prints; it must end by itself and complain of nothing. */
async function output(name: string): Promise<string[]> {
  const { stdout, stderr } = await run(process.execPath, ['--import', 'tsx', here(name)], { env: env() });
  expect(stderr).toBe('');
  return stdout.trimEnd().split('\n');
}

test('the first call signs up, is answered, and finds what was kept', async () => {
  const lines = await output('first-call.ts');
  expect(lines[0]).toMatch(/^completed, answered by offline, \d+ tokens$/);
  expect(lines[1]).toContain('This is not a model');
  expect(lines.at(-1)).toBe('kept: Plan a weekend in Lisbon');
});

test('the first subscription hears a prompt created and completed', async () => {
  const text = 'Which museums in Lisbon are open on Mondays?';
  expect(await output('first-subscription.ts')).toEqual([
    'listening',
    `prompt.created: ${text}`,
    `prompt.completed: ${text}`,
  ]);
});

test('a streamed answer is printed whole and says how it ended', async () => {
  const lines = await output('streaming-answer.ts');
  expect(lines.join('\n')).toContain('It begins: “Suggest a quiet restaurant for two in Lisbon”');
  expect(lines.at(-1)).toMatch(/^-- completed in \d+ ms$/);
});

test('two people share a project: invited, joined, transferred, on record', async () => {
  expect(await output('people.ts')).toEqual([
    'send this: https://promptwell.example.org/join#pwi_...',
    'bob is in Travel as member',
    'bob (owner), alice (admin)',
    'You are the last owner: transfer the project first.',
    'alice: project.transferred bob',
    'bob: invitation.accepted bob',
    'alice: invitation.created',
  ]);
});

test('similarity finds the prompt that means the same', async () => {
  const lines = await output('similarity.ts');
  expect(lines[0]).toBe('by lexical-1:');
  expect(lines[1]).toMatch(/^0\.\d\d {2}How do I get a refund for a cancelled flight\?$/);
  expect(lines).toHaveLength(4);
});

test('curl alone logs in, creates and finds', async (context) => {
  const hasCurl = await run('curl', ['--version']).then(
    () => true,
    () => false,
  );
  context.skip(!hasCurl, 'curl is not installed');
  const { stdout } = await run('sh', [here('curl.sh')], { env: env() });
  const [created, found] = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { result: { data: object } });
  expect(created?.result.data).toMatchObject({ text: 'Explain tides to a child', status: 'completed' });
  expect(found?.result.data).toMatchObject({ lane: 'exact', hits: [{ prompt: created?.result.data }] });
});
