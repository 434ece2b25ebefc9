/** Which waiting line a text takes: a search never waits behind a backfill. */
export type EmbeddingLane = 'interactive' | 'background';

/** One model with its dimension; vectors of different spaces are never compared. */
export interface EmbeddingSpace {
  /** A stable name, for example `lexical-1` or `all-MiniLM-L6-v2-q8`. */
  name: string;
  dimensions: number;
}

/** A text's vector. */
export interface EmbeddedText {
  /** L2-normalised, as long as the space's `dimensions`. */
  vector: Float32Array;
  /** True when the text was longer than what the model was shown. */
  isTruncated: boolean;
}

/** How a batch of texts is embedded. */
export interface EmbedOptions {
  lane: EmbeddingLane;
  /** Whose cache may answer: a project's id. Nobody learns from timing what another project embedded. */
  scope: string;
  /** Removes the texts if they still wait; work begun is finished and its result dropped. */
  signal?: AbortSignal;
}

/** Whose texts are forgotten: one text of a scope, or all of it. */
export interface ForgottenTexts {
  scope: string;
  /** SHA-256 of the text in hex; left out for every text of the scope. */
  textHash?: string;
}

/** What is known of the embedder at this moment, for probes and metrics. */
export interface EmbedderState {
  space: EmbeddingSpace;
  isReady: boolean;
  waiting: Record<EmbeddingLane, number>;
}

/** Texts to vectors, off the main thread. */
export interface Embedder {
  readonly space: EmbeddingSpace;
  /**
   * The vectors of `texts`, in their order.
   *
   * Faults: `overloaded` if the lane is full, no thread can start, or while closing (`reason` tells which), `cancelled`
   * if `signal` fired, `unprocessable` if one of the texts fails or kills its thread twice.
   */
  embed(texts: readonly string[], options: EmbedOptions): Promise<EmbeddedText[]>;
  state(): EmbedderState;
  /** Keeps no vector of these texts any more; those that are being made are made, and not kept. Cost: a walk over the cache. */
  forget(what?: ForgottenTexts): void;
  /**
   * Finishes what runs and what waits interactively, gives waiting background texts back as `overloaded`, and stops the
   * threads; never kills one inside the model.
   */
  close(): Promise<void>;
}

/** What the pool tells of itself, so that metrics need no import of it. */
export interface EmbeddingObserver {
  /** A batch ran: how many texts, how long in ms, on which lane. */
  onBatch(batch: { texts: number; durationMs: number; lane: EmbeddingLane }): void;
  /** A text was looked up in the cache. */
  onCache(result: 'hit' | 'miss'): void;
  /** A thread died, or did not start, and another takes its place. */
  onThreadReplaced(): void;
}
