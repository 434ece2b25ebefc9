import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Inputs } from '../../src/client.js';
import { startService, type TestPerson, type TestService } from '../support/service.js';

type Item = Inputs['prompts']['import']['items'][number];

let service: TestService;
let ada: TestPerson;

beforeAll(async () => {
  service = await startService();
  ada = await service.signUp();
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
});

/** Text that Postgres can hold and the schema takes, with what tends to go wrong on the way through JSON and SQL. */
const text = (maxLength: number): fc.Arbitrary<string> =>
  fc
    .oneof(
      fc.string({ unit: 'grapheme', maxLength }),
      fc.constantFrom(
        '\\',
        '"',
        "'",
        '{}',
        '{"a":1}',
        '%',
        '$1',
        '\u2028',
        '\u00e9',
        '\r\n',
        '[1,2]',
        'NULL',
        '\\u0000',
        '😀',
      ),
    )
    .filter((made) => made.trim() !== '' && made.isWellFormed() && !made.includes('\u0000'));

const json = fc.jsonValue({ maxDepth: 3, noUnicodeString: false }).filter((value) => {
  const written = JSON.stringify(value);
  return written.isWellFormed() && !/\\u0000|\\ud[89a-f]|__proto__/i.test(written);
});

const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });

const item: fc.Arbitrary<Item> = fc
  .record({
    text: text(200),
    system: optional(text(50)),
    conversationId: optional(text(20)),
    environment: optional(text(20)),
    tags: optional(fc.array(text(20), { maxLength: 4 })),
    metadata: optional(fc.dictionary(fc.constantFrom('a', 'b c', '"', 'tags', 'id'), json, { maxKeys: 3 })),
    parameters: optional(
      fc.record({ temperature: fc.constantFrom(0, 0.1, 2), stop: fc.array(text(5), { minLength: 1, maxLength: 2 }) }),
    ),
  })
  .map(
    (made) => Object.fromEntries(Object.entries(made).filter(([, value]) => value !== undefined)) as unknown as Item,
  );

/** Everything stored of a project's prompts but what differs by nature: ids, times, and the hash of the call. */
async function rowsOf(projectId: string): Promise<object[]> {
  const rows = await service.app.db.read<{ row: object }>(
    `SELECT to_jsonb(p) - '{id,project_id,user_id,created_at,updated_at,request_hash}'::text[]
       || jsonb_build_object('isUpdated', p.updated_at <> p.created_at) AS row
     FROM prompt p WHERE p.project_id = $1 ORDER BY p.id`,
    [projectId],
  );
  return rows.map(({ row }) => row);
}

const newProject = async (): Promise<string> => (await ada.client.projects.create.mutate({ name: 'drawn' })).id;
const createIn = (projectId: string, each: Item) =>
  ada.client.prompts.create.mutate({ ...each, projectId, generate: false });

test('an import leaves the rows that one create after another would have left', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(item, { minLength: 1, maxLength: 8 }), async (items) => {
      const [one, many] = [await newProject(), await newProject()];
      for (const each of items) await createIn(one, each);
      const { imported, ids } = await ada.client.prompts.import.mutate({ projectId: many, items });
      expect(imported).toBe(items.length);
      expect(await rowsOf(many)).toEqual(await rowsOf(one));
      const read = await Promise.all(ids.map((id) => ada.client.prompts.get.query({ projectId: many, id })));
      expect(read.map((prompt) => prompt.text)).toEqual(items.map((each) => each.text));
    }),
    { numRuns: 15 },
  );
});

test('creates that come at once leave the rows that one after another would have left', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(item, { minLength: 2, maxLength: 8 }), async (items) => {
      const [one, many] = [await newProject(), await newProject()];
      for (const each of items) await createIn(one, each);
      await Promise.all(items.map((each) => createIn(many, each)));
      const sorted = async (projectId: string) =>
        (await rowsOf(projectId)).map((row) => JSON.stringify(row)).toSorted();
      expect(await sorted(many)).toEqual(await sorted(one));
    }),
    { numRuns: 10 },
  );
});
