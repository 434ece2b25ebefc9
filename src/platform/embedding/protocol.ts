import type { EmbeddedText, EmbeddingSpace } from './embedder.js';

/** Which model a thread loads, as handed to it in `workerData`. */
export interface ModelChoice {
  kind: 'neural' | 'lexical';
  /** What the vectors will be called; a thread whose model says otherwise refuses to start. */
  space: EmbeddingSpace;
  /** The folder with the model's files, for `neural`; the lexical model has none. */
  path: string | null;
}

/** A model inside a thread: texts to unit vectors. */
export interface EmbeddingModel {
  readonly space: EmbeddingSpace;
  /**
   * The unit vectors of `texts`, in their order.
   *
   * `giveWay` is awaited between pieces of work (about 15 ms each): there, more urgent batches of the thread run first.
   */
  embed(texts: readonly string[], giveWay: () => Promise<void>): Promise<EmbeddedText[]> | EmbeddedText[];
  /** Frees what the model holds outside the JavaScript heap. */
  close(): Promise<void>;
}

/** One micro-batch on its way to a thread. */
export interface EmbedMessage {
  type: 'embed';
  id: number;
  /** 0 is the most urgent; a batch gives way to every batch with a smaller number. */
  urgency: number;
  texts: string[];
}

/** What the pool tells a thread. After `stop` the thread finishes its batches, frees the model and exits by itself. */
export type ToThread = EmbedMessage | { type: 'stop' };

/** A micro-batch done: the vectors lie one after another in one transferred buffer. */
export interface EmbeddedMessage {
  type: 'embedded';
  id: number;
  vectors: Float32Array<ArrayBuffer>;
  isTruncated: boolean[];
}

/** What a thread tells the pool. `failed` means that the batch threw and the thread lives on; `alive`, that it works. */
export type FromThread =
  | { type: 'ready' }
  | { type: 'alive' }
  | EmbeddedMessage
  | { type: 'failed'; id: number; message: string };
