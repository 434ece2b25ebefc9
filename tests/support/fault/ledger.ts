import { appendFileSync, readFileSync } from 'node:fs';

/** What is found in the store after recovery: one row of a write that bore an idempotency key. */
export interface StoredRow {
  key: string;
  id: string;
}

/** What a run came to. All three lists are empty when nothing was lost, doubled or made up. */
export interface Verdict {
  sent: number;
  acknowledged: number;
  stored: number;
  /** Keys that were acknowledged and are not stored, or stored under another id than was acknowledged. */
  lost: string[];
  /** Keys that are stored more than once. */
  doubled: string[];
  /** Keys that are stored and were never sent. */
  unknown: string[];
}

/**
 * Who sent what, and what was acknowledged: an append-only file of the test's own process, outside whatever is faulted.
 *
 * Each line is written with one system call before the call goes out, or after its answer came in: the test may itself
 * be killed and the ledger still tells.
 */
export class Ledger {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
    appendFileSync(path, '');
  }

  /** To be called before a write goes out. */
  sent(key: string): void {
    appendFileSync(this.#path, `sent ${key}\n`);
  }

  /** To be called when its answer came in. */
  acknowledged(key: string, id: string): void {
    appendFileSync(this.#path, `acknowledged ${key} ${id}\n`);
  }

  /** Compares what was sent and acknowledged with what is stored: acknowledged in stored in sent, each once. */
  verdict(stored: readonly StoredRow[]): Verdict {
    const lines = readFileSync(this.#path, 'utf8').split('\n');
    const sent = new Set<string>();
    const acknowledged = new Map<string, string>();
    for (const [what, key = '', id = ''] of lines.map((line) => line.split(' '))) {
      if (what === 'sent') sent.add(key);
      if (what === 'acknowledged') acknowledged.set(key, id);
    }
    const byKey = groupByKey(stored);
    const isLost = ([key, id]: [string, string]): boolean => !(byKey.get(key) ?? []).some((row) => row.id === id);
    return {
      sent: sent.size,
      acknowledged: acknowledged.size,
      stored: stored.length,
      lost: [...acknowledged].filter(isLost).map(([key]) => key),
      doubled: [...byKey].filter(([, rows]) => rows.length > 1).map(([key]) => key),
      unknown: [...byKey.keys()].filter((key) => !sent.has(key)),
    };
  }
}

function groupByKey(rows: readonly StoredRow[]): Map<string, StoredRow[]> {
  const groups = new Map<string, StoredRow[]>();
  for (const row of rows) {
    const group = groups.get(row.key);
    if (group === undefined) groups.set(row.key, [row]);
    else group.push(row);
  }
  return groups;
}
