import type { Embedder } from './embedder.js';

/** A space that can be asked: its row, and what makes its vectors. */
export interface ServingSpace {
  id: number;
  name: string;
  dimensions: number;
  embedder: Embedder;
}

/**
 * Which space serves. One call asks once and stays with the answer: a vector of one space means nothing in another.
 *
 * Whoever stores a vector for a caller names its space in the statement, which writes nothing when another serves by then
 * (another process may have switched); the caller refreshes and tries again.
 */
export interface Spaces {
  /** The space that served when this process last heard. */
  active(): ServingSpace;
  /**
   * The space that serves as of this call: every prompt acknowledged before is found in it.
   *
   * Cost: none on the embedded engine, whose one process does every switch; one read on a server, shared among callers.
   */
  current(): Promise<ServingSpace>;
  /** The same, always read from the database. */
  refresh(): Promise<ServingSpace>;
}
