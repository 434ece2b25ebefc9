import { expect, test } from 'vitest';
import { answers, fakeUpstream, held } from '../support/fake-upstream.js';
import { startService } from '../support/service.js';

// A prompt whose commit nobody heard of was answered for the next caller with its key, but the money that the broken call
// had set aside stayed spent: under a daily cap, each broken connection took some of the day's budget away for nothing.
test('a prompt committed over a connection that broke costs in the end what its answer cost', async () => {
  await using upstream = await fakeUpstream();
  await using service = await startService({
    env: {
      PROMPTWELL_OFFLINE: '0',
      LLM_BASE_URL: upstream.baseUrl,
      LLM_MODEL: 'gpt-4o-mini',
      LLM_DAILY_CAP_USD: '5',
    },
  });
  const ada = await service.signUp();
  const { db } = service.app;
  const create = () => ada.client.prompts.create.mutate({ text: 'broken', idempotencyKey: 'broken' });
  const spent = async () =>
    db.read<{ scope: string; usd: string }>('SELECT scope, usd::text AS usd FROM spend ORDER BY scope', []);
  upstream.script(held('lost'));
  const making = create();
  await upstream.untilRequests(1);
  const setAside = await spent();
  const [row] = await db.read<{ owner: string }>('SELECT lease_owner::text AS owner FROM prompt', []);
  upstream.release();
  const made = await making;
  const settled = await spent();
  expect(settled).not.toEqual(setAside);

  // As the break leaves it: the row and the money set aside.
  await db.read('DELETE FROM response WHERE prompt_id = $1', [made.id]);
  await db.read(
    `UPDATE prompt SET status = 'pending', lease_owner = $2::uuid, lease_expires_at = now() + interval '30 s' WHERE id = $1`,
    [made.id, row?.owner],
  );
  await db.read(
    'UPDATE spend s SET usd = former.usd::numeric FROM json_to_recordset($1) AS former(scope text, usd text) WHERE s.scope = former.scope',
    [JSON.stringify(setAside)],
  );
  upstream.script(answers('found'));
  const again = await create();
  expect([again.id, again.response?.text]).toEqual([made.id, 'found']);
  // Both answers took as many tokens.
  const usd = (rows: { usd: string }[]): number[] => rows.map((one) => Number(one.usd));
  for (const [index, money] of usd(await spent()).entries()) expect(money).toBeCloseTo(usd(settled)[index] ?? 0, 12);
});
