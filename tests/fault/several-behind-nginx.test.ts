import { join } from 'node:path';
import type pg from 'pg';
import { describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { type Cluster, type Member, startInstallation } from '../support/cluster.js';
import { createTestFolder, engineUnderTest } from '../support/database.js';
import { debianFiles } from '../support/debian.js';
import { record, rounds, seededRun } from '../support/fault/form.js';
import { Ledger, type StoredRow } from '../support/fault/ledger.js';
import { feedVerdict, kept, type Listener, listen, nameOf } from '../support/fault/listeners.js';
import { attemptOf, promptOf, startWriters, type Writers } from '../support/fault/writers.js';
import { startNginx, type TestNginx, tlsCall } from '../support/nginx.js';
import { until } from '../support/wait.js';

const debian = await debianFiles(['nginx']);
const program = join(debian ?? '', 'usr/sbin/nginx');
const minuteMs = 60_000;
const kills = rounds(1, 6);
const laps = rounds(1, 3);
const subscribers = rounds(3, 9);
/** Writes that must pass between one stroke and the next. */
const between = 10;

/** What runs against nginx while processes end. */
interface Load {
  writers: Writers;
  reads: number[];
  stop(): Promise<void>;
}

function startLoad(nginx: TestNginx, token: string, ledger: Ledger): Load {
  const headers = { authorization: `Bearer ${token}` };
  const writers = startWriters(4, ledger, async (key) => {
    const answer = await tlsCall(nginx, '/trpc/prompts.create', { method: 'POST', headers, body: promptOf(key) });
    return attemptOf(answer.status, answer.text);
  });
  const reads: number[] = [];
  const over = new AbortController();
  const reading = (async () => {
    while (!over.signal.aborted) reads.push((await tlsCall(nginx, '/trpc/prompts.list', { headers })).status);
  })();
  return {
    writers,
    reads,
    async stop() {
      over.abort();
      await Promise.all([writers.stop(), reading]);
    },
  };
}

/** Each process in turn ends by `signal` and comes again, with writes acknowledged between. */
async function endInTurns(
  { cluster, nginx, writers }: { cluster: Cluster; nginx: TestNginx; writers: Writers },
  { signal, times }: { signal: NodeJS.Signals; times: number },
) {
  for (let count = 0; count < times; count += 1) {
    const wanted = writers.acknowledged + between;
    await until('writes', () => (writers.acknowledged >= wanted ? true : undefined), minuteMs);
    const victim = cluster.members[count % cluster.members.length];
    await victim?.end(signal);
    const meanwhile = writers.acknowledged + between;
    await until('writes at the others', () => (writers.acknowledged >= meanwhile ? true : undefined), minuteMs);
    const before = await answeredBy(nginx, victim);
    await victim?.start();
    await until(
      'nginx to ask it again',
      async () => ((await answeredBy(nginx, victim)) > before ? true : undefined),
      minuteMs,
    );
  }
}

/** How many calls a process has answered through nginx, by its log. */
async function answeredBy(nginx: TestNginx, member: Member | undefined): Promise<number> {
  const { access } = await nginx.logs();
  const { host } = new URL(member?.url ?? '');
  return access.split(`"upstream":"${host}","upstreamStatus":"200"`).length;
}

const truthOf = async (db: pg.Pool): Promise<string[]> =>
  (
    await db.query<{ kind: string; prompt: string; text: string }>(
      `SELECT kind, prompt_id::text AS prompt, view ->> 'text' AS text FROM event ORDER BY event.xid, event.id`,
    )
  ).rows.map(({ kind, prompt, text }) => nameOf(kind, prompt, text));

const storedOf = async (db: pg.Pool): Promise<StoredRow[]> =>
  (await db.query<StoredRow>('SELECT idempotency_key AS key, id FROM prompt')).rows;

const tally = (statuses: readonly number[]): string =>
  [...new Set(statuses)]
    .toSorted((a, b) => a - b)
    .map((status) => `${status}: ${statuses.filter((one) => one === status).length}`)
    .join(' ');

describe.skipIf(engineUnderTest === 'embedded' || debian === null)(
  "three processes behind Debian's nginx under load (skipped on the embedded engine, which has one process)",
  () => {
    test('killed one after another, and restarted one after another, they lose nothing acknowledged, fail no read, and their subscribers hear every event once (F18, F20)', {
      timeout: rounds(2, 15) * minuteMs,
    }, async () => {
      const run = seededRun('several');
      await using folder = await createTestFolder();
      await using installation = await startInstallation(3);
      const { cluster, db, token } = installation;
      await using nginx = await startNginx(
        program,
        cluster.members.map(({ url }) => new URL(url).host),
      );
      class Trusting extends WebSocket {
        constructor(url: string) {
          super(url, { ca: nginx.ca });
        }
      }
      const listeners: Listener[] = await Promise.all(
        Array.from({ length: subscribers }, () => listen(nginx.url, token, Trusting)),
      );
      const ledger = new Ledger(`${folder.path}/ledger`);
      const load = startLoad(nginx, token, ledger);
      await endInTurns({ cluster, nginx, writers: load.writers }, { signal: 'SIGKILL', times: kills });
      const killed = load.writers.statuses.splice(0);
      await endInTurns({ cluster, nginx, writers: load.writers }, { signal: 'SIGTERM', times: 3 * laps });
      const rolled = load.writers.statuses.splice(0);
      await load.stop();

      const truth = await truthOf(db);
      await until(
        'every subscriber to hear the last event',
        () => (listeners.every(({ heard }) => heard.at(-1)?.name === truth.at(-1)) ? true : undefined),
        minuteMs,
      );
      const verdicts = listeners.map(({ heard }) =>
        feedVerdict(
          heard.map(({ name }) => name),
          truth,
        ),
      );
      const stored = await storedOf(db);
      const verdict = ledger.verdict(stored);
      record('several processes', run.seed, {
        killed: kills,
        'restarted in turn': 3 * laps,
        'writes acknowledged': verdict.acknowledged,
        lost: verdict.lost.length,
        doubled: verdict.doubled.length,
        'write answers while killing': tally(killed),
        'write answers while restarting': tally(rolled),
        reads: tally(load.reads),
        events: truth.length,
        subscribers,
        reconnects: listeners.reduce((sum, { connections }) => sum + connections - 1, 0),
        'events lost or doubled': verdicts.reduce((sum, { lost, doubled }) => sum + lost + doubled, 0),
      });

      expect(verdict).toMatchObject({ lost: [], doubled: [], unknown: [] });
      expect(verdict.acknowledged).toBe(verdict.sent);
      expect(verdicts).toEqual(listeners.map(() => kept));
      expect(listeners.flatMap(({ errors }) => errors)).toEqual([]);
      expect(load.reads.filter((status) => status !== 200)).toEqual([]);
      // A process that is restarted answers what it accepted: 503 says that a call was not begun.
      expect(rolled.filter((status) => ![200, 503].includes(status))).toEqual([]);
      // The control: without its rows the ledger finds the loss, and the feed's verdict that of an event.
      expect(ledger.verdict(stored.slice(1)).lost).toHaveLength(1);
      expect(feedVerdict(truth.slice(1), truth).lost).toBe(1);
      for (const listener of listeners) listener.unsubscribe();
    });
  },
);
