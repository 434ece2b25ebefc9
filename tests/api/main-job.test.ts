import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Outputs } from '../../src/client.js';
import { startService, type TestService } from '../support/service.js';
import { until } from '../support/wait.js';

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
});

test('a prompt is answered, kept, found by other words, and heard live by its owner alone', async () => {
  const ada = await service.signUp();
  const bob = await service.signUp();
  const heard: string[] = [];
  const heardByBob: string[] = [];
  const listen = (person: typeof ada, into: string[]) =>
    person.client.feed.follow.subscribe(
      {},
      { onData: ({ data }) => void into.push(data.kind), onError: (error) => void into.push(String(error)) },
    );
  const subscriptions = [listen(ada, heard), listen(bob, heardByBob)];
  await until('both to listen', () => (heard.length > 0 && heardByBob.length > 0 ? true : undefined));
  const prompt = await ada.client.prompts.create.mutate({ text: 'How do I bake sourdough bread at home?' });
  expect(prompt.status).toBe('completed');
  expect(prompt.response?.text).toContain('not a model');
  const { hits } = await ada.client.prompts.similar.query({ query: 'baking a sourdough loaf' });
  expect(hits[0]?.prompt.id).toBe(prompt.id);
  expect((await bob.client.prompts.similar.query({ query: 'baking a sourdough loaf' })).hits).toEqual([]);
  await until('the events', () => (heard.length >= 3 ? true : undefined));
  expect(heard).toEqual(['ready', 'prompt.created', 'prompt.completed']);
  expect(heardByBob).toEqual(['ready']);
  for (const subscription of subscriptions) subscription.unsubscribe();
});

test('a streamed answer arrives in pieces that add up to what is stored', async () => {
  const ada = await service.signUp();
  let text = '';
  const end = await new Promise<Outputs['prompts']['get']>((resolve, reject) => {
    ada.client.prompts.stream.subscribe(
      { text: 'Tell me about the sea' },
      {
        onData: ({ data }) => {
          if (data.type === 'delta') text += data.text;
          if (data.type === 'completed' || data.type === 'failed') resolve(data.prompt);
        },
        onError: reject,
      },
    );
  });
  expect(end.status).toBe('completed');
  expect(text).toBe(end.response?.text);
  expect((await ada.client.prompts.get.query({ id: end.id })).response?.text).toBe(text);
});
