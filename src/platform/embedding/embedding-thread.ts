import { SHARE_ENV, Worker } from 'node:worker_threads';
import type { EmbeddedText } from './embedder.js';
import type { FromThread, ModelChoice, ToThread } from './protocol.js';

/** What a thread is started with. */
interface EmbeddingThreadDeps {
  /** The compiled entry file. */
  url: URL;
  model: ModelChoice;
}

interface Pending {
  resolve(embedded: EmbeddedText[]): void;
  reject(cause: unknown): void;
}

/**
 * One worker thread with a model, seen from outside.
 *
 * It is never terminated: a worker killed inside onnxruntime's `run()` takes the whole process with it (SIGABRT).
 */
export class EmbeddingThread {
  /** Settles true when the model is loaded, false when the thread died before. */
  readonly ready: Promise<boolean>;
  /** Settles when the thread is gone, with what is known of why. Never rejects. */
  readonly gone: Promise<Error>;
  readonly #worker: Worker;
  readonly #dimensions: number;
  readonly #pending = new Map<number, Pending>();
  #nextId = 0;
  #isGone = false;
  #death = new Error('The thread exited.');

  constructor({ url, model }: EmbeddingThreadDeps) {
    this.#dimensions = model.space.dimensions;
    // SHARE_ENV: transformers.js sets ORT_DISABLE_TELEMETRY, and onnxruntime reads it from the real environment only.
    this.#worker = new Worker(url, { workerData: model, env: SHARE_ENV, name: 'embedding' });
    this.#worker.on('error', (cause) => {
      this.#death = cause instanceof Error ? cause : new Error(String(cause));
    });
    this.gone = new Promise((resolve) => {
      this.#worker.once('exit', () => {
        this.#isGone = true;
        for (const pending of this.#pending.values()) pending.reject(this.#death);
        this.#pending.clear();
        resolve(this.#death);
      });
    });
    this.ready = new Promise((resolve) => {
      this.#worker.on('message', (message: FromThread) => {
        if (message.type === 'ready') resolve(true);
        else this.#settle(message);
      });
      void this.gone.then(() => resolve(false));
    });
  }

  /** True once the thread has exited; a batch given to it then would never be answered. */
  get isGone(): boolean {
    return this.#isGone;
  }

  /**
   * The vectors of a batch, as views of one buffer.
   *
   * Faults: rejects with what the model threw, or with the cause of death if the thread dies first.
   */
  embed(texts: string[], urgency: number): Promise<EmbeddedText[]> {
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#post({ type: 'embed', id, urgency, texts });
    });
  }

  /** Asks the thread to finish its batches and exit; settles when it is gone. */
  async stop(): Promise<void> {
    this.#post({ type: 'stop' });
    await this.gone;
  }

  #post(message: ToThread): void {
    this.#worker.postMessage(message);
  }

  #settle(message: Exclude<FromThread, { type: 'ready' }>): void {
    const pending = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if (message.type === 'failed') {
      pending?.reject(new Error(message.message));
      return;
    }
    const size = this.#dimensions;
    pending?.resolve(
      message.isTruncated.map((isTruncated, index) => ({
        vector: message.vectors.subarray(index * size, (index + 1) * size),
        isTruncated,
      })),
    );
  }
}
