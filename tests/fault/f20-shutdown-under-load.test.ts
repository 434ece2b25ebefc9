import { connect, type Socket } from 'node:net';
import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { createTestFolder } from '../support/database.js';
import { type Behaviour, type FakeUpstream, fakeUpstream, openAiEvents } from '../support/fake-upstream.js';
import { asked, storedRows, whole } from '../support/fault/asked.js';
import { isLong, record, rounds, seededRun } from '../support/fault/form.js';
import { Ledger } from '../support/fault/ledger.js';
import { processHome, startProcess, type TestProcess } from '../support/process.js';
import { goodPassword, clientFor, serveOn } from '../support/service.js';
import { until } from '../support/wait.js';
import { frame, openSocket, type WireSocket } from '../support/wire.js';

const run = seededRun('F20');
const sockets = 100;
const streams = 10;
/** One call each 5 ms: 200 a second, if this machine keeps up. */
const paceMs = 5;
const text = 'One two three four five six seven eight nine ten';

/** A word each tenth of a second. */
const unhurried: Behaviour = ({ response }) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const events = openAiEvents(text);
  const timer = setInterval(() => {
    const event = events.shift();
    if (event !== undefined) response.write(event);
    else response.end();
  }, 100);
  response.once('close', () => clearInterval(timer));
};

/** Peers that would hold an exit: one says nothing, one never ends its request, one reads no answer. */
function unresponsive(program: TestProcess, token: string): Socket[] {
  const port = Number(new URL(program.url).port);
  const head = `POST /trpc/prompts.create HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${token}\r\ncontent-type: application/json\r\n`;
  return [
    '',
    `${head}content-length: 1000\r\n\r\n{"text":"half`,
    `${head}content-length: 15\r\n\r\n{"text":"whole"}`,
  ].map((said) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.pause();
    if (said !== '') socket.write(said);
    return socket;
  });
}

/** A service under load: what its clients hold of it. */
interface Load {
  followers: WireSocket[];
  keys: string[];
  /** Resolves when no call is under way any more; none is begun after the program's end. */
  over: Promise<{ accepted: number; refused: number; cut: number }>;
}

async function loadOn(program: TestProcess, token: string, ledger: Ledger): Promise<Load> {
  const followers = await Promise.all(Array.from({ length: sockets }, () => openSocket(program.url, token)));
  for (const socket of followers) socket.send(frame(1, 'subscription feed.follow', {}));
  const keys = Array.from({ length: streams }, () => randomUUID());
  for (const [index, key] of keys.entries()) {
    ledger.sent(key);
    followers[index]?.send(frame(2, 'subscription prompts.stream', { text: `stream ${key}`, idempotencyKey: key }));
  }
  const first = followers.slice(0, streams);
  await until('the streams to speak', () =>
    first.every(({ frames }) => frames.join().includes('"delta"')) ? true : undefined,
  );
  return { followers, keys, over: hammer(program, clientFor(program.url, { token }), ledger) };
}

/** Calls over kept-alive connections until the program is gone. */
async function hammer(program: TestProcess, client: ReturnType<typeof clientFor>, ledger: Ledger) {
  const count = { accepted: 0, refused: 0, cut: 0 };
  const calls = new Set<Promise<void>>();
  const gone = new AbortController();
  void program.ended.then(() => gone.abort());
  for (let index = 0; !gone.signal.aborted; index += 1) {
    const call = asked(ledger, client, { text: `load ${index}`, generate: false }).then(
      ({ prompt }) => void (prompt === undefined ? (count.refused += 1) : (count.accepted += 1)),
      () => void (count.cut += 1),
    );
    calls.add(call);
    void call.finally(() => calls.delete(call));
    await new Promise((resolve) => setTimeout(resolve, calls.size > 50 ? 10 * paceMs : paceMs));
  }
  await Promise.all(calls);
  return count;
}

const environment = (upstream: FakeUpstream): Record<string, string> => ({
  LLM_BASE_URL: upstream.baseUrl,
  LLM_MODEL: 'gpt-4o-mini',
  LLM_API_KEY: 'sk',
  SOCKETS_PER_USER: '1000',
  SOCKETS_PER_ADDRESS: '1000',
  PROMPTS_PER_SECOND: '100000',
  PROMPTS_PER_MINUTE: '1000000',
});

/** One life of the program under load, ended by `signal` at a moment that the seed says. */
async function round(env: Record<string, string>, ledger: Ledger, signal: NodeJS.Signals) {
  const program = await startProcess(env);
  const username = `ada-${randomUUID()}`;
  const { tokens } = await clientFor(program.url).auth.signup.mutate({ username, password: goodPassword });
  const load = await loadOn(program, tokens.accessToken, ledger);
  const mute = unresponsive(program, tokens.accessToken);
  const strikeMs = performance.now() + run.between(100, 600);
  await until('the moment to strike', () => (performance.now() > strikeMs ? true : undefined));
  const beganMs = performance.now();
  program.kill(signal);
  const code = await program.ended;
  const exitMs = Math.round(performance.now() - beganMs);
  const codes = new Set(await Promise.all(load.followers.map(({ closed }) => closed)));
  const calls = await load.over;
  for (const socket of mute) socket.destroy();
  const told = program.output.stdout
    .split('\n')
    .filter((line) => /"closing"|"closed"|backup|did not close|shutdown|nobody caught/.test(line));
  return { code, exitMs, codes, calls, told, keys: load.keys };
}

/** What was stored, once the program is gone, and what it left pending. */
async function storedIn(env: Record<string, string>) {
  await using service = await serveOn({ ...env, PROMPTWELL_OFFLINE: '1' });
  const rows = await storedRows(service.app.db);
  const ends = await service.app.db.read<{ key: string; status: string }>(
    'SELECT idempotency_key AS key, status::text AS status FROM prompt',
    [],
  );
  return { rows, status: new Map(ends.map(({ key, status }) => [key, status])) };
}

describe('SIGTERM', () => {
  test(
    'F20 under load, with 100 sockets, 10 streams and peers that never answer: nothing accepted fails, exit within 10 s',
    async () => {
      await using upstream = await fakeUpstream();
      upstream.always(unhurried);
      await using home = await processHome();
      await using folder = await createTestFolder();
      const ledger = new Ledger(`${folder.path}/ledger`);
      const env = { ...home.env, ...environment(upstream) };
      const lives: Awaited<ReturnType<typeof round>>[] = [];
      for (let index = 0; index < rounds(3, 50); index += 1) lives.push(await round(env, ledger, 'SIGTERM'));
      for (const { code, exitMs, codes, told } of lives) {
        expect(code, `after ${exitMs} ms: ${told.join('\n')}`).toBe(0);
        expect(told.filter((line) => line.includes('nobody caught'))).toEqual([]);
        expect(exitMs).toBeLessThan(10_000);
        expect([...codes]).toEqual([1012]);
      }
      const { rows, status } = await storedIn(env);
      const verdict = ledger.verdict(rows);
      expect(verdict).toMatchObject(whole);
      const keys = lives.flatMap((life) => life.keys);
      expect(keys.map((key) => status.get(key))).toEqual(keys.map(() => 'completed'));
      // Stored and not told: an accepted call that failed. Streams are told by their end, and resumed by their key.
      const failed = verdict.stored - verdict.acknowledged - keys.length;
      expect(failed).toBe(0);
      const sum = (name: 'accepted' | 'refused' | 'cut') => lives.reduce((total, { calls }) => total + calls[name], 0);
      record('F20', run.seed, {
        rounds: lives.length,
        accepted: sum('accepted'),
        'accepted and failed': failed,
        'refused while closing': sum('refused'),
        'never taken': sum('cut'),
        'clean exits': lives.filter(({ code }) => code === 0).length,
        'slowest exit ms': Math.max(...lives.map(({ exitMs }) => exitMs)),
      });
    },
    isLong ? 1_800_000 : 120_000,
  );

  test('F20 control: SIGKILL instead leaves streams unanswered and sockets cut', async () => {
    await using upstream = await fakeUpstream();
    upstream.always(unhurried);
    await using home = await processHome();
    await using folder = await createTestFolder();
    const ledger = new Ledger(`${folder.path}/ledger`);
    const env = { ...home.env, ...environment(upstream) };
    const { codes, keys } = await round(env, ledger, 'SIGKILL');
    expect([...codes]).toEqual([1006]);
    const { status } = await storedIn(env);
    expect(keys.map((key) => status.get(key))).not.toContain('completed');
  }, 60_000);
});
