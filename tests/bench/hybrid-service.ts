/**
 * The evaluation of tests/bench/hybrid.ts through the service itself: its statements, its fusion, its answers.
 *
 * Run: `npx tsx tests/bench/hybrid-service.ts 100` (queries a set), with TEST_DATABASE_URL for a server.
 */
import { createLexicalModel } from '../../src/platform/embedding/lexical.js';
import { textHash } from '../../src/features/prompts/fingerprint.js';
import { systemClock } from '../../src/kernel/clock.js';
import { systemIds } from '../../src/kernel/ids.js';
import { toVectorLiteral } from '../../src/platform/db/vector.js';
import { engineUnderTest } from '../support/database.js';
import { startService, type TestService } from '../support/service.js';
import { gainAt10, mean, precisionAt5, sampleOf } from './hybrid-measure.js';
import { hasData, type LabelledText, type RetrievalSet, readBanking, readClinc } from './lexical-data.js';
import { median } from './measure.js';

const queriesPerSet = Number(process.argv[2] ?? 100);
const model = createLexicalModel();
const ids = systemIds(() => systemClock.nowMs());

/** Stores texts as `prompts.create` would, many at once; each bears its label as a tag. */
async function store(service: TestService, projectId: string, texts: readonly LabelledText[]): Promise<void> {
  const [space] = await service.app.db.read<{ id: number }>('SELECT id FROM space LIMIT 1', []);
  for (let start = 0; start < texts.length; start += 500) {
    const some = texts.slice(start, start + 500);
    const vectors = model.embed(some.map(({ text }) => text)).map(({ vector }) => toVectorLiteral(vector, 384));
    await service.app.db.read(
      `WITH made AS (
         INSERT INTO prompt (id, project_id, user_id, text, text_hash, tags, status)
         SELECT t.id, $1::uuid, $1::uuid, t.text, t.hash, ARRAY[t.label], 'completed'
         FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[]) AS t(id, text, hash, label) RETURNING id, text_hash)
       INSERT INTO embedding (project_id, prompt_id, space_id, text_hash, vector)
       SELECT $1::uuid, m.id, $6::int, m.text_hash, v.vector::vector
       FROM made m JOIN unnest($2::uuid[], $7::text[]) AS v(id, vector) ON v.id = m.id`,
      [
        projectId,
        some.map(() => ids.uuid()),
        some.map(({ text }) => text),
        some.map(({ text }) => textHash(text)),
        some.map(({ label }) => label),
        space?.id,
        vectors,
      ],
    );
  }
  await service.app.db.read('ANALYZE', []);
}

async function evaluate({ name, stored, queries }: RetrievalSet): Promise<void> {
  await using service = await startService();
  const ada = await service.signUp();
  await store(service, ada.session.project.id, stored);
  for (const mode of ['meaning', 'words', 'hybrid'] as const) {
    const answers: boolean[][] = [];
    const figures: number[] = [];
    for (const { text, label } of sampleOf(queries, queriesPerSet)) {
      const startedMs = performance.now();
      const { hits } = await ada.client.prompts.similar.query({ query: text, mode, limit: 10 });
      figures.push(performance.now() - startedMs);
      answers.push(hits.map(({ prompt }) => prompt.tags[0] === label));
    }
    const cells = [
      mean(answers.map(precisionAt5)).toFixed(3),
      mean(answers.map(gainAt10)).toFixed(3),
      median(figures).toFixed(1),
    ];
    console.log(`| ${[engineUnderTest, name, mode, ...cells].join(' | ')} |`);
  }
}

if (!hasData()) console.log('Skipped: ../shared/data with clinc150 and banking77 is not on this machine.');
else {
  console.log('| engine | set | mode | P@5 | nDCG@10 | p50 ms end to end |');
  console.log('| --- | --- | --- | ---: | ---: | ---: |');
  await evaluate(readBanking());
  await evaluate(readClinc());
}
