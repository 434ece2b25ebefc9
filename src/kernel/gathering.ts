/** What a gathering is made of. */
export interface GatheringDeps<Item, Answer> {
  /** Does the work of a group at once; answers one for each item, in their order. */
  run(items: readonly Item[]): Promise<readonly Answer[]>;
  /** What an item counts against `groupWeight`. */
  weightOf(item: Item): number;
  /** Whether a failure is everybody's, those in line included. Any other may be one item's: then each is tried alone. */
  isForAll(cause: unknown): boolean;
  /** Bounds of a group. One item alone may weigh more. */
  groupItems: number;
  groupWeight: number;
  /** Groups of one key at work at once. */
  groupsAtOnce: number;
}

interface Waiter<Item, Answer> {
  item: Item;
  resolve(answer: Answer): void;
  reject(cause: unknown): void;
}

/** The items of one key: those that wait, and how many groups are at work. */
interface Line<Item, Answer> {
  waiting: Waiter<Item, Answer>[];
  running: number;
}

/**
 * Work of many callers done in groups: what comes while earlier groups are at work goes together, as the next one.
 *
 * Shape: items of one key only share a group; nobody waits for company, so that a lone caller is served at once.
 * Faults: those of `run`, for each item.
 */
export class Gathering<Item, Answer> {
  readonly #deps: GatheringDeps<Item, Answer>;
  readonly #lines = new Map<string, Line<Item, Answer>>();

  constructor(deps: GatheringDeps<Item, Answer>) {
    this.#deps = deps;
  }

  /** How many keys have items that wait or are at work. */
  get size(): number {
    return this.#lines.size;
  }

  /** The answer for one item. */
  add(key: string, item: Item): Promise<Answer> {
    const line = this.#lines.get(key) ?? { waiting: [], running: 0 };
    this.#lines.set(key, line);
    return new Promise((resolve, reject) => {
      // What one message of a thread or socket brings comes in one turn of the event loop, and goes in one group.
      if (line.waiting.push({ item, resolve, reject }) === 1) setImmediate(() => this.#begin(key, line));
    });
  }

  #begin(key: string, line: Line<Item, Answer>): void {
    while (line.running < this.#deps.groupsAtOnce && line.waiting.length > 0) void this.#work(key, line);
    // A turn that was asked for may come when its line is done with and the key has another.
    if (line.running === 0 && line.waiting.length === 0 && this.#lines.get(key) === line) this.#lines.delete(key);
  }

  async #work(key: string, line: Line<Item, Answer>): Promise<void> {
    line.running += 1;
    await this.#answer(line, line.waiting.splice(0, this.#fitting(line.waiting)));
    line.running -= 1;
    this.#begin(key, line);
  }

  #fitting(waiting: readonly Waiter<Item, Answer>[]): number {
    const { groupItems, groupWeight } = this.#deps;
    let weight = 0;
    let count = 0;
    for (const { item } of waiting) {
      weight += this.#deps.weightOf(item);
      if (count === groupItems || (count > 0 && weight > groupWeight)) break;
      count += 1;
    }
    return count;
  }

  async #answer(line: Line<Item, Answer>, group: readonly Waiter<Item, Answer>[]): Promise<void> {
    try {
      const answers = await this.#deps.run(group.map(({ item }) => item));
      for (const [index, waiter] of group.entries()) waiter.resolve(answers[index] as Answer);
    } catch (cause) {
      if (this.#deps.isForAll(cause)) {
        // Those in line would fare the same, one group after another: they are told now.
        for (const waiter of [...group, ...line.waiting.splice(0)]) waiter.reject(cause);
      } else if (group.length > 1) {
        for (const waiter of group) await this.#answer(line, [waiter]);
      } else {
        for (const waiter of group) waiter.reject(cause);
      }
    }
  }
}
