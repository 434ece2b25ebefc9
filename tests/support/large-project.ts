import type pg from 'pg';
import { toSql } from 'pgvector';
import { systemClock } from '../../src/kernel/clock.js';
import { systemIds } from '../../src/kernel/ids.js';
import { createLexicalModel } from '../../src/platform/embedding/lexical.js';

const verbs =
  'explain summarise translate plan compare draft review debug list estimate bake repair paint sell teach'.split(' ');
const nouns =
  'contract budget dinner query weekend page letter blood lesson log bicycle loan garden server guitar visa poem engine'.split(
    ' ',
  );
const turns = 'beginner manager child doctor lawyer tourist farmer pilot student nurse baker driver singer judge'.split(
  ' ',
);
const places = 'Porto Oslo Kyoto Lima Accra Perth Delhi Quito Turin Minsk Izmir Basel Cork Davao Essen Faro'.split(' ');

/** The n-th of 60 480 different short prompts, always the same. */
export function manyPrompts(index: number): string {
  const pick = (words: readonly string[], by: number): string => words[Math.floor(index / by) % words.length] ?? '';
  const [verb, noun, turn, place] = [pick(verbs, 1), pick(nouns, 15), pick(turns, 270), pick(places, 3_780)];
  return `${verb} the ${noun} for a ${turn} from ${place}`;
}

const model = createLexicalModel();

/** A text's vector in the lexical space, as pgvector reads it. */
export function lexicalVector(text: string): string {
  const vector = model.embed([text])[0]?.vector;
  if (vector === undefined) throw new Error('the model gave no vector');
  return toSql(Array.from(vector)) as string;
}

/** Rows to store beneath the service: as quick as the engine takes them. */
export interface LargeProject {
  projectId: string;
  texts: readonly string[];
  /** Of the n-th prompt. */
  environment?: (index: number) => string;
}

const batchRows = 500;
const ids = systemIds(() => systemClock.nowMs());
const spaceSql = `SELECT id FROM space WHERE name = 'lexical-1'`;

/** Stores completed prompts with their lexical vectors, past the service. Answers their ids, in the order of the texts. */
export async function storeMany(
  db: { pool: Pick<pg.Pool, 'query'> },
  { projectId, texts, environment = () => 'test' }: LargeProject,
): Promise<string[]> {
  const made = texts.map(() => ids.uuid());
  for (let start = 0; start < texts.length; start += batchRows) {
    const batch = texts.slice(start, start + batchRows);
    await db.pool.query(
      `WITH given AS (SELECT * FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[]) AS g(id, content, vector, environment)),
       made AS (
         INSERT INTO prompt (id, project_id, user_id, text, text_hash, status, environment)
         SELECT id, $1::uuid, $1::uuid, content, md5(content), 'completed', environment FROM given RETURNING id)
       INSERT INTO embedding (project_id, prompt_id, space_id, text_hash, vector)
       SELECT $1::uuid, given.id, (${spaceSql}), md5(content), vector::vector FROM given JOIN made ON made.id = given.id`,
      [
        projectId,
        made.slice(start, start + batchRows),
        batch,
        batch.map(lexicalVector),
        batch.map((_, index) => environment(start + index)),
      ],
    );
  }
  return made;
}

/** The ids of the `limit` nearest, by comparing every vector of the project; ties to the newer. */
export async function exactlyNearest(
  db: { pool: Pick<pg.Pool, 'query'> },
  projectId: string,
  { query, limit, environment = null }: { query: string; limit: number; environment?: string | null },
): Promise<{ id: string; distance: number }[]> {
  const { rows } = await db.pool.query<{ id: string; distance: number }>(
    `WITH scanned AS MATERIALIZED (
       SELECT e.prompt_id, e.vector <=> $1::vector AS distance FROM embedding e JOIN prompt p ON p.id = e.prompt_id
       WHERE e.project_id = $2::uuid AND e.space_id = (${spaceSql}) AND ($4::text IS NULL OR p.environment = $4) OFFSET 0)
     SELECT prompt_id::text AS id, distance FROM scanned ORDER BY distance, prompt_id DESC LIMIT $3`,
    [lexicalVector(query), projectId, limit, environment],
  );
  return rows;
}
