import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { performance } from 'node:perf_hooks';
import { expect } from 'vitest';
import { loadConfig } from '../../../src/config.js';
import { startProcess, type TestProcess } from '../process.js';
import { withRaw } from '../raw.js';
import { clientFor, goodPassword } from '../service.js';
import { until } from '../wait.js';
import { Ledger, type StoredRow, type Verdict } from './ledger.js';

/** Writers of prompts that are killed with the service, and go on with the next one: what they lost sight of is sent again. */
const writerCount = 8;

/** Writers beside them that send again without a key: enough that some kill falls between a row and its answer. */
const naiveCount = 4;

/** Runnable processes, in the mean of a minute, below which the machine has nothing else to do than this. */
const calmLoad = 1.5 * availableParallelism();

/**
 * People who take turns, a start of the program each: a process holds a tenth of what its user may do in a minute, and
 * takes it along when it is killed.
 */
const people = 8;

/** One prompt that was sent and has no answer yet. */
interface Unanswered {
  key: string;
  token: string;
  isGenerated: boolean;
  /** Without an idempotency key: the control, which must double. */
  isNaive: boolean;
}

/** What the writers did and what it must come to. */
export class KillLoad implements AsyncDisposable {
  readonly ledger: Ledger;
  /** Of a client that sends again without an idempotency key. */
  readonly naive: Ledger;
  /** How long each start took until ready, in milliseconds. */
  readonly readyMs: number[] = [];
  /** Those of them that had the machine to themselves. */
  readonly calmReadyMs: number[] = [];
  /** The same in processor time, which does not depend on what else this machine does. */
  readonly readyCpuMs: number[] = [];
  /** How often the program said that it is too busy. */
  busy = 0;
  #unanswered: Unanswered[] = [];
  readonly #tokens: string[] = [];
  #program: TestProcess | undefined;
  readonly #env: Record<string, string>;

  constructor(env: Record<string, string>, folder: string) {
    this.#env = { ...env, PROMPTWELL_OFFLINE: '1', ACCESS_TOKEN_MINUTES: '1440', PROMPTS_PER_MINUTE: '1000000' };
    this.ledger = new Ledger(`${folder}/ledger`);
    this.naive = new Ledger(`${folder}/naive-ledger`);
  }

  /** The program as it runs now. */
  get program(): TestProcess {
    if (this.#program === undefined) throw new Error('the program was not started');
    return this.#program;
  }

  /** Starts the program; the first time some people sign up. */
  async start(): Promise<void> {
    const startedAt = performance.now();
    this.#program = await startProcess(this.#env, undefined, 120_000);
    const readyMs = performance.now() - startedAt;
    this.readyMs.push(readyMs);
    if ((loadavg()[0] ?? 0) < calmLoad) this.calmReadyMs.push(readyMs);
    this.readyCpuMs.push(cpuMs(this.#program.pid));
    for (let count = this.#tokens.length; count < people; count += 1) {
      const person = { username: `writer-${count}`, password: goodPassword };
      const session = await clientFor(this.program.url).auth.signup.mutate(person);
      this.#tokens.push(session.tokens.accessToken);
    }
  }

  /**
   * Writes until `strike` has ended the program: `strike` is called once the first answers are in. What was under way is
   * sent again by the next call.
   */
  async writeUntil(strike: () => Promise<unknown>): Promise<void> {
    const struck = new AbortController();
    const token = this.#tokens[this.readyMs.length % people] ?? '';
    const again = this.#unanswered.filter((prompt) => prompt.token === token);
    this.#unanswered = this.#unanswered.filter((prompt) => prompt.token !== token);
    let answers = 0;
    const writer = async (index: number): Promise<void> => {
      for (let count = index; !struck.signal.aborted; count += 1) {
        const isNaive = index < naiveCount;
        // Every second writer alone sends again: a prompt that a dead process left pending is waited for until its lease ends.
        const unanswered = index % 2 === 0 ? again.pop() : undefined;
        const next = unanswered ?? { key: randomUUID(), token, isGenerated: isNaive || count % 4 === 0, isNaive };
        if (!(await this.#send(next))) return;
        answers += 1;
      }
    };
    const writing = Promise.all(Array.from({ length: naiveCount + writerCount }, (_, index) => writer(index)));
    let refusal: unknown;
    // A refusal must not end the test's own process, and ends the waiting.
    writing.catch((cause: unknown) => {
      refusal = cause;
    });
    const begun = (): true | undefined => (answers >= writerCount || refusal !== undefined ? true : undefined);
    // A start that answers nobody would be waited for in vain.
    await until('the first answers', begun, 60_000);
    await strike();
    struck.abort();
    await writing;
    this.#unanswered.push(...again);
  }

  /** True when an answer came, false when the program is gone. Faults: a refusal, which no kill explains. */
  async #send(prompt: Unanswered): Promise<boolean> {
    const { key, token, isGenerated, isNaive } = prompt;
    const ledger = isNaive ? this.naive : this.ledger;
    ledger.sent(key);
    let response: Response;
    let text: string;
    try {
      response = await fetch(`${this.program.url}/trpc/prompts.create`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ text: key, generate: isGenerated, ...(isNaive ? {} : { idempotencyKey: key }) }),
      });
      text = await response.text();
    } catch {
      this.#unanswered.push(prompt);
      return false;
    }
    // Busy is no answer: what became of the write is not known, and it is sent again.
    if (response.status === 503) {
      this.#unanswered.push(prompt);
      this.busy += 1;
      return true;
    }
    const id = response.ok ? (JSON.parse(text) as { result: { data: { id: string } } }).result.data.id : undefined;
    if (id !== undefined) ledger.acknowledged(key, id);
    // The first sending got as far as a row; its answer is still awaited, or was interrupted by the kill.
    else if (response.status !== 409 && !text.includes('"state":"interrupted"'))
      throw new Error(`refused with ${response.status}: ${text}`);
    return true;
  }

  /** Ends the program as an operator does. */
  async stop(): Promise<void> {
    this.program.kill('SIGTERM');
    await this.program.ended;
  }

  /** Leaves no program behind, however the test ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#program !== undefined) await this.kill();
  }

  /** Kills the program and waits until it is gone. */
  async kill(): Promise<void> {
    this.program.kill('SIGKILL');
    await this.program.ended;
  }

  /**
   * What is stored in the end, after every lease of the dead ran out and the program had its sweep.
   *
   * Shape: the program runs before and is stopped after.
   */
  async settle(): Promise<{ verdict: Verdict; naive: Verdict; unended: number; interrupted: number }> {
    const { db } = loadConfig(this.#env);
    await this.stop();
    await withRaw(db, (client) =>
      client.query(`UPDATE prompt SET lease_expires_at = now() - interval '1 second' WHERE status = 'pending'`),
    );
    await this.start();
    const clients = this.#tokens.map((token) => clientFor(this.program.url, { token }));
    const pending = () =>
      Promise.all(clients.map((client) => client.prompts.list.query({ limit: 1, filter: { status: 'pending' } })));
    const hasEnded = async (): Promise<true | undefined> =>
      (await pending()).every(({ items }) => items.length === 0) ? true : undefined;
    await until('every prompt to have an end', hasEnded, 30_000).catch(async (cause: unknown) => {
      const sql = `SELECT id, lease_owner, lease_expires_at - now() AS left, is_pushed FROM prompt WHERE status = 'pending'`;
      const { rows } = await withRaw(db, (session) => session.query(sql));
      const logged = this.program.output.stdout.slice(-4_000);
      throw new Error(`${rows.length} pending, ${JSON.stringify(rows.slice(0, 3))}\n${logged}`, { cause });
    });
    await this.stop();
    const read = <Row extends object>(sql: string): Promise<Row[]> =>
      withRaw(db, async (session) => (await session.query<Row>(sql)).rows);
    const stored = await read<StoredRow & { status: string; is_naive: boolean }>(
      'SELECT text AS key, id::text AS id, status::text AS status, idempotency_key IS NULL AS is_naive FROM prompt',
    );
    return {
      verdict: this.ledger.verdict(stored.filter((row) => !row.is_naive)),
      naive: this.naive.verdict(stored.filter((row) => row.is_naive)),
      unended: stored.filter((row) => row.status === 'pending').length,
      interrupted: stored.filter((row) => row.status === 'failed').length,
    };
  }
}

/** Asserts that nothing was lost, doubled or made up; and that the same run without idempotency keys doubles. */
export function requireNothingLost({ verdict, naive, unended }: Awaited<ReturnType<KillLoad['settle']>>): void {
  expect({ ...verdict, unended }).toMatchObject({ lost: [], doubled: [], unknown: [], unended: 0 });
  expect(verdict.acknowledged).toBeGreaterThan(0);
  // The control: were it not to double, no kill fell between a row and its answer, and the run would prove nothing.
  expect(naive.doubled.length).toBeGreaterThan(0);
}

/** Processor time of a process so far. Source: Linux, proc(5): fields 14 and 15, in hundredths of a second. */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** The middle one and the greatest of some times, rounded. */
export function spread(times: readonly number[]): { medianMs: number; maxMs: number } {
  const sorted = times.toSorted((one, other) => one - other);
  return { medianMs: Math.round(sorted[sorted.length >> 1] ?? 0), maxMs: Math.round(sorted.at(-1) ?? 0) };
}
