import { cp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { textHash } from '../../src/features/prompts/fingerprint.js';
import { PromptReads } from '../../src/features/prompts/store/reads.js';
import type { Statement, Tenant } from '../../src/features/prompts/store/statements.js';
import { askedWords, wordRows, type WordSearch } from '../../src/features/prompts/store/words.js';
import { systemClock } from '../../src/kernel/clock.js';
import { systemIds } from '../../src/kernel/ids.js';
import { openDatabase } from '../../src/platform/db/client.js';
import type { Database } from '../../src/platform/db/database.js';
import { ownMigrationsDir } from '../../src/platform/db/migrate.js';
import {
  createServerDatabase,
  createTestDatabase,
  createTestFolder,
  embeddedConfig,
  engineUnderTest,
  serverConfig,
  type TestDatabase,
  testDeps,
} from '../support/database.js';

// Two whole databases are made and moved, one of them through initdb.
vi.setConfig({ testTimeout: 120_000 });

const ids = systemIds(() => systemClock.nowMs());
const projects = [ids.uuid(), ids.uuid(), ids.uuid()] as const;
const tenant: Tenant = { projectId: projects[0], spaceId: 1, dimensions: 8 };
let test_: TestDatabase;

async function store(db: Database, projectId: string, text: string): Promise<string> {
  await db.read(`INSERT INTO project (id, name) VALUES ($1, 'words') ON CONFLICT DO NOTHING`, [projectId]);
  const id = ids.uuid();
  await db.read(
    `INSERT INTO prompt (id, project_id, user_id, text, text_hash, status) VALUES ($1, $2, $1, $3, $4, 'completed')`,
    [id, projectId, text, textHash(text)],
  );
  return id;
}

/** 40 prompts of the project that is asked for beside 4 000 of a neighbour who uses the same words in every text. */
beforeAll(async () => {
  test_ = await createTestDatabase();
  for (const [index, count] of [40, 4_000].entries()) {
    await store(test_.db, projects[index] ?? '', 'the common word');
    await test_.db.read(
      `INSERT INTO prompt (id, project_id, user_id, text, text_hash, status)
       SELECT gen_random_uuid(), $1::uuid, gen_random_uuid(), 'the common word and rare' || n, 'hash', 'completed'
       FROM generate_series(2, $2::int) AS n`,
      [projects[index], count],
    );
  }
  await test_.db.read('ANALYZE prompt', []);
  // Nothing is known of this one.
  await store(test_.db, projects[2], 'the common word');
});
afterAll(() => test_[Symbol.asyncDispose]());

const search = (more: Partial<WordSearch>): WordSearch => ({
  lexemes: ['common'],
  seekers: ['common'],
  ids: [],
  textHash: 'none',
  excludedId: null,
  filter: {},
  limit: 1_000,
  vector: null,
  ...more,
});

/** As it runs: within the project that the statement is bound to, behind row-level security. */
const plan = async ({ text, values }: Statement): Promise<string> => {
  const projectId = projects.find((id) => values.includes(id)) ?? '';
  const rows = await test_.db.within(projectId).read<{ 'QUERY PLAN': string }>(`EXPLAIN (COSTS OFF) ${text}`, values);
  return rows.map((row) => row['QUERY PLAN']).join('\n');
};

test('words are looked up in their own index or in the project’s, never in the whole table', async () => {
  const statements = [
    askedWords(tenant, 'a common word, rare7', 1_001),
    wordRows(tenant, search({ seekers: ['rare7'] })),
    wordRows({ ...tenant, projectId: projects[1] }, search({ seekers: ['rare7'] })),
  ];
  for (const statement of statements) expect(await plan(statement)).not.toContain('Seq Scan on prompt');
  // Also of a project that the statistics do not know: unpacking each of its texts for each word took seconds.
  const unknown = { ...tenant, projectId: projects[2] };
  for (const statement of [askedWords(unknown, 'a common word, rare7', 1_001), wordRows(unknown, search({}))])
    expect(
      (await plan(statement)).match(/Index Scan using prompt_\w+ on prompt|Bitmap Index Scan on prompt_words_idx/),
    ).toEqual(expect.arrayContaining(['Bitmap Index Scan on prompt_words_idx']));
  expect(await plan(wordRows({ ...tenant, projectId: projects[1] }, search({ seekers: ['rare7'] })))).toContain(
    'prompt_words_idx',
  );
});

test('a word is as common as the project makes it, whoever else uses it, and counted up to the limit', async () => {
  const small = await new PromptReads(test_.db, tenant).askedWords('Common words, rare7 and absent', 1_001);
  expect(small.map(({ word, prompts }) => [word, prompts])).toEqual([
    ['Common', 40],
    ['words', 40],
    ['rare7', 1],
    ['and', 39],
    ['absent', 0],
  ]);
  expect(small.map(({ stored }) => stored)).toEqual([40, 40, 40, 40, 40]);
  const large = await new PromptReads(test_.db, { ...tenant, projectId: projects[1] }).askedWords('common', 1_001);
  expect(large).toEqual([{ lexeme: 'common', word: 'common', prompts: 1_001, stored: 4_000 }]);
});

test('the same text is a candidate before the newest', async () => {
  const large = new PromptReads(test_.db, { ...tenant, projectId: projects[1] });
  const rows = await large.wordRows(search({ limit: 5, textHash: textHash('the common word') }));
  expect(rows).toHaveLength(5);
  expect(rows.filter(({ isSame }) => isSame)).toHaveLength(1);
});

test('no statement of words can be built without the project it is bound to', () => {
  for (const { text, values } of [askedWords(tenant, 'x', 1), wordRows(tenant, search({ ids: [ids.uuid()] }))]) {
    expect(text).toMatch(/project_id = \$\d+::uuid/);
    expect(values).toContain(tenant.projectId);
  }
});

test('the index holds no word that could be read, and keeps the words of projects apart', async () => {
  const keys = async (project: string) =>
    (
      await test_.db.read<{ keys: string[] }>("SELECT prompt_word_keys($1::uuid, '{secret,other}')::text[] AS keys", [
        project,
      ])
    )[0]?.keys ?? [];
  const [left, right] = [await keys(projects[0]), await keys(projects[1])];
  expect(new Set([...left, ...right]).size).toBe(4);
  for (const key of left) expect(key).toMatch(/^-?\d+$/);
  expect(await keys(projects[0])).toEqual(left);
});

const codePoints = (from: number, count: number): string =>
  Array.from({ length: count }, (_, index) => String.fromCodePoint(from + index)).join('');
const words = (count: number, separator: string): string =>
  Array.from({ length: count }, (_, index) => index.toString(36)).join(separator);

test.each([
  ['of different words', words(33_000, ' ')],
  ['of hyphens', words(33_000, '-')],
  ['of paths', `http://a.example/${words(33_000, '/')}`],
  ['of addresses', words(16_000, '@a.b ')],
  ['of dots', words(33_000, '.')],
  ['of one word', 'x'.repeat(100_000)],
  ['of different Chinese characters', codePoints(0x4e00, 20_000).repeat(5)],
  ['of different characters of four bytes', codePoints(0x20000, 42_000).slice(0, 100_000)],
  [
    'of four-byte characters in ever new pairs',
    Array.from({ length: 50_000 }, (_, n) => String.fromCodePoint(0x20000 + ((n * n * 31) % 42_000))).join(''),
  ],
  [
    'of letters of two bytes',
    Array.from({ length: 33_000 }, (_, n) =>
      String.fromCodePoint(0x430 + (n % 31), 0x430 + (Math.floor(n / 31) % 31)),
    ).join(' '),
  ],
  ['of line ends', '\n'.repeat(99_999) + 'x'],
  ['of quotes and backslashes', "'\\".repeat(50_000)],
])('no text is refused for its words: 100 000 characters %s', async (_, text) => {
  const whole = text.slice(0, 100_000);
  const id = await store(test_.db, ids.uuid(), whole);
  const [row] = await test_.db.read<{ length: number }>('SELECT length(words) AS length FROM prompt WHERE id = $1', [
    id,
  ]);
  expect(row?.length).toBeGreaterThanOrEqual(0);
});

test('prompts stored before there were words have theirs after the upgrade', async () => {
  await using older = await createTestFolder();
  await using home = await createTestFolder();
  await cp(ownMigrationsDir, older.path, { recursive: true });
  const names = (await readdir(older.path)).filter((name) => /^\d/.test(name)).toSorted();
  for (const name of names.filter((one) => one >= '20261121133500'))
    await rm(join(older.path, name), { recursive: true });
  await using server = engineUnderTest === 'server' ? await createServerDatabase() : null;
  const config = server === null ? embeddedConfig(home.path) : serverConfig(server.url);
  const before = await openDatabase({ ...testDeps, config, migrationsDir: older.path });
  const id = await store(before, projects[0], 'Kept from the older version');
  await before.close();
  const after = await openDatabase({ ...testDeps, config });
  const reads = new PromptReads(after, tenant);
  expect((await reads.askedWords('older', 10)).map(({ prompts }) => prompts)).toEqual([1]);
  expect((await reads.wordRows(search({ lexemes: ['older'], seekers: ['older'] }))).map((row) => row.id)).toEqual([id]);
  await after.close();
});
