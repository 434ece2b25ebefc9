import { createHash } from 'node:crypto';
import pg from 'pg';
import { expect } from 'vitest';
import { TRPC_ERROR_CODES_BY_KEY } from '@trpc/server/rpc';
import type { ErrorShape } from '../../src/rpc/faults.js';
import { processHome, startProcess, type TestProcess } from './process.js';
import { clientFor, goodPassword, type TestPerson } from './service.js';
import { openSocket, type WireSocket } from './wire.js';

/** A service in a process of its own that is attacked, with somebody who attacks and somebody who must not notice. */
export interface Target extends AsyncDisposable {
  url: string;
  program: TestProcess;
  /** Bears the attack; the administrator of the installation. */
  ada: TestPerson;
  /** A prompt of hers that attacks leave alone. */
  promptId: string;
  /** Has a project of his own, which no call of hers may change or show. */
  bob: TestPerson;
  /** A sum of all that is stored of his project. */
  neighbour(): Promise<string>;
  /** Fails unless the process lives, is well, and has logged no bug and none of `canaries`. */
  expectUnharmed(canaries: readonly string[]): Promise<void>;
}

/** Bounds that an attack from one machine would meet long before the inputs do. */
const generous = {
  LOG_LEVEL: 'trace',
  PROMPTWELL_OFFLINE: '1',
  PROMPTS_PER_SECOND: '100000',
  PROMPTS_PER_MINUTE: '1000000',
  LOGIN_FAILURES_PER_15_MIN: '100000',
  SIGNUPS_PER_HOUR: '100000',
};

/** Starts the compiled service and makes its people. */
export async function startTarget(own: Record<string, string> = {}): Promise<Target> {
  const home = await processHome();
  const env: Record<string, string> = { ...home.env, ...generous, ...own };
  const program = await startProcess(env, undefined, 100_000);
  const { url } = program;
  const ada = await person(url, 'ada-attacks');
  const bob = await person(url, 'bob-sleeps');
  const { id: promptId } = await ada.client.prompts.create.mutate({ text: 'The one that is there', generate: false });
  for (const text of ['of bob', 'of bob, too', 'secret-of-bob'])
    await bob.client.prompts.create.mutate({ text, tags: ['mine'], metadata: { of: 'bob' } });
  await bob.client.apiKeys.create.mutate({ name: 'of bob', scopes: ['prompts:read'] });
  let isOver = false;
  void program.ended.then(() => {
    isOver = true;
  });
  return {
    url,
    program,
    ada,
    bob,
    promptId,
    neighbour: async () => digest(await seenBy(bob), await rowsOf(env['DATABASE_URL'], bob.session.project.id)),
    async expectUnharmed(canaries) {
      expect(isOver, program.output.stderr).toBe(false);
      expect((await fetch(`${url}/healthz`)).status).toBe(200);
      const log = program.output.stdout + program.output.stderr;
      expect(log.split('\n').filter((line) => /"level":"(error|fatal)"/.test(line))).toEqual([]);
      const secrets = [ada, bob].flatMap(({ token, session }) => [token, session.tokens.refreshToken]);
      expect([...canaries, ...secrets, goodPassword, 'secret-of-bob'].filter((secret) => log.includes(secret))).toEqual(
        [],
      );
    },
    async [Symbol.asyncDispose]() {
      program.kill('SIGTERM');
      const code = await program.ended;
      await home[Symbol.asyncDispose]();
      expect(code, program.output.stderr).toBe(0);
    },
  };
}

async function person(url: string, username: string): Promise<TestPerson> {
  const session = await clientFor(url).auth.signup.mutate({ username, password: goodPassword });
  const token = session.tokens.accessToken;
  return { session, token, client: clientFor(url, { token }), password: goodPassword };
}

const digest = (...parts: unknown[]): string => createHash('sha256').update(JSON.stringify(parts)).digest('hex');

const seenBy = ({ client }: TestPerson): Promise<unknown[]> =>
  Promise.all([
    client.prompts.list.query({ limit: 100 }),
    client.apiKeys.list.query(),
    client.projects.list.query(),
    client.projects.members.list.query(),
    client.retention.get.query({}),
    client.audit.list.query({ limit: 100 }),
  ]);

/** Every row of the project in every table that has some, as the server itself shows them; the embedded engine has one owner. */
async function rowsOf(url: string | undefined, projectId: string): Promise<unknown[]> {
  if (url === undefined) return [];
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows: tables } = await client.query<{ name: string }>(
      `SELECT c.table_name AS name FROM information_schema.columns c JOIN information_schema.tables t
         USING (table_schema, table_name)
       WHERE c.table_schema = 'public' AND c.column_name = 'project_id' AND t.table_type = 'BASE TABLE'
       ORDER BY 1`,
    );
    expect(tables.length).toBeGreaterThan(5);
    const sums: unknown[] = [];
    for (const { name } of tables) {
      const sum = `SELECT count(*), md5(string_agg(r::text, '|' ORDER BY r::text)) FROM "${name}" r WHERE project_id = $1`;
      sums.push(name, (await client.query(sum, [projectId])).rows[0]);
    }
    return sums;
  } finally {
    await client.end();
  }
}

/** What a call came to, over whichever transport. */
export interface Outcome {
  /** 0 over WebSocket, which has none. */
  status: number;
  text: string;
  data: unknown;
  error: ErrorShape | undefined;
}

const inside = /node_modules|\bat .{1,200}\.[jt]s:\d|"stack"/;
const limit = 64_000;

/**
 * What is wrong with an answer, or null: a server error that is no honest overload, an envelope of another form, an inside
 * that shows, an invalid input that names no field.
 */
export function answerFault({ status, text, data, error }: Outcome): string | null {
  if (error !== undefined) {
    const fault = refusalFault(error, { status, text });
    return fault === null ? null : `${fault}: ${error.data?.code} ${text.slice(0, 400)}`;
  }
  const isAnswer = data !== undefined && (status === 0 || status === 200);
  return isAnswer ? null : `status ${status}: ${text.slice(0, 300)}`;
}

function refusalFault(error: ErrorShape, { status, text }: Pick<Outcome, 'status' | 'text'>): string | null {
  if (!isEnvelope(error)) return 'an envelope of another form';
  if (status !== 0 && status !== error.data.httpStatus) return `status ${status}`;
  if (isBug(error)) return 'a bug';
  if (text.length > limit) return `an answer of ${text.length} characters`;
  if (inside.test(text)) return 'shows its inside';
  return error.data.code !== 'BAD_REQUEST' || namesFields(error) ? null : 'names no field';
}

/** A server's own error, unless it says honestly that it is full and when to come back. */
const isBug = ({ data: { code, httpStatus, details } }: ErrorShape): boolean =>
  httpStatus >= 500 && !(code === 'SERVICE_UNAVAILABLE' && details.retryAfterMs !== undefined);

const namesFields = ({ data: { details } }: ErrorShape): boolean =>
  Array.isArray(details.issues) &&
  details.issues.length > 0 &&
  details.issues.every(({ path }) => typeof path === 'string');

function isEnvelope({ message, code, data }: ErrorShape): boolean {
  const isCode = typeof data?.code === 'string' && TRPC_ERROR_CODES_BY_KEY[data.code] === code;
  const isTold = typeof message === 'string' && message !== '' && message.isWellFormed();
  return isCode && isTold && typeof data.requestId === 'string' && typeof data.details === 'object';
}

interface Waiting {
  answered(outcome: Outcome): void;
  failed(why: Error): void;
  timer: NodeJS.Timeout;
}
/** No call takes as long, on however busy a machine. */
const patienceMs = 30_000;

/** Calls over one WebSocket after another; a subscription counts as answered when it has begun, and is stopped. */
export class SocketCaller {
  readonly #url: string;
  readonly #token: string;
  #socket: Promise<WireSocket> | undefined;
  #id = 0;
  readonly #waiting = new Map<number, Waiting>();

  constructor(url: string, token: string) {
    this.#url = url;
    this.#token = token;
  }

  /** Faults: an error that says with which code the service closed the socket instead of answering, or that it said nothing. */
  async call(type: string, path: string, input: string): Promise<Outcome> {
    this.#socket ??= this.#open();
    const socket = await this.#socket;
    const id = (this.#id += 1);
    const told = `${path} ${input.slice(0, 300)}`;
    const answer = await new Promise<Outcome>((answered, failed) => {
      const timer = setTimeout(() => failed(new Error(`no answer to ${told}`)), patienceMs);
      this.#waiting.set(id, { answered, failed: ({ message }) => failed(new Error(`${message}: ${told}`)), timer });
      socket.send(`{"id":${id},"jsonrpc":"2.0","method":"${type}","params":{"path":"${path}","input":${input}}}`);
    });
    if (type === 'subscription' && answer.error === undefined) socket.send(`{"id":${id},"method":"subscription.stop"}`);
    return answer;
  }

  async close(): Promise<void> {
    (await this.#socket)?.ws.close();
  }

  async #open(): Promise<WireSocket> {
    const socket = await openSocket(this.#url, this.#token);
    void socket.closed.then((code) => {
      this.#socket = undefined;
      for (const { failed } of this.#waiting.values()) failed(new Error(`closed with ${code}`));
    });
    socket.ws.on('message', (bytes: Buffer) => {
      const text = bytes.toString('utf8');
      if (text === 'PING') socket.ws.send('PONG');
      else this.#hear(text);
    });
    return socket;
  }

  #hear(text: string): void {
    const { id, result, error } = JSON.parse(text) as { id: number; result?: { data?: unknown }; error?: ErrorShape };
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    waiting.answered({ status: 0, text, data: result === undefined ? undefined : (result.data ?? null), error });
  }
}
