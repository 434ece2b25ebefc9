/** How full a space was at a time. */
interface Mark {
  atMs: number;
  filled: number;
}

/** How long back the pace looks: long enough to bridge a batch of long texts, short enough to follow a change. */
const windowMs = 30_000;

/** The pace at which a space fills, from how full it was when looked at. Pure bookkeeping. */
export class Pace {
  #marks: Mark[] = [];

  /** Notes how full it is. A space that lost vectors begins anew. */
  mark(mark: Mark): void {
    const last = this.#marks.at(-1);
    if (last !== undefined && mark.filled < last.filled) this.#marks = [];
    this.#marks = [...this.#marks.filter(({ atMs }) => mark.atMs - atMs <= windowMs), mark];
  }

  /** Vectors a second of late; null before two looks. */
  get perSecond(): number | null {
    const [first] = this.#marks;
    const last = this.#marks.at(-1);
    if (first === undefined || last === undefined || last.atMs <= first.atMs) return null;
    return Math.round((10_000 * (last.filled - first.filled)) / (last.atMs - first.atMs)) / 10;
  }
}
