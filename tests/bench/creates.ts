import { existsSync, readFileSync } from 'node:fs';
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
import { until } from '../support/wait.js';
import { loopDelay, row } from './measure.js';
import { type Figures, interleave, type Length } from './rounds.js';
import { bareEmbedder, disposable } from './similar.js';
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

/** What one bench of creates works with. */
interface Bench extends AsyncDisposable {
  service: TestService;
  ada: TestPerson;
  embedder: Embedder;
  /** A pool of the bench's own on a server; the embedded engine has one session, so there it is the service's. */
  db: Database;
  text: (index: number) => string;
}

async function openBench(kind: 'lexical' | 'neural'): Promise<Bench | null> {
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

const figuresRow = ({ name, p50Ms, p99Ms, cpuUs, perSecond }: Figures): string =>
  row(name, p50Ms, p99Ms, cpuUs, perSecond);

/**
 * Prompts stored a second with their vectors (no model asked), against the embedding alone and one bare insert of the same
 * text: by one caller, whose time is the time to acknowledge, and by sixteen at once.
 */
async function benchCreates(kind: 'lexical' | 'neural', isQuick: boolean): Promise<string[]> {
  await using bench = await openBench(kind);
  if (bench === null) return ['(no model here)'];
  const { ada, embedder, db, text } = bench;
  const contenders = [
    {
      name: 'embedding alone',
      run: (index: number) => embedder.embed([text(index)], { lane: 'interactive', scope: 'bench' }),
    },
    {
      name: 'bare insert',
      run: (index: number) => db.read('INSERT INTO bare_insert (text) VALUES ($1)', [text(index)]),
    },
    {
      name: 'prompts.create',
      run: (index: number) => ada.client.prompts.create.mutate({ text: text(index), generate: false }),
    },
  ];
  const lines = [row('callers, what', 'p50 ms', 'p99 ms', 'CPU us', 'a second'), row(...dashes)];
  for (const callers of [1, 16]) {
    const length: Length = { rounds: isQuick ? 1 : 5, perRound: isQuick ? 20 : callers === 1 ? 300 : 800, callers };
    const figures = await interleave(contenders, length);
    lines.push(...figures.map((of) => figuresRow({ ...of, name: `${callers}: ${of.name}` })));
    lines.push(row(`${callers}: ${ratios(figures)}`, '', '', '', ''));
  }
  return lines;
}

const dashes = ['---', '---', '---', '---', '---'];

function ratios([embed, insert, create]: readonly Figures[]): string {
  if (embed === undefined || insert === undefined || create === undefined) return '';
  const acknowledge = (create.p50Ms - embed.p50Ms) / insert.p50Ms;
  return `${(create.perSecond / embed.perSecond).toFixed(3)} of embedding alone; acknowledge less embedding ${acknowledge.toFixed(2)} x a bare insert`;
}

/** Prompts stored a second: one by one, by sixteen callers, by imports of 100 and of 1 000; raw rows beside them. */
async function benchImport(isQuick: boolean): Promise<string[]> {
  await using bench = await openBench('lexical');
  if (bench === null) return [];
  const { ada, db } = bench;
  const items = (index: number, count: number) =>
    Array.from({ length: count }, (_, at) => ({ text: promptText(index * 1_000 + at) }));
  const bareMany = (index: number) =>
    db.read('INSERT INTO bare_insert (text) SELECT unnest($1::text[])', [items(index, 1_000).map(({ text }) => text)]);
  const create = (index: number) => ada.client.prompts.create.mutate({ text: promptText(index), generate: false });
  const rounds = isQuick ? 1 : 5;
  const single = { run: create, size: 1 };
  const runs = [
    { ...single, name: 'prompts.create, one caller', perRound: 60, callers: 1 },
    { ...single, name: 'prompts.create, 16 callers', perRound: 320, callers: 16 },
    {
      name: 'prompts.import of 100',
      run: (index: number) => ada.client.prompts.import.mutate({ items: items(index, 100) }),
      size: 100,
      perRound: 8,
      callers: 1,
    },
    {
      name: 'prompts.import of 1 000',
      run: (index: number) => ada.client.prompts.import.mutate({ items: items(index, 1_000) }),
      size: 1_000,
      perRound: 3,
      callers: 1,
    },
    { name: 'bare insert of 1 000', run: bareMany, size: 1_000, perRound: 3, callers: 1 },
  ];
  const samples = runs.map(() => [] as Figures[]);
  for (let round = 0; round < rounds; round += 1)
    for (const [at, { name, run, perRound, callers }] of runs.entries()) {
      // One round each in turn: a call of one contender is no call of another.
      const from = (round * runs.length + at) * 10_000;
      const [figures] = await interleave([{ name, run: (index) => run(from + index) }], {
        rounds: 1,
        perRound,
        callers,
      });
      if (figures !== undefined) samples[at]?.push(figures);
      await untilIndexed(bench);
    }
  const lines = [row('what', 'p50 ms a call', 'prompts a second', 'x one caller'), row('---', '---', '---', '---')];
  const middle = (of: readonly number[]): number => of.toSorted((a, b) => a - b)[of.length >> 1] ?? Number.NaN;
  const rate = (at: number): number => (runs[at]?.size ?? 0) * middle((samples[at] ?? []).map((one) => one.perSecond));
  for (const [at, { name }] of runs.entries())
    lines.push(row(name, middle((samples[at] ?? []).map((one) => one.p50Ms)), rate(at), rate(at) / rate(0)));
  return lines;
}

const untilIndexed = ({ service }: Bench): Promise<true> =>
  until(
    'every vector',
    async () => {
      const [lacking] = await service.app.db.read<{ count: number }>(
        `SELECT count(*)::int AS count FROM prompt p WHERE NOT EXISTS (SELECT 1 FROM embedding e WHERE e.prompt_id = p.id)`,
        [],
      );
      return lacking?.count === 0 || undefined;
    },
    300_000,
  );

/** Twenty batches of a thousand, one after another, until stored and until each can be found; the longest stall beside it. */
async function benchIngest(kind: 'lexical' | 'neural', prompts: number): Promise<string[]> {
  await using bench = await openBench(kind);
  if (bench === null) return ['(no model here)'];
  const { ada, embedder, text } = bench;
  const startedMs = performance.now();
  let storedMs = 0;
  const delay = await loopDelay(async () => {
    for (let at = 0; at < prompts; at += 1_000) {
      const items = Array.from({ length: Math.min(1_000, prompts - at) }, (_, index) => ({ text: text(at + index) }));
      await ada.client.prompts.import.mutate({ items });
    }
    storedMs = performance.now() - startedMs;
    await untilIndexed(bench);
  });
  const searchableMs = performance.now() - startedMs;
  const embedStartedMs = performance.now();
  for (let at = 0; at < prompts; at += 1_000)
    await embedder.embed(
      Array.from({ length: 1_000 }, (_, index) => text(at + index)),
      { lane: 'background', scope: 'alone' },
    );
  const embedMs = performance.now() - embedStartedMs;
  return [
    row(
      'prompts',
      'stored s',
      'a second',
      'searchable s',
      'a second',
      'embedding alone s',
      'loop delay p99 ms',
      'longest ms',
    ),
    row('---', '---', '---', '---', '---', '---', '---', '---'),
    row(
      String(prompts),
      storedMs / 1_000,
      (prompts * 1_000) / storedMs,
      searchableMs / 1_000,
      (prompts * 1_000) / searchableMs,
      embedMs / 1_000,
      delay.p99Ms,
      delay.maxMs,
    ),
  ];
}

/** The event loop's delay while texts are embedded, 500 at once and 500 a second, and while nothing is done. */
async function benchLoop(seconds: number): Promise<string[]> {
  await using embedder = disposable(bareEmbedder());
  const embed = (index: number) => embedder.embed([promptText(index)], { lane: 'interactive', scope: 'bench' });
  await embed(0);
  const idle = await loopDelay(() => pause(1_000));
  const burst = await loopDelay(() => Promise.all(Array.from({ length: 500 }, (_, index) => embed(index + 1))));
  const steady = await loopDelay(async () => {
    // Fifty each 100 ms.
    for (let at = 0; at < 10 * seconds; at += 1)
      await Promise.all([pause(100), ...Array.from({ length: 50 }, (_, index) => embed(1_000 + at * 50 + index))]);
  });
  return [
    row('state', 'p99 ms', 'longest ms'),
    row('---', '---', '---'),
    row('idle', idle.p99Ms, idle.maxMs),
    row('500 texts embedded at once', burst.p99Ms, burst.maxMs),
    row(`500 texts embedded a second, for ${seconds} s`, steady.p99Ms, steady.maxMs),
  ];
}

const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

/** The tables of the write path, each with a name to ask for it. */
export const writePath = (isQuick: boolean): { name: string; title: string; make: () => Promise<string[]> }[] => [
  { name: 'loop', title: 'Event-loop delay while embedding', make: () => benchLoop(isQuick ? 1 : 5) },
  { name: 'creates', title: 'Creates, lexical embedder', make: () => benchCreates('lexical', isQuick) },
  { name: 'creates-neural', title: 'Creates, neural stand-in', make: () => benchCreates('neural', isQuick) },
  { name: 'imports', title: 'Imports beside creates', make: () => benchImport(isQuick) },
  {
    name: 'ingest',
    title: 'An import until it can be searched',
    make: () => benchIngest('lexical', isQuick ? 2_000 : 20_000),
  },
];
