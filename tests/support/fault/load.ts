import { setTimeout as pause } from 'node:timers/promises';
import type { Ledger, Verdict } from './ledger.js';

/** Nobody waits longer for an answer; a call that ends here hung. */
const hangMs = 30_000;

/** One call that a load made. */
export interface LoadCall {
  path: string;
  /** When it went out, in milliseconds of `performance.now()`. */
  atMs: number;
  durationMs: number;
  /** `OK`, the code of the refusal, or what broke the connection. */
  code: string;
}

/** What a load is made of. */
export interface LoadPlan {
  url: string;
  token: string;
  ledger: Ledger;
  writers: number;
  readers: number;
  /** Each waits this long between two calls. */
  pauseMs: number;
  /** What keys begin with. */
  name: string;
  /** Writes a text of this many characters beside its key; 0 by default. */
  padding?: () => string;
}

/** Writers and readers at work. */
export interface Load {
  calls: LoadCall[];
  /** Waits until each writer has its last acknowledgement, then ends. */
  stop(): Promise<LoadCall[]>;
}

/** One call with its answer; never throws. */
export async function timedCall(
  url: string,
  path: string,
  { token, input }: { token: string; input: unknown },
): Promise<LoadCall & { data: unknown }> {
  const atMs = performance.now();
  const done = (code: string, data: unknown) => ({ path, atMs, durationMs: performance.now() - atMs, code, data });
  const { address, init } = requestOf(url, path, { token, input });
  try {
    const response = await fetch(address, { ...init, signal: AbortSignal.timeout(hangMs) });
    const body = (await response.json()) as { result?: { data: unknown }; error?: { data: { code: string } } };
    return done(body.error?.data.code ?? 'OK', body.result?.data);
  } catch (cause) {
    const { name, message } = cause as Error;
    return done(name === 'TimeoutError' ? 'HUNG' : message, undefined);
  }
}

function requestOf(url: string, path: string, { token, input }: { token: string; input: unknown }) {
  const json = JSON.stringify(input);
  const authorization = `Bearer ${token}`;
  if (path === 'prompts.list')
    return { address: `${url}/trpc/${path}?input=${encodeURIComponent(json)}`, init: { headers: { authorization } } };
  const headers = { authorization, 'content-type': 'application/json' };
  return { address: `${url}/trpc/${path}`, init: { method: 'POST', headers, body: json } };
}

/** Begins a load: each writer sends one prompt after another, every second one with a model's answer, and repeats one refused with `SERVICE_UNAVAILABLE` by its key. */
export function startLoad(plan: LoadPlan): Load {
  const { url, token, ledger, name, pauseMs } = plan;
  const calls: LoadCall[] = [];
  const stopping = new AbortController();
  const make = async (path: string, input: unknown) => {
    const { data, ...made } = await timedCall(url, path, { token, input });
    calls.push(made);
    return { code: made.code, data };
  };
  const write = async (writer: number): Promise<void> => {
    for (let count = 0; !stopping.signal.aborted; count += 1) {
      const key = `${name}-${writer}-${count}`;
      const input = { text: `${key} ${plan.padding?.() ?? ''}`, idempotencyKey: key, generate: count % 2 === 0 };
      ledger.sent(key);
      for (;;) {
        const { code, data } = await make('prompts.create', input);
        if (code === 'OK') ledger.acknowledged(key, (data as { id: string }).id);
        // Any other answer is an end: whoever judges the calls finds it.
        if (code !== 'SERVICE_UNAVAILABLE') break;
        await pause(50);
      }
      await pause(pauseMs);
    }
  };
  const read = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await make('prompts.list', { limit: 5 });
      await pause(pauseMs);
    }
  };
  const all = [
    ...Array.from({ length: plan.writers }, (_, writer) => write(writer)),
    ...Array.from({ length: plan.readers }, read),
  ];
  return {
    calls,
    stop: async () => {
      stopping.abort();
      await Promise.all(all);
      return calls;
    },
  };
}

/** What a probe said, when. */
export interface ProbeSample {
  atMs: number;
  healthz: number;
  readyz: number;
  /** How long both took. */
  durationMs: number;
}

/** Asks both probes ten times a second until it is stopped; 0 stands for no answer. */
export function watchProbes(url: string): { samples: ProbeSample[]; stop(): Promise<ProbeSample[]> } {
  const samples: ProbeSample[] = [];
  const stopping = new AbortController();
  const status = async (path: string): Promise<number> =>
    (await fetch(url + path, { signal: AbortSignal.timeout(hangMs) }).catch(() => ({ status: 0 }))).status;
  const watch = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const atMs = performance.now();
      const [healthz, readyz] = await Promise.all([status('/healthz'), status('/readyz')]);
      samples.push({ atMs, healthz, readyz, durationMs: performance.now() - atMs });
      await pause(100);
    }
  };
  const watching = watch();
  return {
    samples,
    stop: async () => {
      stopping.abort();
      await watching;
      return samples;
    },
  };
}

/** How many calls ended with each code. */
export function countCodes(calls: readonly LoadCall[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { code } of calls) counts[code] = (counts[code] ?? 0) + 1;
  return counts;
}

/** What a load came to, for `record`: what was found whole beforehand, and what was refused as it must be. */
export const loadFigures = (verdict: Verdict, calls: readonly LoadCall[]): Record<string, number> => ({
  sent: verdict.sent,
  acknowledged: verdict.acknowledged,
  lost: verdict.lost.length,
  doubled: verdict.doubled.length,
  refused: countCodes(calls)['SERVICE_UNAVAILABLE'] ?? 0,
  'longest call ms': longestMs(calls),
});

/** The longest of some durations, in whole milliseconds. */
export const longestMs = (calls: readonly { durationMs: number }[]): number =>
  Math.round(calls.reduce((longest, { durationMs }) => Math.max(longest, durationMs), 0));
