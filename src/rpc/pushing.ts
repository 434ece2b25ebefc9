/** One item of a resumable stream, as clients get it; the same object for everybody who is told the same. */
export interface PushedItem {
  /** What resumes after it. */
  id: string;
  data: object;
}

/** Sends an item at once; false when it must go the stream's ordinary way instead. */
export type Push = (item: PushedItem) => boolean;

const key = Symbol('opening');

/**
 * The short way of a stream: its first item goes through tRPC's loop and is marked, and whoever encodes the mark opens the
 * way past that loop for what follows. Over HTTP nobody does, and everything takes the ordinary way.
 *
 * Use: push only while the loop waits for the next item; everything before is then sent, so order holds.
 * Source: the loop costs 30 to 40 microseconds an item and subscriber, the frame alone 5 to 10 (`tests/bench/RESULTS.md`).
 */
export class Opening {
  #way: Push | undefined;

  /** The same object with the mark, which JSON does not show. */
  mark<T extends object>(first: T): T {
    return Object.defineProperty(first, key, { value: this });
  }

  /** From now on items may be pushed. */
  open(way: Push): void {
    this.#way = way;
  }

  /** Sends an item past the loop; false while the way is not open or has no room. */
  push(item: PushedItem): boolean {
    return this.#way !== undefined && this.#way(item);
  }
}

/** The opening that marks an item, if one does. */
export const openingOf = (item: object): Opening | undefined => (item as { [key]?: Opening })[key];
