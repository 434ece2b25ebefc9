import { afterAll, beforeAll, expect, test } from 'vitest';
import { startService, type TestPerson, type TestService } from '../support/service.js';

let service: TestService;
let ada: TestPerson;
beforeAll(async () => {
  service = await startService();
  ada = await service.signUp();
});
afterAll(() => service[Symbol.asyncDispose]());

const manyKeys = (count: number): object => Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, 1]));

async function post(path: string, body: object, token?: string) {
  const headers = {
    'content-type': 'application/json',
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  };
  const answer = await fetch(`${service.url}/trpc/${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  const { error } = (await answer.json()) as { error: { message: string; data: { details: { issues: object[] } } } };
  return { status: answer.status, message: error.message, issues: error.data.details.issues };
}

/** Two strangers with log-ins of 90 000 unknown fields held everybody up for seconds: each became an issue of its own. */
test('a stranger’s log-in of 90 000 fields is refused before a schema sees it', async () => {
  const { status, message } = await post('auth.login', { username: 'x', ...manyKeys(80_000) });
  expect([status, message]).toEqual([400, expect.stringContaining('more than 10000 values')]);
});

test.each([
  ['metadata of many keys', 'prompts.create', { text: 'x', metadata: manyKeys(80_000) }],
  [
    'metadata of many empty objects',
    'prompts.create',
    { text: 'x', metadata: { a: Array.from({ length: 300_000 }, () => ({})) } },
  ],
  ['an import of nothing, many times', 'prompts.import', { items: Array.from({ length: 300_000 }, () => ({})) }],
])('%s is refused for its number', async (_, path, body) => {
  const { status, message } = await post(path, body, ada.token);
  expect([status, message]).toEqual([400, expect.stringMatching(/more than \d+ values/)]);
});

test('of what is wrong in thousands of places twenty are told', async () => {
  const { status, issues } = await post('auth.login', { username: 'x', ...manyKeys(9_000) });
  expect([status, issues.length]).toEqual([400, 20]);
});

test('an import of a thousand full prompts is no such input', async () => {
  const responses = [{ text: 'an answer', model: 'm', inputTokens: 1, outputTokens: 2, latencyMs: 3 }];
  const metadata = Object.fromEntries(Array.from({ length: 8 }, (_, at) => [`key${at}`, at]));
  const items = Array.from({ length: 1_000 }, (_, at) => ({
    text: `full ${at}`,
    tags: ['a', 'b'],
    metadata,
    responses,
  }));
  expect((await ada.client.prompts.import.mutate({ items })).imported).toBe(1_000);
});
