import { expect, test } from 'vitest';
import { answers, fakeUpstream, held } from '../support/fake-upstream.js';
import { startService } from '../support/service.js';

// A connection that broke between the commit of a pending prompt and the word of it left a row that this process owned
// and nobody worked at: who called again with the key waited half a minute and was told that it was interrupted.
test('a prompt committed over a connection that broke is answered once, for all who call again with its key', async () => {
  await using upstream = await fakeUpstream();
  await using service = await startService({
    env: { PROMPTWELL_OFFLINE: '0', LLM_BASE_URL: upstream.baseUrl, LLM_MODEL: 'gpt-4o-mini' },
  });
  const ada = await service.signUp();
  const create = (idempotencyKey: string) => ada.client.prompts.create.mutate({ text: idempotencyKey, idempotencyKey });
  upstream.script(answers('lost'));
  const made = await create('broken');
  upstream.script(held('The other one'));
  const other = create('other');
  await upstream.untilRequests(2);
  await service.app.db.read('DELETE FROM response WHERE prompt_id = $1', [made.id]);
  await service.app.db.read(
    `UPDATE prompt SET status = 'pending', lease_expires_at = now() + interval '30 s',
       lease_owner = (SELECT lease_owner FROM prompt WHERE idempotency_key = 'other') WHERE id = $1`,
    [made.id],
  );
  upstream.script(answers('found'));
  const again = await Promise.all(Array.from({ length: 5 }, () => create('broken')));
  expect(again.map(({ id, response }) => [id, response?.text])).toEqual(
    Array.from({ length: 5 }, () => [made.id, 'found']),
  );
  expect(upstream.requests).toHaveLength(3);
  upstream.release();
  await other;
});
