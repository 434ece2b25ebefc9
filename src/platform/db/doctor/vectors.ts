import type pg from 'pg';
import type { Check } from './check.js';

const embeddingId = "concat_ws(' in space ', e.prompt_id, e.space_id) AS id";

/** Vectors that no embedder could have made, or that are missing. */
const vectorChecks: readonly Check[] = [
  {
    name: 'vector-dimensions',
    severity: 'problem',
    what: 'vectors of another dimension than their space',
    why: 'A search over them fails, and takes the whole query with it.',
    advice: 'Delete these rows of embedding; the service makes them anew.',
    sql: `SELECT ${embeddingId} FROM embedding AS e JOIN space AS s ON s.id = e.space_id
      WHERE vector_dims(e.vector) <> s.dimensions`,
  },
  {
    name: 'vector-zero',
    severity: 'problem',
    what: 'vectors of length zero',
    why: 'They have no direction: their distance is no number, and they disturb every order.',
    advice: 'Delete these rows of embedding; the service makes them anew.',
    sql: `SELECT ${embeddingId} FROM embedding AS e WHERE vector_norm(e.vector) = 0`,
  },
  {
    name: 'vector-length',
    severity: 'note',
    what: 'vectors that are not of length one',
    why: 'Cosine does not mind, but every embedder of the house makes them of length one: something else wrote these.',
    advice: 'If that is unexpected, delete these rows of embedding; the service makes them anew.',
    sql: `SELECT ${embeddingId} FROM embedding AS e
      WHERE vector_norm(e.vector) <> 0 AND abs(vector_norm(e.vector) - 1) > 0.001`,
  },
  {
    name: 'vector-of-former-text',
    severity: 'problem',
    what: 'vectors of a text that their prompt no longer has',
    why: 'A search finds the prompt by what it said before.',
    advice: 'Delete these rows of embedding; the service makes them anew.',
    sql: `SELECT ${embeddingId} FROM embedding AS e
      JOIN prompt AS p ON p.project_id = e.project_id AND p.id = e.prompt_id WHERE p.text_hash <> e.text_hash`,
  },
  {
    name: 'prompts-without-vector',
    severity: 'problem',
    what: 'prompts without a vector in any space, for ten minutes and more',
    why: 'No search by meaning finds them.',
    advice: 'Run the service: it makes them in the background. If they stay, its log says why.',
    sql: `SELECT p.id FROM prompt AS p WHERE p.status <> 'pending' AND p.updated_at < now() - interval '10 minutes'
      AND NOT EXISTS (SELECT FROM embedding AS e WHERE e.project_id = p.project_id AND e.prompt_id = p.id)`,
  },
  {
    name: 'no-space',
    severity: 'problem',
    what: 'prompts, but no space that their vectors could be in',
    why: 'Nothing can be searched by meaning.',
    advice: 'Run the service: it adds the space of its embedder.',
    sql: "SELECT 'all' AS id WHERE EXISTS (SELECT FROM prompt) AND NOT EXISTS (SELECT FROM space)",
  },
  {
    name: 'empty-space',
    severity: 'note',
    what: 'spaces that have held no vector for a day',
    why: 'An embedder was tried and left, or its filling never began.',
    advice: 'Delete the row of space if its embedder will not serve again.',
    sql: `SELECT s.name AS id FROM space AS s WHERE s.created_at < now() - interval '1 day'
      AND EXISTS (SELECT FROM prompt) AND NOT EXISTS (SELECT FROM embedding AS e WHERE e.space_id = s.id)`,
  },
];

/** The checks of vectors, with one for each space that holds some: what is still missing there. */
export async function vectorChecksOf(client: pg.ClientBase): Promise<Check[]> {
  const { rows } = await client.query<{ id: number; name: string }>(
    `SELECT id, name FROM space AS s WHERE to_regclass('embedding') IS NOT NULL
       AND EXISTS (SELECT FROM embedding AS e WHERE e.space_id = s.id) ORDER BY id`,
  );
  return [...vectorChecks, ...rows.map(missingIn)];
}

const missingIn = ({ id, name }: { id: number; name: string }): Check => ({
  name: `missing-in-space-${id}`,
  severity: 'note',
  what: `prompts without a vector in the space ${name}`,
  why: 'While this space serves, no search by meaning finds them; in a space that is left behind it is to be expected.',
  advice: 'If this space serves, run the service: it makes them in the background.',
  sql: `SELECT p.id FROM prompt AS p WHERE p.status <> 'pending' AND NOT EXISTS (
    SELECT FROM embedding AS e WHERE e.project_id = p.project_id AND e.prompt_id = p.id AND e.space_id = $1)`,
  values: [id],
});
