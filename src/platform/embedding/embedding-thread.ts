import { SHARE_ENV, Worker } from 'node:worker_threads';
import type { EmbeddedText } from './embedder.js';
import type { FromThread, ModelChoice, ToThread } from './protocol.js';

/** What a thread is started with. */
interface EmbeddingThreadDeps {
  /** The compiled entry file. */
  url: URL;
  model: ModelChoice;
  /** How long it may owe an answer, or its model, without a sign of life. */
  patience: ThreadPatience;
}

/** How long a thread is waited for, in looks that are a second apart. */
export interface ThreadPatience {
  /** Silent looks while it has a batch; a piece of work takes some 15 ms, and a busy thread tells that it lives. */
  silentLooks: number;
  /** Looks until it has loaded its model. */
  loadingLooks: number;
}

/** Looks, not a clock: when the whole process stood still, its threads did too, and only one look was missed. */
const lookMs = 1_000;

interface Pending {
  resolve(embedded: EmbeddedText[]): void;
  reject(cause: unknown): void;
}

/**
 * One worker thread with a model, seen from outside.
 *
 * It is never terminated: a worker killed inside onnxruntime's `run()` takes the whole process with it (SIGABRT). One that
 * gives no sign of life counts as gone and is left alone; should it wake up, it finds the word to stop.
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
  readonly #patience: ThreadPatience;
  readonly #looking: NodeJS.Timeout;
  #onGone: (cause: Error) => void = () => undefined;
  #silentLooks = 0;
  #isReady = false;
  #isGone = false;
  #death = new Error('The thread exited.');

  constructor({ url, model, patience }: EmbeddingThreadDeps) {
    this.#patience = patience;
    this.#dimensions = model.space.dimensions;
    // SHARE_ENV: transformers.js sets ORT_DISABLE_TELEMETRY, and onnxruntime reads it from the real environment only.
    this.#worker = new Worker(url, { workerData: model, env: SHARE_ENV, name: 'embedding' });
    this.#worker.on('error', (cause) => {
      this.#death = cause instanceof Error ? cause : new Error(String(cause));
    });
    this.gone = new Promise((resolve) => {
      this.#onGone = resolve;
    });
    this.#worker.once('exit', () => this.#end());
    this.ready = new Promise((resolve) => {
      this.#worker.on('message', (message: FromThread) => {
        this.#silentLooks = 0;
        if (message.type === 'ready') {
          this.#isReady = true;
          resolve(true);
        } else if (message.type !== 'alive') this.#settle(message);
      });
      void this.gone.then(() => resolve(false));
    });
    this.#looking = setInterval(() => this.#look(), lookMs);
    this.#looking.unref();
  }

  /** True once the thread has exited or is given up; a batch given to it then would never be answered. */
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

  #look(): void {
    const owes = !this.#isReady || this.#pending.size > 0;
    this.#silentLooks = owes ? this.#silentLooks + 1 : 0;
    const { silentLooks, loadingLooks } = this.#patience;
    if (this.#silentLooks < (this.#isReady ? silentLooks : loadingLooks)) return;
    this.#death = new Error(`The thread gave no sign of life for ${this.#silentLooks} s.`);
    this.#post({ type: 'stop' });
    this.#worker.unref();
    this.#end();
  }

  #end(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    clearInterval(this.#looking);
    for (const pending of this.#pending.values()) pending.reject(this.#death);
    this.#pending.clear();
    this.#onGone(this.#death);
  }

  #post(message: ToThread): void {
    this.#worker.postMessage(message);
  }

  #settle(message: Exclude<FromThread, { type: 'ready' | 'alive' }>): void {
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
