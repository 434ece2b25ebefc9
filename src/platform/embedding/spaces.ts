import type { Embedder } from './embedder.js';

/** A space that can be asked: its row, and what makes its vectors. */
export interface ServingSpace {
  id: number;
  name: string;
  dimensions: number;
  embedder: Embedder;
}

/** Which space serves. */
export interface Spaces {
  /**
   * The space that serves now. One call asks once and stays with the answer: a vector of one space means nothing in
   * another.
   */
  active(): ServingSpace;
}
