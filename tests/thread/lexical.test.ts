import { expect, test } from 'vitest';
import { lexicalSpace } from '../../src/platform/embedding/choose.js';
import { testEmbedder } from '../support/embedding.js';

test('the lexical model runs in a thread under the name and dimensions that the choice tells', async () => {
  await using under = testEmbedder({ model: { kind: 'lexical', space: lexicalSpace, path: null } });
  const embedded = await under.embedder.embed(['reset my password', '?!'], { lane: 'interactive', scope: 'project' });
  expect(embedded.map(({ vector }) => vector.length)).toEqual([384, 384]);
});

test('a thread whose model is of another space than told does not serve', async () => {
  const space = { name: 'another', dimensions: 384 };
  await using under = testEmbedder({ model: { kind: 'lexical', space, path: null } });
  await expect(under.embedder.embed(['text'], { lane: 'interactive', scope: 'project' })).rejects.toMatchObject({
    kind: 'overloaded',
    cause: { message: 'The model makes vectors of lexical-1, not of another.' },
  });
});
