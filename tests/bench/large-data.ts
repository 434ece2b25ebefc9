import type { Connection } from '../../src/platform/db/database.js';
import { toSql } from 'pgvector';
import { createLexicalModel } from '../../src/platform/embedding/lexical.js';
import { readArenaPrompts, readBanking, readClinc, readLines, readStsPairs } from './lexical-data.js';

/** A text with its vector, as pgvector reads it. */
export interface Vectored {
  text: string;
  vector: string;
}

/** A project of a bench, with how many of the texts it holds. */
export interface BenchProject {
  id: string;
  size: number;
}

/** The same numbers from 0 to 1 at every run. Source: mulberry32, public domain. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Every distinct real text of the data folder, shuffled: intents, bank questions, caption pairs, and the sentences of prompts and answers. */
export function realTexts(): string[] {
  const sentences = [
    'awesome_prompts.csv',
    'arena_hard_answers_gpt-3.5-turbo-0125.jsonl',
    'fastchat_dummy_conversation.json',
  ]
    .flatMap((file) => readLines(file))
    .flatMap((line) => line.replaceAll(/\\+n|["{}[\]]/g, '\n').split(/(?<=[.!?:;])\s|\n/))
    .map((sentence) => sentence.trim())
    .filter((sentence) => sentence.length >= 20 && sentence.length <= 400 && /[a-z] [a-z]/i.test(sentence));
  const labelled = [readClinc(), readBanking()].flatMap(({ stored, queries }) => [...stored, ...queries]);
  const pairs = readStsPairs().flatMap(({ left, right }) => [left, right]);
  const texts = [
    ...labelled.map(({ text }) => text),
    ...pairs,
    ...readArenaPrompts().map(({ text }) => text),
    ...sentences,
  ];
  return shuffled([...new Set(texts)], seeded(1));
}

/** `count` distinct texts: the real ones first, then pairs of them put together, which lie between the two. */
export function manyTexts(real: readonly string[], count: number): string[] {
  const random = seeded(2);
  const pick = (): string => real[Math.floor(random() * real.length)] ?? '';
  const texts = new Set(real.slice(0, count));
  while (texts.size < count) texts.add(`${pick()} ${pick()}`);
  return [...texts];
}

/** Texts with their lexical vectors; those without a word in them are left out. */
export function embedAll(texts: readonly string[]): Vectored[] {
  const model = createLexicalModel();
  return texts.flatMap((text) => {
    const vector = model.embed([text])[0]?.vector;
    return vector === undefined || vector.every((one) => one === 0)
      ? []
      : [{ text, vector: toSql(Array.from(vector)) as string }];
  });
}

/** Some values in another order. */
export function shuffled<T>(values: readonly T[], random: () => number): T[] {
  return values
    .map((value) => ({ value, rank: random() }))
    .toSorted((left, right) => left.rank - right.rank)
    .map(({ value }) => value);
}

const batchRows = 500;

/** Stores the first `size` texts in each project, rows in the order in which `arrange` puts them. */
export async function loadProjects(
  connection: Connection,
  { projects, texts, spaceId }: { projects: readonly BenchProject[]; texts: readonly Vectored[]; spaceId: number },
  arrange: <T>(rows: T[]) => T[],
): Promise<void> {
  for (const { id } of projects)
    await connection.query(`INSERT INTO project (id, name) VALUES ($1, 'bench') ON CONFLICT DO NOTHING`, [id]);
  const rows = arrange(projects.flatMap(({ id, size }) => Array.from({ length: size }, (_, index) => ({ id, index }))));
  for (let start = 0; start < rows.length; start += batchRows) {
    const batch = rows.slice(start, start + batchRows);
    await connection.query(
      `WITH given AS (
         SELECT gen_random_uuid() AS id, * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::int[]) AS g(project_id, text, vector, n)
       ), made AS (
         INSERT INTO prompt (id, project_id, user_id, text, text_hash, status, environment, tags)
         SELECT id, project_id, project_id, text, md5(text), 'completed', 'e' || n % 2,
           ARRAY['t' || n % 10, 'h' || n % 100, 'k' || n % 1000] FROM given RETURNING id)
       INSERT INTO embedding (project_id, prompt_id, space_id, text_hash, vector)
       SELECT project_id, given.id, $5::int, md5(text), vector::vector FROM given JOIN made ON made.id = given.id`,
      [
        batch.map(({ id }) => id),
        batch.map(({ index }) => texts[index]?.text ?? ''),
        batch.map(({ index }) => texts[index]?.vector ?? ''),
        batch.map(({ index }) => index),
        spaceId,
      ],
    );
  }
}
