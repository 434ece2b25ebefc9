import { setTimeout as pause } from 'node:timers/promises';
import type { Ledger } from './ledger.js';

/** What came of one attempt to store a prompt: the HTTP status, 0 where there was none, and the prompt's id. */
export interface Attempt {
  status: number;
  id?: string;
}

/** Writers at work, each with its own names. */
export interface Writers {
  /** Statuses of all attempts so far, in order. */
  statuses: number[];
  /** When the last attempt was acknowledged, in milliseconds since 1970. */
  readonly lastAcknowledgedMs: number;
  readonly acknowledged: number;
  /** Lets each end with an acknowledgement; resolves then. */
  stop(): Promise<void>;
}

/** How long a writer waits before it repeats what was not acknowledged. */
const repeatMs = 25;

/**
 * Starts `count` writers; each stores one prompt after another, and repeats one under its key until it is acknowledged.
 *
 * `write` makes one attempt; the ledger hears of every key before its first.
 */
export function startWriters(count: number, ledger: Ledger, write: (key: string) => Promise<Attempt>): Writers {
  const statuses: number[] = [];
  const stopping = new AbortController();
  let acknowledged = 0;
  let lastAcknowledgedMs = 0;
  const one = async (name: number): Promise<void> => {
    for (let number = 0; !stopping.signal.aborted; number += 1) {
      const key = `writer-${name}-${number}`;
      ledger.sent(key);
      const id = await untilAcknowledged(key);
      ledger.acknowledged(key, id);
      acknowledged += 1;
      lastAcknowledgedMs = Date.now();
    }
  };
  const untilAcknowledged = async (key: string): Promise<string> => {
    for (;;) {
      const { status, id } = await write(key).catch((): Attempt => ({ status: 0 }));
      statuses.push(status);
      if (status === 200 && id !== undefined) return id;
      await pause(repeatMs);
    }
  };
  const done = Promise.all(Array.from({ length: count }, (_, name) => one(name)));
  return {
    statuses,
    get lastAcknowledgedMs() {
      return lastAcknowledgedMs;
    },
    get acknowledged() {
      return acknowledged;
    },
    async stop() {
      stopping.abort();
      await done;
    },
  };
}

/** Makes one attempt to store `key` as a prompt of that text, over HTTP and without a model. */
export async function writeOverHttp(url: string, token: string, key: string): Promise<Attempt> {
  const answer = await fetch(`${url}/trpc/prompts.create`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: promptOf(key),
    signal: AbortSignal.timeout(10_000),
  });
  return attemptOf(answer.status, await answer.text());
}

/** The body that stores `key` as a prompt. */
export const promptOf = (key: string): string => JSON.stringify({ text: key, idempotencyKey: key, generate: false });

/** What an answer to it says. */
export function attemptOf(status: number, text: string): Attempt {
  if (status !== 200) return { status };
  const { result } = JSON.parse(text) as { result: { data: { id: string } } };
  return { status, id: result.data.id };
}
