import { setImmediate } from 'node:timers/promises';
import type { MessagePort } from 'node:worker_threads';
import { systemClock } from '../../kernel/clock.js';
import type { EmbeddedText } from './embedder.js';
import type { EmbeddedMessage, EmbeddingModel, EmbedMessage, FromThread, ToThread } from './protocol.js';

/** How far from 1 the length of a vector may be: float32 rounding over 384 dimensions stays below 1e-6. */
const unitTolerance = 1e-3;

/** How often a thread that works says so. */
const aliveMs = 1_000;

/**
 * Serves `model` on `port` until a `stop` message: says `ready`, then answers every batch once, in any order,
 * and says each second that it is alive while it gets from one piece of work to the next.
 *
 * Shape: batches interleave where the model gives way, the most urgent first; vectors leave in transferred buffers.
 * Faults: none are thrown; a batch that throws, or whose vectors are not finite and of length 1, is answered `failed`.
 */
export function serve(port: MessagePort, model: EmbeddingModel): void {
  const running = new Map<Promise<void>, number>();
  let saidMs = systemClock.monotonicMs();
  const sayAlive = (): void => {
    if (systemClock.monotonicMs() - saidMs < aliveMs) return;
    saidMs = systemClock.monotonicMs();
    post(port, { type: 'alive' });
  };
  const giveWay = async (urgency: number): Promise<void> => {
    sayAlive();
    await setImmediate();
    for (;;) {
      const urgent = [...running].find(([, other]) => other < urgency);
      if (urgent === undefined) return;
      await urgent[0];
    }
  };
  const start = (message: EmbedMessage): void => {
    const work = answer(model, message, () => giveWay(message.urgency)).then((reply) => {
      running.delete(work);
      post(port, reply);
    });
    running.set(work, message.urgency);
  };
  const stop = async (): Promise<void> => {
    await Promise.all(running.keys());
    await model.close();
    port.close();
  };
  port.on('message', (message: ToThread) => {
    if (message.type === 'embed') start(message);
    else void stop();
  });
  post(port, { type: 'ready' });
}

type GiveWay = () => Promise<void>;

async function answer(model: EmbeddingModel, { id, texts }: EmbedMessage, giveWay: GiveWay): Promise<FromThread> {
  try {
    return pack(id, model, await model.embed(texts, giveWay));
  } catch (cause) {
    return { type: 'failed', id, message: cause instanceof Error ? cause.message : String(cause) };
  }
}

function pack(id: number, model: EmbeddingModel, embedded: readonly EmbeddedText[]): EmbeddedMessage {
  const { dimensions } = model.space;
  const vectors = new Float32Array(embedded.length * dimensions);
  for (const [index, { vector }] of embedded.entries()) {
    if (vector.length !== dimensions || !isUnit(vector)) throw new Error('The model made a vector not of length 1.');
    vectors.set(vector, index * dimensions);
  }
  return { type: 'embedded', id, vectors, isTruncated: embedded.map(({ isTruncated }) => isTruncated) };
}

/** NaN and infinity fail this too: no comparison with them is true. */
const isUnit = (vector: Float32Array): boolean =>
  Math.abs(Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0)) - 1) < unitTolerance;

function post(port: MessagePort, message: FromThread): void {
  port.postMessage(message, message.type === 'embedded' ? [message.vectors.buffer] : []);
}
