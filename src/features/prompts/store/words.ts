import { Prisma } from '../../../platform/db/generated/client.js';
import { toVectorLiteral } from '../../../platform/db/vector.js';
import type { PromptFilter } from '../schema.js';
import { matching, type Statement, type Tenant } from './statements.js';

/** How much of a query is read for its words, in characters: whole sentences, and none of a pasted file. */
const maxReadLength = 2_000;
/** Most words of a query. */
const maxWords = 64;
/** Prompts of a project are counted so far: the rarity of a word moves with the logarithm of their number. */
const maxStored = 5_000;

/**
 * Words are looked up under their project: the index (prompt_words_idx) knows no others. `p` is `own_prompt`, or no index
 * serves. `IS TRUE` keeps the B-trees on projects out: of a project that statistics do not know yet one prompt is expected,
 * and every long text was unpacked once for each word asked for (12 s for 300 texts of 10 kB).
 */
const holding = ({ projectId }: Pick<Tenant, 'projectId'>, lexemes: Statement): Statement => Prisma.sql`
  (p.project_id = ${projectId}::uuid) IS TRUE
  AND prompt_word_keys(p.project_id, tsvector_to_array(p.words)) && prompt_word_keys(${projectId}::uuid, ${lexemes})`;

/**
 * The words of a query, in its order, each with how many prompts of the project hold it.
 *
 * Shape: rows of `lexeme`, `word` (as written), `prompts` (counted up to `countLimit`), `stored` (prompts of the project).
 * The text is data to the parser of documents and never read as a query: quotes, `&`, `|`, `!`, `:*` mean nothing in it.
 */
export const askedWords = (
  { projectId }: Pick<Tenant, 'projectId'>,
  text: string,
  countLimit: number,
): Statement => Prisma.sql`
  WITH asked AS (
    SELECT l.lexeme, min(t.place) AS place, (array_agg(t.token ORDER BY t.place))[1] AS word
    FROM ts_debug('prompt_words', prompt_spaced("left"(${text}, ${maxReadLength}::int))) WITH ORDINALITY
      AS t(alias, description, token, dictionaries, dictionary, lexemes, place), unnest(t.lexemes) AS l(lexeme)
    GROUP BY l.lexeme ORDER BY min(t.place) LIMIT ${maxWords})
  SELECT a.lexeme, a.word, c.prompts,
    (SELECT count(*)::int FROM (SELECT 1 FROM prompt p WHERE p.project_id = ${projectId}::uuid LIMIT ${maxStored}) AS counted) AS "stored"
  FROM asked a CROSS JOIN LATERAL (
    SELECT count(*)::int AS prompts FROM (
      SELECT 1 FROM own_prompt p WHERE ${holding({ projectId }, Prisma.sql`ARRAY[a.lexeme]`)} LIMIT ${countLimit}) AS counted) c
  ORDER BY a.place`;

/** Which prompts are looked at for their words. */
export interface WordSearch {
  /** Every word asked for, in order. */
  lexemes: readonly string[];
  /** Those that bring candidates. */
  seekers: readonly string[];
  /** Prompts to be looked at besides: those near in meaning. */
  ids: readonly string[];
  /** Of the query's text: the same text is a candidate before all others. */
  textHash: string;
  excludedId: string | null;
  filter: PromptFilter;
  limit: number;
  /** What the prompts' vectors are compared with; null asks for no similarity. */
  vector: Float32Array | string | null;
}

/**
 * What prompts hold of the words asked for: rows of `id`, `length`, `counts`, `isSame`, `similarity`.
 *
 * Candidates are the same text first, then the newest. `counts`: ts_rank of one word is 6/pi^2 times the sum of 1/n^2 over
 * its occurrences, so that a word said often counts 1.65 times at most. The concatenation makes a plain copy of the words,
 * or a long text would be unpacked once for every word asked for.
 */
export const wordRows = (tenant: Tenant, search: WordSearch): Statement => Prisma.sql`
  WITH sought AS MATERIALIZED (
    (SELECT p.id FROM own_prompt p
    WHERE ${holding(tenant, Prisma.sql`${[...search.seekers]}::text[]`)} ${excluding(search.excludedId)} ${matching(search.filter)}
    ORDER BY (p.text_hash = ${search.textHash}) DESC, p.id DESC LIMIT ${search.limit})
    UNION SELECT id FROM unnest(${[...search.ids]}::uuid[]) AS near(id))
  SELECT p.id::text AS "id", length(p.words) AS "length", p.text_hash = ${search.textHash} AS "isSame",
    ARRAY(SELECT ts_rank('{1,1,1,1}', w.words, q.query::tsquery) * 1.6449341
      FROM unnest(${search.lexemes.map(lexemeQuery)}::text[]) WITH ORDINALITY AS q(query, place) ORDER BY q.place) AS "counts",
    ${similarity(tenant, search.vector)} AS "similarity"
  FROM sought JOIN prompt p ON p.project_id = ${tenant.projectId}::uuid AND p.id = sought.id
  CROSS JOIN LATERAL (SELECT p.words || ''::tsvector AS words OFFSET 0) AS w`;

const excluding = (id: string | null): Statement => (id === null ? Prisma.empty : Prisma.sql`AND p.id <> ${id}::uuid`);

function similarity({ spaceId, projectId, dimensions }: Tenant, vector: WordSearch['vector']): Statement {
  if (vector === null) return Prisma.sql`NULL::float8`;
  const literal = typeof vector === 'string' ? vector : toVectorLiteral(vector, dimensions);
  return Prisma.sql`(SELECT 1 - (e.vector <=> ${literal}::vector) FROM embedding e
    WHERE e.project_id = ${projectId}::uuid AND e.space_id = ${spaceId} AND e.prompt_id = p.id)`;
}

/** A lexeme as a query of that one word, whatever characters it has. Source: PostgreSQL manual, 8.11.2: quotes are doubled. */
const lexemeQuery = (lexeme: string): string => `'${lexeme.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
