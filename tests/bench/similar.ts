import { Agent, request } from 'node:http';
import { lexicalSpace } from '../../src/platform/embedding/choose.js';
import type { Embedder } from '../../src/platform/embedding/embedder.js';
import { createEmbedder } from '../../src/platform/embedding/pool.js';
import { createLexicalModel } from '../../src/platform/embedding/lexical.js';
import { openDatabase } from '../../src/platform/db/client.js';
import type { Database } from '../../src/platform/db/database.js';
import { searchDepths } from '../../src/features/prompts/search-depth.js';
import { nearbyPrompts, type Search, similarPrompts } from '../../src/features/prompts/store/search.js';
import { loadConfig } from '../../src/config.js';
import { systemClock } from '../../src/kernel/clock.js';
import { lexicalVector, manyPrompts, storeMany } from '../support/large-project.js';
import { processHome, startProcess } from '../support/process.js';
import { clientFor, goodPassword, startService } from '../support/service.js';
import { engineUnderTest, testDeps } from '../support/database.js';
import { until } from '../support/wait.js';
import { row } from './measure.js';
import { type Contender, type Figures, interleave, type Length } from './rounds.js';

const silent = { onBatch: () => undefined, onCache: () => undefined, onThreadReplaced: () => undefined };
const limit = 5;
/** The original reads every row for each question; beyond this that says nothing new. */
const mostFlat = 10_000;
/** Vectors that the statement alone is asked for: as many as the service is, so that no walk is twice as warm. */
const statements = 480;
/** What is not counted at the head of a turn: a service that lives has warm code. */
const leadIn = 20;
/** Building the index of a large project, on a busy machine. */
const indexDeadlineMs = 300_000;

/** An embedder like the service's own, for figures of embedding alone. */
export function bareEmbedder(): Embedder {
  const model = { kind: 'lexical' as const, space: lexicalSpace, path: null };
  const threadUrl = new URL('../../dist/platform/embedding/thread.js', import.meta.url);
  return createEmbedder({ model, threads: 1, queueLimit: 4_096, clock: systemClock, observer: silent, threadUrl });
}

/** A service with one person's large project, reached over the wire, and the same database for statements alone. */
interface Bench {
  url: string;
  token: string;
  projectId: string;
  db: Database;
  embedder: Embedder;
  minIndexed: number;
}

/**
 * `prompts.similar` end to end (HTTP, token, limits, embedding, search, views) against embedding alone plus the statement
 * alone, and against the original's way (every row read, compared in JavaScript), at some sizes of the project.
 *
 * On a server the service runs in a process of its own. Every question is asked once: no vector comes from a cache.
 */
export async function benchSimilar(sizes: readonly number[], length: Length): Promise<string[]> {
  const rows = [
    row('prompts', 'what', 'p50 ms', 'p99 ms', 'p99 / p50', 'of embedding + SQL'),
    row('---', '---', '---', '---', '---', '---'),
  ];
  await using home = await place();
  await using embedder = disposable(bareEmbedder());
  for (const size of sizes) {
    // A project each: rows that are added to an index one by one take a hundred times as long.
    const person = { username: `bench-${size}`, password: goodPassword };
    const { tokens, project } = await clientFor(home.url).auth.signup.mutate(person);
    const bench = { ...home, token: tokens.accessToken, projectId: project.id, embedder };
    await storeMany(bench.db, {
      projectId: project.id,
      texts: Array.from({ length: size }, (_, index) => textOf(index)),
    });
    await bench.db.pool.query('VACUUM ANALYZE prompt, embedding');
    const figures = await interleave(await contenders(bench, size), { ...length, leadIn });
    const alone = (figures[0]?.p50Ms ?? 0) + (figures[1]?.p50Ms ?? 0);
    rows.push(...figures.map((figure) => figureRow(size, figure, alone)));
  }
  return rows;
}

const figureRow = (size: number, { name, p50Ms, p99Ms }: Figures, alone: number): string =>
  row(String(size), name, p50Ms, p99Ms, p99Ms / p50Ms, p50Ms / alone);

/** Numbers below it have a text of their own. */
const singles = 60_480;
export const textOf = (index: number): string =>
  index < singles ? manyPrompts(index) : `${manyPrompts(index)}, then ${manyPrompts(index * 7 + 3)}`;

const questionOf = (index: number): string => `how would I ${manyPrompts(index * 11 + 5)} in case ${index}`;

async function contenders(bench: Bench, size: number): Promise<Contender[]> {
  const { db, embedder, projectId } = bench;
  const [space] = await db.read<{ id: number }>(`SELECT id FROM space WHERE name = 'lexical-1'`, []);
  const tenant = { projectId, spaceId: space?.id ?? 0, dimensions: lexicalSpace.dimensions };
  const vectors = Array.from({ length: statements }, (_, index) => lexicalVector(questionOf(index)));
  const isIndexed = size >= bench.minIndexed;
  const [depth = { efSearch: 0, candidates: 0 }] = searchDepths(size, { limit, isFiltered: false });
  const call = caller(bench);
  const typed = clientFor(bench.url, { token: bench.token });
  await until(
    'the lane',
    async () =>
      (await call({ query: 'which lane', mode: 'meaning', limit })).includes(isIndexed ? '"hnsw"' : '"exact"') ||
      undefined,
    indexDeadlineMs,
  );
  const statement = (index: number) => {
    const vector = vectors[index % vectors.length] ?? '';
    const search: Search = { vector, excludedId: null, filter: {}, limit, maxDistance: 2.1 };
    return isIndexed ? nearbyPrompts(tenant, search, { engine: db.engine, depth }) : similarPrompts(tenant, search);
  };
  const ways: Contender[] = [
    {
      name: 'embedding alone',
      run: (index) => embedder.embed([questionOf(index)], { lane: 'interactive', scope: 'bench' }),
    },
    {
      name: `SQL alone (${isIndexed ? 'index' : 'exact'})`,
      run: (index) => {
        const { text, values } = statement(index);
        return db.pool.query(text, values);
      },
    },
    { name: 'end to end', run: (index) => call({ query: questionOf(index), mode: 'meaning', limit }) },
    {
      name: 'end to end, typed client',
      run: (index) => typed.prompts.similar.query({ query: questionOf(index), mode: 'meaning', limit }),
    },
    { name: 'end to end, hybrid', run: (index) => call({ query: questionOf(index), mode: 'hybrid', limit }) },
  ];
  return size > mostFlat
    ? ways
    : [...ways, { name: 'as the original does', run: (index) => flatScan(bench, questionOf(index)) }];
}

/** One keep-alive connection, as a client in production has it. */
function caller({ url, token }: Bench): (input: object) => Promise<string> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  return (input) =>
    new Promise((resolve, reject) => {
      const body = JSON.stringify(input);
      const headers = {
        'content-type': 'application/json',
        authorization: `Bearer ${token}`,
        'content-length': Buffer.byteLength(body),
      };
      const sent = request(`${url}/trpc/prompts.similar`, { method: 'POST', agent, headers }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => {
          text += part;
        });
        response.on('end', () => (response.statusCode === 200 ? resolve(text) : reject(new Error(text))));
      });
      sent.on('error', reject).end(body);
    });
}

const model = createLexicalModel();

/** Every stored vector is read and compared; what embeds the question is our quick model, not the original's slow one. */
async function flatScan({ db, projectId }: Bench, question: string): Promise<unknown> {
  const query = model.embed([question])[0]?.vector ?? new Float32Array();
  const rows = await db.read<{ text: string; vector: string }>(
    `SELECT p.text, e.vector::text AS vector FROM prompt p JOIN embedding e ON e.prompt_id = p.id WHERE p.project_id = $1`,
    [projectId],
  );
  return rows
    .map(({ text, vector }) => ({ text, score: dot(query, JSON.parse(vector) as number[]) }))
    .toSorted((left, right) => right.score - left.score)
    .slice(0, limit);
}

const dot = (left: Float32Array, right: readonly number[]): number =>
  left.reduce((sum, value, at) => sum + value * (right[at] ?? 0), 0);

/** On a server a process of its own and a pool of the bench's; the embedded engine has one session: the service's. */
async function place(): Promise<Pick<Bench, 'url' | 'db' | 'minIndexed'> & AsyncDisposable> {
  if (engineUnderTest === 'embedded') {
    const service = await startService();
    const { db } = service.app;
    const { annMinVectors: minIndexed } = loadConfig(service.env).search;
    return {
      url: service.url,
      db,
      minIndexed,
      [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
    };
  }
  const home = await processHome();
  const env = { ...home.env, PROMPTS_PER_SECOND: '100000', PROMPTS_PER_MINUTE: '1000000', LOG_LEVEL: 'info' };
  const program = await startProcess(env);
  const config = loadConfig(env);
  const db = await openDatabase({ ...testDeps, config: config.db });
  return {
    url: program.url,
    db,
    minIndexed: config.search.annMinVectors,
    async [Symbol.asyncDispose]() {
      await db.close();
      program.kill('SIGTERM');
      await program.ended;
      await home[Symbol.asyncDispose]();
    },
  };
}

/** An embedder that closes with its scope. */
export const disposable = (embedder: Embedder): Embedder & AsyncDisposable =>
  Object.assign(embedder, { [Symbol.asyncDispose]: () => embedder.close() });
