import { createTestDatabase } from '../support/database.js';

/** One text as Postgres full text sees it: lexemes with how often each occurs. */
export type Lexemes = ReadonlyMap<string, number>;

/** The lexemes of texts under one text-search configuration, made by the database itself. */
export async function lexemesOf(
  texts: readonly string[],
  configuration: 'english' | 'simple' | 'prompt_words',
): Promise<Lexemes[]> {
  await using test = await createTestDatabase();
  const all: Lexemes[] = [];
  for (let start = 0; start < texts.length; start += 1_000) {
    const rows = await test.db.read<{ lexemes: string[]; counts: number[] }>(
      `SELECT coalesce(array_agg(w.lexeme) FILTER (WHERE w.lexeme IS NOT NULL), '{}') AS lexemes,
         coalesce(array_agg(cardinality(w.positions)) FILTER (WHERE w.lexeme IS NOT NULL), '{}') AS counts
       FROM unnest($1::text[]) WITH ORDINALITY AS t(text, place)
       LEFT JOIN LATERAL unnest(to_tsvector('${configuration}'::regconfig, t.text)) AS w ON true
       GROUP BY t.place ORDER BY t.place`,
      [texts.slice(start, start + 1_000)],
    );
    for (const { lexemes, counts } of rows) all.push(new Map(lexemes.map((lexeme, at) => [lexeme, counts[at] ?? 1])));
  }
  return all;
}
