import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { BroadcastChannel } from 'node:worker_threads';
import { systemClock } from '../../src/kernel/clock.js';
import type { Embedder, EmbeddingLane } from '../../src/platform/embedding/embedder.js';
import { createEmbedder, type EmbedderDeps } from '../../src/platform/embedding/pool.js';

/** The thread as it is shipped; threads load compiled code. */
export const threadUrl = new URL('../../dist/platform/embedding/thread.js', import.meta.url);

const scriptedThreadUrl = new URL('./scripted-thread.mjs', import.meta.url);

if (!existsSync(threadUrl)) throw new Error('The embedding threads are not compiled: run `npm run build` first.');

/** The random-weight stand-in of the neural model, or null where the shared folder is absent. */
export const standInPath = existingFolder('../shared/models/minilm-shape-random');

/** The real neural model, or null: a folder named by `MODEL_DIR`, laid out as the service wants it, or a shared one. */
export const realModelPath =
  existingFolder(`${process.env['MODEL_DIR'] ?? './data/models'}/Xenova/all-MiniLM-L6-v2`) ??
  existingFolder('../shared/models/all-MiniLM-L6-v2');

function existingFolder(path: string): string | null {
  return existsSync(resolve(path, 'onnx/model_quantized.onnx')) ? resolve(path) : null;
}

/** What an embedder under test told its observer. */
export interface Observed {
  batches: { texts: number; durationMs: number; lane: EmbeddingLane }[];
  cache: { hit: number; miss: number };
  replaced: number;
}

/** An embedder that closes at the end of the test's scope, with what it told its observer. */
export interface TestEmbedder extends AsyncDisposable {
  embedder: Embedder;
  observed: Observed;
}

/** An embedder over `model`, with one thread and room for 100 texts a lane unless told otherwise. */
export function testEmbedder(deps: Pick<EmbedderDeps, 'model'> & Partial<EmbedderDeps>): TestEmbedder {
  const observed: Observed = { batches: [], cache: { hit: 0, miss: 0 }, replaced: 0 };
  const embedder = createEmbedder({
    threads: 1,
    queueLimit: 100,
    clock: systemClock,
    threadUrl,
    observer: {
      onBatch: (batch) => void observed.batches.push(batch),
      onCache: (result) => {
        observed.cache[result] += 1;
      },
      onThreadReplaced: () => {
        observed.replaced += 1;
      },
    },
    ...deps,
  });
  return { embedder, observed, [Symbol.asyncDispose]: () => embedder.close() };
}

/** What a scripted thread does with a text it asked about. */
export type Action = 'go' | 'die' | 'freeze' | 'fill' | 'throw' | 'nan' | 'zero';

/** The test's end of the channel to its scripted threads. */
export interface Script extends AsyncDisposable {
  embedder: Embedder;
  observed: Observed;
  /** The batches that threads began, in order; asks a living thread first, so that none is still on its way. */
  batches(): Promise<string[][]>;
  /** Settles when a thread has reached `ask:<name>` (or has `closed`, as a name) for the `time`-th time, from 1. */
  reached(name: string, time?: number): Promise<void>;
  /** Whether a thread has asked about `name`; asks a living thread twice first, so that it has had its turn. */
  hasReached(name: string): Promise<boolean>;
  /** Tells the thread that asked about `name` what to do. */
  answer(name: string, action: Action): void;
}

let channels = 0;

/** An embedder over threads whose texts say what the model does: `ask:<name>`, an `Action`, or fine. */
export function scripted(deps: Partial<EmbedderDeps> & { spaceName?: string } = {}): Script {
  channels += 1;
  const channelName = `scripted-${process.pid}-${channels}`;
  const channel = new BroadcastChannel(channelName);
  const { spaceName = 'scripted', ...rest } = deps;
  const model = { kind: 'neural' as const, space: { name: spaceName, dimensions: 4 }, path: channelName };
  const { embedder, observed } = testEmbedder({ model, threadUrl: scriptedThreadUrl, ...rest });
  const batches: string[][] = [];
  const asked: string[] = [];
  let pings = 0;
  const watchers = new Set<() => void>();
  channel.onmessage = (event) => {
    const { data } = event as { data: { batch?: string[]; asked?: string } };
    if (data.batch !== undefined) batches.push(data.batch);
    if (data.asked !== undefined) asked.push(data.asked);
    for (const watcher of watchers) watcher();
  };
  const reached = (name: string, time = 1): Promise<void> =>
    new Promise((settle) => {
      const watcher = (): void => {
        if (asked.filter((one) => one === name).length < time) return;
        watchers.delete(watcher);
        settle();
      };
      watchers.add(watcher);
      watcher();
    });
  const ping = async (): Promise<void> => {
    pings += 1;
    channel.postMessage({ ping: `ping ${pings}` });
    await reached(`ping ${pings}`);
  };
  return {
    embedder,
    observed,
    batches: async () => {
      await ping();
      return batches;
    },
    hasReached: async (name) => {
      await ping();
      await ping();
      return asked.includes(name);
    },
    reached,
    answer: (name, action) => channel.postMessage({ name, action }),
    [Symbol.asyncDispose]: async () => {
      await embedder.close();
      channel.close();
    },
  };
}
