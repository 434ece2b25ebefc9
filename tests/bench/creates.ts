import { loadConfig } from '../../src/config.js';
import { openDatabase } from '../../src/platform/db/client.js';
import { engineUnderTest, testDeps } from '../support/database.js';
import { startService } from '../support/service.js';
import { loopDelay, median, rate, row } from './measure.js';
import { bareEmbedder, disposable } from './similar.js';
import { promptText } from './texts.js';

const rounds = 5;
const perRound = 300;
const callers = 16;

/**
 * Prompts stored a second with their vectors (no model asked), against the embedding alone and against one bare insert of
 * the same text, each by sixteen callers at once.
 */
export async function benchCreates(): Promise<string[]> {
  await using service = await startService();
  await using embedder = disposable(bareEmbedder());
  const ada = await service.signUp();
  const db =
    engineUnderTest === 'server'
      ? await openDatabase({ ...testDeps, config: loadConfig(service.env).db })
      : service.app.db;
  await db.read('CREATE TABLE bare_insert (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), text text NOT NULL)', []);
  const figures = { embed: [] as number[], insert: [] as number[], create: [] as number[] };
  for (let round = 0; round < rounds; round += 1) {
    const text = (index: number): string => promptText(round * perRound + index);
    figures.embed.push(
      await rate(perRound, callers, (index) => embedder.embed([text(index)], { lane: 'interactive', scope: 'bench' })),
    );
    figures.insert.push(
      await rate(perRound, callers, (index) => db.read('INSERT INTO bare_insert (text) VALUES ($1)', [text(index)])),
    );
    figures.create.push(
      await rate(perRound, callers, (index) =>
        ada.client.prompts.create.mutate({ text: text(index), generate: false }),
      ),
    );
  }
  if (db !== service.app.db) await db.close();
  const [embed, insert, create] = [median(figures.embed), median(figures.insert), median(figures.create)];
  return [
    row('embedding alone /s', 'bare insert /s', 'prompts.create /s', 'of embedding', 'of bare insert'),
    row('---', '---', '---', '---', '---'),
    row(embed, insert, create, create / embed, create / insert),
  ];
}

/** The event loop's delay while 500 texts are embedded, and while nothing is done. */
export async function benchLoop(): Promise<string[]> {
  await using embedder = disposable(bareEmbedder());
  await embedder.embed(['warm'], { lane: 'interactive', scope: 'bench' });
  const idle = await loopDelay(() => new Promise((resolve) => setTimeout(resolve, 1_000)));
  const busy = await loopDelay(() =>
    Promise.all(
      Array.from({ length: 500 }, (_, index) =>
        embedder.embed([promptText(index)], { lane: 'interactive', scope: 'bench' }),
      ),
    ),
  );
  return [
    row('state', 'p99 ms', 'longest ms'),
    row('---', '---', '---'),
    row('idle', idle.p99Ms, idle.maxMs),
    row('500 texts embedded at once', busy.p99Ms, busy.maxMs),
  ];
}
