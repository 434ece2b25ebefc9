import { lexicalSpace } from '../../src/platform/embedding/choose.js';
import type { Embedder } from '../../src/platform/embedding/embedder.js';
import { createEmbedder } from '../../src/platform/embedding/pool.js';
import { openDatabase } from '../../src/platform/db/client.js';
import type { Database } from '../../src/platform/db/database.js';
import { toVectorLiteral } from '../../src/platform/db/vector.js';
import { similarPrompts } from '../../src/features/prompts/store/search.js';
import { loadConfig } from '../../src/config.js';
import { systemClock } from '../../src/kernel/clock.js';
import { startService, type TestPerson } from '../support/service.js';
import { engineUnderTest, testDeps } from '../support/database.js';
import { median, quantile, rate, row, times } from './measure.js';
import { promptText } from './texts.js';

const rounds = 5;
const queriesPerRound = 60;
const silent = { onBatch: () => undefined, onCache: () => undefined, onThreadReplaced: () => undefined };

/** An embedder like the service's own, for figures of embedding alone. */
export function bareEmbedder(): Embedder {
  const model = { kind: 'lexical' as const, space: lexicalSpace, path: null };
  const threadUrl = new URL('../../dist/platform/embedding/thread.js', import.meta.url);
  return createEmbedder({ model, threads: 1, queueLimit: 4_096, clock: systemClock, observer: silent, threadUrl });
}

/**
 * `prompts.similar` end to end (HTTP, token, embedding, search, views) against embedding alone plus the statement alone,
 * at some sizes of the project. One row a size.
 */
export async function benchSimilar(sizes: readonly number[]): Promise<string[]> {
  const rows = [
    row('prompts', 'embed p50 ms', 'SQL p50 ms', 'end to end p50 ms', 'p99 ms', 'ratio'),
    row('---', '---', '---', '---', '---', '---'),
  ];
  await using service = await startService();
  await using embedder = disposable(bareEmbedder());
  const ada = await service.signUp();
  const sql = await openSql(service.env, service.app.db);
  let stored = 0;
  for (const size of sizes) {
    await rate(size - stored, 16, (index) =>
      ada.client.prompts.create.mutate({ text: promptText(stored + index), generate: false }),
    );
    stored = size;
    const figures = await interleaved({ ada, embedder, sql });
    const alone = median(figures.embed) + median(figures.sql);
    rows.push(
      row(
        String(size),
        median(figures.embed),
        median(figures.sql),
        median(figures.all),
        quantile(figures.all, 0.99),
        median(figures.all) / alone,
      ),
    );
  }
  return rows;
}

async function interleaved({ ada, embedder, sql }: { ada: TestPerson; embedder: Embedder; sql: Database }) {
  const figures = { embed: [] as number[], sql: [] as number[], all: [] as number[] };
  const [space] = await sql.read<{ id: number }>('SELECT id FROM space LIMIT 1', []);
  const tenant = { projectId: ada.session.project.id, spaceId: space?.id ?? 0, dimensions: 384 };
  for (let round = 0; round < rounds; round += 1) {
    const query = (index: number): string => `how would I ${promptText(round * 1_000 + index * 7)} today ${round}`;
    figures.embed.push(
      ...(await times(queriesPerRound, (index) =>
        embedder.embed([query(index)], { lane: 'interactive', scope: 'bench' }),
      )),
    );
    const vectors = await embedder.embed(
      Array.from({ length: queriesPerRound }, (_, index) => query(index)),
      { lane: 'interactive', scope: 'bench' },
    );
    figures.sql.push(
      ...(await times(queriesPerRound, (index) => {
        const vector = toVectorLiteral(vectors[index]?.vector ?? new Float32Array(384), 384);
        const statement = similarPrompts(tenant, { vector, excludedId: null, filter: {}, limit: 5, maxDistance: 2.1 });
        return sql.read(statement.text, statement.values);
      })),
    );
    figures.all.push(
      ...(await times(queriesPerRound, (index) =>
        ada.client.prompts.similar.query({ query: `${query(index)}!`, mode: 'meaning' }),
      )),
    );
  }
  return figures;
}

/** On a server a pool of the bench's own; the embedded engine has one session, so there it is the service's. */
const openSql = async (env: Record<string, string>, own: Database): Promise<Database> =>
  engineUnderTest === 'server' ? openDatabase({ ...testDeps, config: loadConfig(env).db }) : own;

/** An embedder that closes with its scope. */
export const disposable = (embedder: Embedder): Embedder & AsyncDisposable =>
  Object.assign(embedder, { [Symbol.asyncDispose]: () => embedder.close() });
