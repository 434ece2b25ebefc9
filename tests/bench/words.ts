/**
 * What search by words costs: its statements at some sizes of a project among many others, and what it adds to an insert.
 *
 * Run: `npx tsx tests/bench/words.ts 1000 10000` on the embedded engine, with TEST_DATABASE_URL on a server.
 */
import { loadavg } from 'node:os';
import { PromptReads } from '../../src/features/prompts/store/reads.js';
import { maxSeekers, scoreWords, seekingWords } from '../../src/features/prompts/word-ranking.js';
import { systemClock } from '../../src/kernel/clock.js';
import { systemIds } from '../../src/kernel/ids.js';
import type { Database } from '../../src/platform/db/database.js';
import { createTestDatabase, engineUnderTest } from '../support/database.js';
import { median, row, times } from './measure.js';

const ids = systemIds(() => systemClock.nowMs());
const sizes = process.argv.slice(2).map(Number);
const rounds = 30;

/** Twelve words of 20 000, the n-th as common as texts have it: the hundred commonest are in every other text. */
const textSql = `(SELECT string_agg('w' || floor(20000 * power(random(), 3))::int, ' ') FROM generate_series(1, 12) WHERE n IS NOT NULL)`;

async function store(db: Database, projectId: string, count: number): Promise<void> {
  await db.read(`INSERT INTO project (id, name) VALUES ($1, 'bench') ON CONFLICT DO NOTHING`, [projectId]);
  for (let left = count; left > 0; left -= 1_000)
    await db.read(
      `INSERT INTO prompt (id, project_id, user_id, text, text_hash, status)
       SELECT gen_random_uuid(), $1::uuid, gen_random_uuid(), ${textSql}, 'hash', 'completed' FROM generate_series(1, $2::int) AS n`,
      [projectId, Math.min(left, 1_000)],
    );
}

/** A question of six words of which `common` are among the commonest. */
function question(common: number): string {
  const words = Array.from({ length: 6 }, (_, place) =>
    place < common ? `w${place}` : `w${3_000 + Math.floor(Math.random() * 17_000)}`,
  );
  return words.join(' ');
}

async function search(reads: PromptReads, text: string): Promise<void> {
  const words = await reads.askedWords(text, maxSeekers + 1);
  const rows = await reads.wordRows({
    lexemes: words.map(({ lexeme }) => lexeme),
    seekers: seekingWords(words),
    ids: [],
    textHash: '',
    excludedId: null,
    filter: {},
    limit: maxSeekers,
    vector: null,
  });
  scoreWords(words, words[0]?.stored ?? 0, rows);
}

async function benchSearch(): Promise<void> {
  await using test = await createTestDatabase();
  const { db } = test;
  console.log(
    row(
      'engine',
      'prompts',
      'others',
      '4 rare words, 2 common, ms',
      '6 common words, ms',
      'count of the project alone, ms',
    ),
  );
  let others = 0;
  for (const size of sizes) {
    const projectId = ids.uuid();
    await store(db, projectId, size);
    for (const more of [0, 50]) {
      for (let index = 0; index < more; index += 1) await store(db, ids.uuid(), 1_000);
      others += more * 1_000;
      await db.read('VACUUM ANALYZE prompt', []);
      const reads = new PromptReads(db, { projectId, spaceId: 1, dimensions: 384 });
      const rare = await times(rounds, () => search(reads, question(2)));
      const common = await times(rounds, () => search(reads, question(6)));
      const count = await times(rounds, () =>
        db.read('SELECT count(*) FROM prompt WHERE project_id = $1', [projectId]),
      );
      console.log(row(engineUnderTest, String(size), String(others), median(rare), median(common), median(count)));
    }
    others += size;
  }
}

async function benchInsert(): Promise<void> {
  await using test = await createTestDatabase();
  const { db } = test;
  const projectId = ids.uuid();
  await store(db, projectId, 5_000);
  console.log(row('engine', 'insert of one prompt of 12 words', 'ms, median of 300'));
  for (const [name, change] of [
    ['with its words and their index', 'SELECT 1'],
    ['with its words, no index', 'DROP INDEX prompt_words_idx'],
    ['without', 'ALTER TABLE prompt DROP COLUMN words'],
  ] as const) {
    await db.read(change, []);
    const figures = await times(300, () => store(db, projectId, 1));
    console.log(row(engineUnderTest, name, median(figures)));
  }
}

console.log(`load ${loadavg()[0]?.toFixed(1)}`);
await benchSearch();
await benchInsert();
