import { expect, test } from 'vitest';
import { startService } from '../support/service.js';
import { call } from '../support/wire.js';

test('an input that is no JSON is a PARSE_ERROR in words that quote nothing of it, by POST, by GET and in a batch', async () => {
  await using service = await startService();
  const { token } = await service.signUp();
  const input = '{"text": my-secret-words}';
  for (const [path, method] of [
    ['prompts.create', 'POST'],
    ['prompts.list', 'GET'],
    ['prompts.list', 'POST'],
    ['prompts.list,prompts.get?batch=1', 'POST'],
  ] as const) {
    const answer = await call(service.url, path, { token, method, input });
    expect([path, method, answer.status]).toEqual([path, method, 400]);
    expect(answer.text).toContain('"PARSE_ERROR"');
    expect(answer.text).toContain('The request is not valid JSON');
    expect(answer.text).not.toContain('secret');
  }
});
