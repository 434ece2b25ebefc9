import { expect, test } from 'vitest';
import { similarPrompts } from '../../src/features/prompts/store/search.js';
import {
  getPrompt,
  listPrompts,
  listResponses,
  promptsByIds,
  type Statement,
} from '../../src/features/prompts/store/statements.js';
import { lexicalVector } from '../support/large-project.js';
import { inParallel } from '../support/prompts.js';
import { startService } from '../support/service.js';

/**
 * Of tables that were never analysed one row is expected whatever is asked, so that any index seems as good as the right
 * one: a search brought its hits by reading all prompts and vectors of the project for each (50 prompts: 9 ms; 5 000: its
 * time limit), and a get read the whole project.
 */
test('in a database without statistics no row of another prompt is read for one', async () => {
  await using service = await startService();
  const { client, session } = await service.signUp();
  await inParallel(40, (index) => client.prompts.create.mutate({ text: `number ${index}`, generate: false }));
  const projectId = session.project.id;
  const [space] = await service.app.db.read<{ id: number }>('SELECT id FROM space WHERE is_active', []);
  const { items } = await client.prompts.list.query({ limit: 40 });
  const ids = items.map(({ id }) => id);
  const tenant = { projectId, spaceId: space?.id ?? 0, dimensions: 384 };
  const vector = lexicalVector('what number');
  const statements: Record<string, Statement> = {
    similar: similarPrompts(tenant, { vector, excludedId: null, filter: {}, limit: 10, maxDistance: 3 }),
    get: getPrompt(tenant, ids[20] ?? ''),
    some: promptsByIds(tenant, ids.slice(20, 25)),
    list: listPrompts(tenant, { filter: {}, before: ids[5] ?? '', limit: 10 }),
    responses: listResponses(tenant, ids[20] ?? '', { before: null, limit: 10 }),
  };
  for (const [name, { text, values }] of Object.entries(statements)) {
    const lines = await service.app.db
      .within(projectId)
      .read<Record<'QUERY PLAN', string>>(`EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) ${text}`, values);
    const plan = lines.map((line) => line['QUERY PLAN']).join('\n');
    expect(`${name}: ${/Rows Removed by .*/.exec(plan)?.[0] ?? 'none removed'}`).toBe(`${name}: none removed`);
  }
});
