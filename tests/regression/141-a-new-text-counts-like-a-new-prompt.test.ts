import { expect, test } from 'vitest';
import { startService } from '../support/service.js';

/** Texts of prompts could be changed, and embedded, without end: edits went past the rate of creations. */
test('the new text of a prompt counts against the rate of creations, new tags do not', async () => {
  await using service = await startService({ env: { PROMPTS_PER_MINUTE: '4', PROMPTS_PER_SECOND: '4' } });
  const { client } = await service.signUp();
  const { id } = await client.prompts.create.mutate({ text: 'first', generate: false });
  for (const text of ['second', 'third', 'fourth']) await client.prompts.update.mutate({ id, text });
  await expect(client.prompts.update.mutate({ id, text: 'fifth' })).rejects.toMatchObject({
    data: { code: 'TOO_MANY_REQUESTS' },
  });
  for (let count = 0; count < 8; count += 1) await client.prompts.update.mutate({ id, tags: [`tag-${count}`] });
  const prompt = await client.prompts.get.query({ id });
  expect(prompt).toMatchObject({ text: 'fourth', tags: ['tag-7'] });
});
