import type pg from 'pg';
import { describe, expect, test } from 'vitest';
import { type Cluster, startInstallation } from '../support/cluster.js';
import { createTestFolder, engineUnderTest } from '../support/database.js';
import { record, rounds, type SeededRun, seededRun } from '../support/fault/form.js';
import { Ledger, type StoredRow } from '../support/fault/ledger.js';
import { feedVerdict, kept, type Listener, listen, nameOf, percentile } from '../support/fault/listeners.js';
import { startLateWriter, startNaiveCursor } from '../support/fault/naive-cursor.js';
import { startWriters, writeOverHttp } from '../support/fault/writers.js';
import { cuttableProxy, type CuttableProxy } from '../support/proxy.js';
import { clientFor } from '../support/service.js';
import { until } from '../support/wait.js';

const subscribers = rounds(4, 10);
const cutsOfEach = rounds(40, 500) / subscribers;
const restarts = rounds(2, 50);
const bellsKilled = rounds(4, 50);
const minuteMs = 60_000;

/** One subscriber and the wire that it hangs on. */
interface Wired {
  listener: Listener;
  wire: CuttableProxy;
}

/** One row of the event table, in the order of the feed. */
interface EventRow {
  id: string;
  name: string;
  atMs: number;
}

/** A subscriber that was told an error waits for nothing any more. */
function reconnected({ connections, errors }: Listener, before: number): true | undefined {
  if (errors.length > 0) throw errors[0];
  return connections > before ? true : undefined;
}

/** Cuts a subscriber's wire after random numbers of events, each time once it listens again, towards any process. */
async function cutAtRandom({ listener, wire }: Wired, cluster: Cluster, run: SeededRun): Promise<void> {
  for (let cuts = 0; cuts < cutsOfEach; cuts += 1) {
    const events = listener.heard.length + run.between(0, 12);
    await until(`${events} events`, () => (listener.heard.length >= events ? true : undefined), minuteMs);
    const members = cluster.up();
    wire.leadTo(members[run.between(0, members.length - 1)]?.url ?? '');
    const before = listener.connections;
    wire.cut();
    await until('the next connection', () => reconnected(listener, before), minuteMs);
  }
}

/** Ends one process after the other, some with a signal that nobody can catch, and starts them again. */
async function restartInTurns(cluster: Cluster, wired: readonly Wired[], run: SeededRun): Promise<void> {
  for (let count = 0; count < restarts; count += 1) {
    const victim = cluster.members[count % cluster.members.length];
    const other = cluster.members.find((member) => member !== victim);
    for (const { wire } of wired) wire.leadTo(other?.url ?? '');
    await victim?.end(run.random() < 0.5 ? 'SIGKILL' : 'SIGTERM');
    await victim?.start();
  }
}

/** Kills every listening connection of the database, once some events were heard since the last time. */
async function killBells(db: pg.Pool, { listener }: Wired): Promise<number> {
  let killed = 0;
  while (killed < bellsKilled) {
    const events = listener.heard.length + 20;
    await until('events between', () => (listener.heard.length >= events ? true : undefined), minuteMs);
    const { rowCount } = await db.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE application_name = 'promptwell-bell' AND datname = current_database()`,
    );
    killed += rowCount ?? 0;
  }
  return killed;
}

const eventsOf = async (db: pg.Pool): Promise<EventRow[]> =>
  (
    await db.query<{ id: string; kind: string; prompt: string; text: string; at: Date }>(
      `SELECT id::text AS id, kind, prompt_id::text AS prompt, view ->> 'text' AS text, created_at AS at
       FROM event ORDER BY event.xid, event.id`,
    )
  ).rows.map(({ id, kind, prompt, text, at }) => ({ id, name: nameOf(kind, prompt, text), atMs: at.getTime() }));

const storedOf = async (db: pg.Pool): Promise<StoredRow[]> =>
  (await db.query<StoredRow>('SELECT idempotency_key AS key, id FROM prompt WHERE idempotency_key IS NOT NULL')).rows;

describe.skipIf(engineUnderTest === 'embedded')(
  'several processes are one feed (skipped on the embedded engine, which has one process)',
  () => {
    test('across cuts, restarts and killed LISTEN connections, among ten writers, every event is heard once and in order (F17, F18)', {
      timeout: rounds(2, 20) * minuteMs,
    }, async () => {
      const run = seededRun('F17 F18');
      await using folder = await createTestFolder();
      await using installation = await startInstallation(2);
      const { cluster, db, token, url } = installation;
      const template = await clientFor(cluster.members[1]?.url ?? '', { token }).prompts.create.mutate({
        text: 'template',
        generate: false,
      });
      const templates = (await eventsOf(db)).length;
      const wired = await Promise.all(
        Array.from({ length: subscribers }, async (_, index): Promise<Wired> => {
          const wire = await cuttableProxy(cluster.members[index % 2]?.url ?? '');
          return { wire, listener: await listen(wire.url, token) };
        }),
      );

      const naive = await startNaiveCursor(url);
      const late = await startLateWriter(
        url,
        { projectId: template.projectId, promptId: template.id, view: template },
        naive,
      );
      const ledger = new Ledger(`${folder.path}/ledger`);
      const writers = startWriters(10, ledger, (key) => {
        const members = cluster.up();
        return writeOverHttp(members[Math.floor(Math.random() * members.length)]?.url ?? '', token, key);
      });
      const [killed] = await Promise.all([
        killBells(db, wired[0] as Wired),
        restartInTurns(cluster, wired, run),
        ...wired.map((one) => cutAtRandom(one, cluster, run)),
      ]);
      await writers.stop();
      await late.stop();
      await naive.stop();

      const events = (await eventsOf(db)).slice(templates);
      const truth = events.map(({ name }) => name);
      await until(
        'every subscriber to hear the last event',
        () => (wired.every(({ listener }) => listener.heard.at(-1)?.name === truth.at(-1)) ? true : undefined),
        minuteMs,
      );
      const caughtUpMs = Math.max(...wired.map(({ listener }) => listener.heard.at(-1)?.atMs ?? 0));
      const verdicts = wired.map(({ listener }) =>
        feedVerdict(
          listener.heard.map(({ name }) => name),
          truth,
        ),
      );
      const writtenAtMs = new Map(events.map(({ name, atMs }) => [name, atMs]));
      const delays = wired.flatMap(({ listener }) =>
        listener.heard.map(({ name, atMs }) => atMs - (writtenAtMs.get(name) ?? 0)),
      );
      const missed = events.filter(({ id }) => !naive.seen.has(id));
      const missedLate = missed.filter(({ id }) => late.ids.includes(id));
      const stored = ledger.verdict(await storedOf(db));
      record('F17, F18', run.seed, {
        events: truth.length,
        subscribers,
        reconnects: wired.reduce((sum, { listener }) => sum + listener.connections - 1, 0),
        restarts,
        'LISTEN connections killed': killed,
        lost: verdicts.reduce((sum, { lost }) => sum + lost, 0),
        doubled: verdicts.reduce((sum, { doubled }) => sum + doubled, 0),
        misordered: verdicts.reduce((sum, { misordered }) => sum + misordered, 0),
        'delay p50 / p99 / most ms': [0.5, 0.99, 1].map((share) => percentile(delays, share)).join(' / '),
        'caught up after the last write ms': Math.max(0, caughtUpMs - writers.lastAcknowledgedMs),
        'naive cursor missed': `${missed.length} (${missed.length - missedLate.length} of the service's own)`,
        'writes acknowledged': stored.acknowledged,
      });

      expect(verdicts).toEqual(wired.map(() => kept));
      expect(wired.map(({ listener: { errors, completions } }) => ({ errors, completions }))).toEqual(
        wired.map(() => ({ errors: [], completions: 0 })),
      );
      expect(stored).toMatchObject({ lost: [], doubled: [], unknown: [] });
      expect(stored.acknowledged).toBe(stored.sent);
      // The control: the same events read by the naive cursor are not all seen, and the verdict says so.
      const naively = events.filter(({ id }) => naive.seen.has(id)).map(({ name }) => name);
      expect(feedVerdict(naively, truth).lost).toBeGreaterThan(0);
      for (const { listener, wire } of wired) {
        listener.unsubscribe();
        await wire[Symbol.asyncDispose]();
      }
    });
  },
);
