import { randomUUID } from 'node:crypto';
import { loadavg } from 'node:os';
import pg from 'pg';
import { createAnnIndexSql } from '../../src/platform/db/ann-index.js';
import { createServerDatabase, migratedTemplate } from '../support/database.js';
import { median, row, times } from './measure.js';

// `TEST_DATABASE_URL=... npx tsx tests/bench/many-indexes.ts`: what the indexes of other large projects cost a small one:
// each is one more predicate on the same table. Rollbacks keep the table as it is.
const sizes = [0, 100, 1_000, 3_000];

await using database = await createServerDatabase(await migratedTemplate(process.env['TEST_DATABASE_URL'] ?? ''));
const client = new pg.Client({ connectionString: database.url });
// Dropping the database ends it, also after a failure that is to be seen.
client.on('error', () => undefined);
await client.connect();
const projectId = randomUUID();
await client.query(
  `INSERT INTO app_user (id, username, username_key, password_hash) VALUES ('${projectId}', 'ada', 'ada', 'x')`,
);
await client.query(`INSERT INTO project (id, name) VALUES ('${projectId}', 'small')`);
await client.query(`INSERT INTO space (id, name, dimensions) VALUES (77, 'bench', 384)`);
await client.query(
  `INSERT INTO prompt (id, project_id, user_id, text, text_hash, status)
   SELECT gen_random_uuid(), $1, $1, 'prompt ' || n, 'hash ' || n, 'completed' FROM generate_series(1, 1000) n`,
  [projectId],
);
const vectorSql = '(SELECT array_agg(random()) FROM generate_series(1, 384))::vector';
const insertSql = `INSERT INTO embedding (project_id, prompt_id, space_id, text_hash, vector)
  SELECT project_id, id, 77, text_hash, ${vectorSql} FROM prompt p
  WHERE NOT EXISTS (SELECT 1 FROM embedding e WHERE e.prompt_id = p.id) LIMIT 1`;
for (let count = 0; count < 500; count += 1) await client.query(insertSql);
const searchSql = `SELECT prompt_id FROM (SELECT prompt_id, vector FROM embedding WHERE project_id = $1 AND space_id = 77 OFFSET 0) AS own
  ORDER BY vector::vector(384) <=> (SELECT vector FROM embedding LIMIT 1)::vector(384) LIMIT 10`;

console.log(`load ${loadavg()[0]?.toFixed(1)}`);
console.log(row('indexes of other projects', 'one insert p50 ms', 'search of 500 p50 ms'));
console.log(row('---', '---', '---'));
let there = 0;
for (const size of sizes) {
  for (; there < size; there += 1)
    await client.query(
      createAnnIndexSql({ projectId: randomUUID(), spaceId: 77 }, { engine: 'server', dimensions: 384 }).replace(
        'CONCURRENTLY ',
        '',
      ),
    );
  await client.query('ANALYZE embedding');
  const insert = await times(60, async () => {
    await client.query('BEGIN');
    await client.query(insertSql);
    await client.query('ROLLBACK');
  });
  const search = await times(60, () => client.query(searchSql, [projectId]));
  console.log(row(size, median(insert), median(search)));
}
await client.end();
