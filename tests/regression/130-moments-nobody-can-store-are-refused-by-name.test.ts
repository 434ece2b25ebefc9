import { afterAll, beforeAll, expect, test } from 'vitest';
import { refusal } from '../support/prompts.js';
import { startService, type TestPerson, type TestService } from '../support/service.js';

let service: TestService;
let ada: TestPerson;
beforeAll(async () => {
  service = await startService();
  ada = await service.signUp();
});
afterAll(() => service[Symbol.asyncDispose]());

const moments = [
  '2026-01-01T00:00:00-23:59',
  '0001-01-01T00:00:00+01:00',
  '9999-12-31T23:59:59-01:00',
  '0000-01-01T00:00:00Z',
  `2026-01-01T00:00:00.${'1'.repeat(500)}Z`,
];

/** PostgreSQL refused them in words that were taken for a bug: 500, and the value in the log. */
test.each(moments)('%s is refused by its field wherever a moment is asked for', async (moment) => {
  const { client } = ada;
  const named = async (call: Promise<unknown>): Promise<unknown> => {
    const { code, details } = await refusal(call);
    return [code, (details['issues'] as { path: string }[] | undefined)?.[0]?.path];
  };
  for (const field of ['createdFrom', 'createdTo']) {
    expect(await named(client.prompts.list.query({ filter: { [field]: moment } }))).toEqual([
      'BAD_REQUEST',
      `filter.${field}`,
    ]);
    expect(await named(client.prompts.similar.query({ query: 'x', filter: { [field]: moment } }))).toEqual([
      'BAD_REQUEST',
      `filter.${field}`,
    ]);
  }
  expect(await named(client.prompts.import.mutate({ items: [{ text: 'x', createdAt: moment }] }))).toEqual([
    'BAD_REQUEST',
    'items.0.createdAt',
  ]);
  expect(await named(client.apiKeys.create.mutate({ name: 'x', scopes: ['prompts:read'], expiresAt: moment }))).toEqual(
    ['BAD_REQUEST', 'expiresAt'],
  );
});

test('offsets that are in use, and nine digits of a second, are taken', async () => {
  for (const createdFrom of [
    '2026-01-01T00:00:00+14:00',
    '2026-01-01T00:00:00-12:00',
    '2026-01-01T00:00:00.123456789Z',
  ])
    expect((await ada.client.prompts.list.query({ filter: { createdFrom } })).items).toEqual([]);
});

test('tokens that no sum of two can hold are refused by their field', async () => {
  const responses = [{ text: 'y', inputTokens: 2_147_483_647, outputTokens: 2_147_483_647 }];
  const { details } = await refusal(ada.client.prompts.import.mutate({ items: [{ text: 'x', responses }] }));
  expect((details['issues'] as { path: string }[])[0]?.path).toBe('items.0.responses.0.inputTokens');
});
