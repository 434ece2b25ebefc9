import { existsSync, readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createTRPCClient, httpLink } from '@trpc/client';
import { initTRPC } from '@trpc/server';
import { createHTTPServer } from '@trpc/server/adapters/standalone';
import { z } from 'zod';
import { neuralSpace } from '../../src/platform/embedding/choose.js';
import type { Embedder } from '../../src/platform/embedding/embedder.js';
import { createEmbedder } from '../../src/platform/embedding/pool.js';
import { systemClock } from '../../src/kernel/clock.js';
import { loadConfig } from '../../src/config.js';
import { openDatabase } from '../../src/platform/db/client.js';
import type { Database } from '../../src/platform/db/database.js';
import { engineUnderTest, testDeps } from '../support/database.js';
import { standInPath, threadUrl } from '../support/embedding.js';
import { startService, type TestPerson, type TestService } from '../support/service.js';
import { row } from './measure.js';
import { type Figures, interleave, type Length } from './rounds.js';
import { bareEmbedder } from './similar.js';
import { promptText } from './texts.js';

const silent = { onBatch: () => undefined, onCache: () => undefined, onThreadReplaced: () => undefined };

/** The stand-in of the neural model: the real one's work, no meaning. Null where the shared folder is absent. */
const neuralEmbedder = (): Embedder | null =>
  standInPath === null
    ? null
    : createEmbedder({
        model: { kind: 'neural', space: neuralSpace, path: standInPath },
        threads: 1,
        queueLimit: 32_768,
        clock: systemClock,
        observer: silent,
        threadUrl,
      });

const arenaPath = '../shared/data/arena_hard_question.jsonl';

/** Real prompts of some hundred characters, each with a number so that none is known to a cache; else made-up ones. */
function realPrompts(): (index: number) => string {
  if (!existsSync(arenaPath)) return promptText;
  const texts = readFileSync(arenaPath, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as { turns: { content: string }[] }).turns[0]?.content ?? '')
    .filter((text) => text.length >= 200 && text.length <= 600);
  return (index) => `${index}: ${texts[index % texts.length] ?? ''}`;
}

/** What a bench of writes works with. */
export interface Bench extends AsyncDisposable {
  service: TestService;
  ada: TestPerson;
  embedder: Embedder;
  /** A pool of the bench's own on a server; the embedded engine has one session, so there it is the service's. */
  db: Database;
  text: (index: number) => string;
}

/** A service of `kind`'s embedder, with nothing stored yet; null where its model is absent. */
export async function openBench(kind: 'lexical' | 'neural'): Promise<Bench | null> {
  const [serving, alone] = kind === 'neural' ? [neuralEmbedder(), neuralEmbedder()] : [undefined, bareEmbedder()];
  if (serving === null || alone === null) return null;
  const service = await startService(serving === undefined ? {} : { embedder: serving });
  const ada = await service.signUp();
  const isServer = engineUnderTest === 'server';
  const db = isServer ? await openDatabase({ ...testDeps, config: loadConfig(service.env).db }) : service.app.db;
  await db.read('CREATE TABLE bare_insert (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), text text NOT NULL)', []);
  await alone.embed(['warm'], { lane: 'interactive', scope: 'bench' });
  return {
    service,
    ada,
    embedder: alone,
    db,
    text: kind === 'neural' ? realPrompts() : promptText,
    [Symbol.asyncDispose]: async () => {
      if (isServer) await db.close();
      await alone.close();
      await service[Symbol.asyncDispose]();
    },
  };
}

/** The same bare insert asked for over HTTP, of a server that is tRPC's own and does nothing else. */
async function insertsBehindTrpc(
  db: Database,
): Promise<{ insert: (text: string) => Promise<unknown> } & AsyncDisposable> {
  const t = initTRPC.create();
  const insert = t.procedure
    .input(z.object({ text: z.string() }))
    .mutation(({ input }) => db.read('INSERT INTO bare_insert (text) VALUES ($1) RETURNING id::text', [input.text]));
  const router = t.router({ insert });
  const server = createHTTPServer({ router });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const client = createTRPCClient<typeof router>({ links: [httpLink({ url: `http://127.0.0.1:${port}` })] });
  return {
    insert: (text) => client.insert.mutate({ text }),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const figuresRow = ({ name, p50Ms, p99Ms, cpuUs, perSecond }: Figures): string =>
  row(name, p50Ms, p99Ms, cpuUs, perSecond);

/**
 * Prompts stored a second with their vectors (no model asked), against the embedding alone and one bare insert of the same
 * text, by itself and as a call: by one caller, whose time is the time to acknowledge, and by sixteen at once.
 */
export async function benchCreates(kind: 'lexical' | 'neural', isQuick: boolean): Promise<string[]> {
  await using bench = await openBench(kind);
  if (bench === null) return ['(no model here)'];
  const { ada, embedder, db, text } = bench;
  await using behind = await insertsBehindTrpc(db);
  const contenders = [
    {
      name: 'embedding alone',
      run: (index: number) => embedder.embed([text(index)], { lane: 'interactive', scope: 'bench' }),
    },
    {
      name: 'bare insert',
      run: (index: number) => db.read('INSERT INTO bare_insert (text) VALUES ($1)', [text(index)]),
    },
    { name: 'bare insert behind tRPC', run: (index: number) => behind.insert(text(index)) },
    {
      name: 'prompts.create',
      run: (index: number) => ada.client.prompts.create.mutate({ text: text(index), generate: false }),
    },
  ];
  const lines = [row('callers, what', 'p50 ms', 'p99 ms', 'CPU us', 'a second'), row(...dashes)];
  for (const callers of [1, 16]) {
    const perRound = (isQuick ? 1 : 5) * (kind === 'neural' ? 8 : 60) * (callers === 1 ? 1 : 3);
    const length: Length = { rounds: isQuick ? 1 : 5, perRound, callers };
    const figures = await interleave(contenders, length);
    lines.push(...figures.map((of) => figuresRow({ ...of, name: `${callers}: ${of.name}` })));
    lines.push(row(`${callers}: ${ratios(figures)}`, '', '', '', ''));
  }
  return lines;
}

const dashes = ['---', '---', '---', '---', '---'];

function ratios([embed, insert, called, create]: readonly Figures[]): string {
  if (embed === undefined || insert === undefined || called === undefined || create === undefined) return '';
  const share = (create.perSecond / embed.perSecond).toFixed(3);
  const [bare, asCall] = [insert, called].map(({ p50Ms }) => ((create.p50Ms - embed.p50Ms) / p50Ms).toFixed(2));
  return `${share} of embedding alone; acknowledge less embedding ${bare} x a bare insert, ${asCall} x one behind tRPC`;
}
