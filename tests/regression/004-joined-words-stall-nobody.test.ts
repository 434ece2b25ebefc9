import { expect, test } from 'vitest';
import { startService } from '../support/service.js';

// PostgreSQL's parser of texts reads compounds over and over: one such prompt took it 7 to 75 s, and on the embedded engine
// everybody waited meanwhile until they were refused.
test('prompts of a hundred thousand joined words are stored and found, and hold nobody up', async () => {
  await using service = await startService();
  const [mallory, ada] = [await service.signUp(), await service.signUp()];
  const joined = ['x_', 'a_1-', 'user.name@', 'a/b'].map((part) => part.repeat(100_000 / part.length));
  const stored = Promise.all(
    joined.map((text) => mallory.client.prompts.create.mutate({ text: text.slice(0, 100_000), generate: false })),
  );
  expect((await ada.client.prompts.list.query({})).items).toEqual([]);
  expect(await stored).toHaveLength(joined.length);
  const { hits } = await mallory.client.prompts.similar.query({ query: 'x_x_x', mode: 'words' });
  expect(hits[0]?.prompt.text.startsWith('x_x_')).toBe(true);
});
