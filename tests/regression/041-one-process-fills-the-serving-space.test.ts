import { expect, test } from 'vitest';
import { engineUnderTest } from '../support/database.js';
import { startSecond, startService } from '../support/service.js';
import { until } from '../support/wait.js';

test.skipIf(engineUnderTest === 'embedded')(
  'while one process fills the space that serves another leaves it alone, and takes over when that one falls silent (skipped on the embedded engine, which has one process)',
  async () => {
    await using service = await startService();
    const ada = await service.signUp();
    const { db } = service.app;
    const [prompt] = await db.read<{ id: string }>(
      `INSERT INTO prompt (id, project_id, user_id, text, text_hash, status)
       VALUES (gen_random_uuid(), $1, $2, 'waiting', 'its hash', 'completed') RETURNING id`,
      [ada.session.project.id, ada.session.user.id],
    );
    await db.read(
      `UPDATE space SET filled_by = gen_random_uuid(), filled_until = now() + interval '2 seconds' WHERE is_active`,
      [],
    );
    const [claim] = await db.read<{ until: string }>(
      'SELECT filled_until::text AS until FROM space WHERE is_active',
      [],
    );
    await using second = await startSecond(service);
    expect(second.url).not.toBe(service.url);
    const wasHeld = await until('the vector', async () => {
      // The claim first: a vector that is there while it holds was made against it.
      const [row] = await db.read<{ isHeld: boolean; vectors: number }>(
        `SELECT now() < $1::timestamptz AS "isHeld", (SELECT count(*)::int FROM embedding WHERE prompt_id = $2) AS vectors`,
        [claim?.until, prompt?.id],
      );
      return row?.vectors === 1 ? row.isHeld : undefined;
    });
    expect(wasHeld).toBe(false);
  },
);
