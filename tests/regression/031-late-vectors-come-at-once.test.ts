import { expect, test } from 'vitest';
import { scripted } from '../support/embedding.js';
import { startService } from '../support/service.js';
import { until } from '../support/wait.js';

test('a prompt whose text was not embedded with its answer gets its vector within seconds, not with the next sweep (F15)', async () => {
  await using script = scripted();
  await using service = await startService({ embedder: script.embedder });
  const ada = await service.signUp();
  const asked = ada.client.prompts.create.mutate({ text: 'ask:late' });
  for (const time of [1, 2]) {
    await script.reached('late', time);
    script.answer('late', 'throw');
  }
  const { id, embedding } = await asked;
  expect(embedding).toBeNull();
  await script.reached('late', 3);
  script.answer('late', 'go');
  await until('its vector', async () => (await ada.client.prompts.get.query({ id })).embedding ?? undefined);
});
