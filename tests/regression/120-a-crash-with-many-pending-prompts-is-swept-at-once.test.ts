import { expect, test } from 'vitest';
import { loadConfig } from '../../src/config.js';
import { openDatabase } from '../../src/platform/db/client.js';
import { testDeps } from '../support/database.js';
import { startSecond, startService } from '../support/service.js';
import { until } from '../support/wait.js';

/** A sweep ends a hundred prompts, and there was one each ten seconds: callers of the rest waited for minutes. */
test('hundreds of prompts that a dead process left pending end soon after the next start', async () => {
  await using first = await startService();
  const { token, session } = await first.signUp();
  await first.app.close();
  const db = await openDatabase({ ...testDeps, config: loadConfig(first.env).db });
  await db.read(
    `INSERT INTO prompt (id, project_id, user_id, text, text_hash, status, lease_owner, lease_expires_at)
     SELECT gen_random_uuid(), $1::uuid, $2::uuid, 'left ' || n, 'hash', 'pending', gen_random_uuid(), now() - interval '1 second'
     FROM generate_series(1, 950) AS n`,
    [session.project.id, session.user.id],
  );
  await db.close();
  await using second = await startSecond(first);
  const client = second.client({ token });
  const pending = { limit: 1, filter: { status: 'pending' as const } };
  // Ten sweeps at ten seconds each would take ninety.
  await until(
    'no pending prompt',
    async () => ((await client.prompts.list.query(pending)).items.length === 0 ? true : undefined),
    60_000,
  );
  const failed = { limit: 1, filter: { status: 'failed' as const } };
  expect((await client.prompts.list.query(failed)).items[0]?.response?.error?.kind).toBe('interrupted');
});
