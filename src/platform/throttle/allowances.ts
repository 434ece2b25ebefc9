import type { Clock } from '../../kernel/clock.js';
import type { Database } from '../db/database.js';
import { emptyPurse, pointsAhead, type Purse, spend, type Window } from './purse.js';

/** What allowances are made of. */
export interface AllowanceDeps {
  db: Pick<Database, 'read'>;
  clock: Clock;
  second: Window;
  minute: Window;
  /** What may be taken beyond the second's points; null for nothing. */
  burst: Window | null;
}

/** Milliseconds since 1970 by the database's clock, which all processes share. */
const nowSql = '(extract(epoch FROM statement_timestamp()) * 1000)::bigint';

/** Also over: a window that ends later than one begun now, and 5 s: a clock that was ahead, or set back, began it. */
const isOverSql = `(r.expire <= ${nowSql} OR r.expire > excluded.expire + 5000)`;

/** Adds points to windows, which begin anew where they are over. Rows are locked in the order given: one for all callers. */
const takeSql = `
  INSERT INTO rate_limit AS r (key, points, expire)
  SELECT asked.key, asked.points, ${nowSql} + asked.duration_ms
  FROM unnest($1::text[], $2::int[], $3::int[]) AS asked (key, points, duration_ms)
  WHERE set_config('synchronous_commit', 'off', true) = 'off'
  ON CONFLICT (key) DO UPDATE SET
    points = CASE WHEN ${isOverSql} THEN excluded.points ELSE r.points + excluded.points END,
    expire = CASE WHEN ${isOverSql} THEN excluded.expire ELSE r.expire END
  RETURNING r.key, r.points, r.expire::text AS "expire", (r.expire - ${nowSql})::int AS "remainingMs"`;

interface TakenRow {
  key: string;
  points: number;
  expire: string;
  remainingMs: number;
}

const giveBackSql = `
  UPDATE rate_limit r SET points = greatest(0, r.points - back.points)
  FROM unnest($1::text[], $2::int[], $3::bigint[]) AS back (key, points, expire)
  WHERE r.key = back.key AND r.expire = back.expire AND set_config('synchronous_commit', 'off', true) = 'off'`;

/** Subjects kept before those with nothing left are looked for. */
const leastTidied = 10_000;

/**
 * What each subject may still do, shared by every process of a database.
 *
 * Shape: the count of a window stands in a row; a process takes points from it ahead, a tenth of the window's at most and
 * no more than it has spent (or as many as callers wait), and spends them in memory. Points taken are gone from the row:
 * all processes together never admit more than a window's points, and a caller may be refused too early by what other
 * processes still hold, or held when they were killed: at most what each had spent. What is held ends with its window.
 * Cost: no statement while points are held, else one for both windows; its commit does not wait for the disk, for a
 * count that a crash loses admits a second's calls again at most. Faults: the database's, for all who wait then.
 */
export class Allowances {
  readonly #deps: AllowanceDeps;
  readonly #subjects = new Map<string, Subject>();
  #tidyAt = leastTidied;

  constructor(deps: AllowanceDeps) {
    this.#deps = deps;
  }

  /** Null when the subject had room, else the milliseconds until it may have. */
  take(name: string): Promise<number | null> {
    let subject = this.#subjects.get(name);
    if (subject === undefined) {
      if (this.#subjects.size >= this.#tidyAt) this.#tidy();
      subject = new Subject(this.#deps, name);
      this.#subjects.set(name, subject);
    }
    return subject.take();
  }

  /** Costs one walk each time their number has doubled. */
  #tidy(): void {
    for (const [name, subject] of this.#subjects) if (subject.isIdle()) this.#subjects.delete(name);
    this.#tidyAt = Math.max(leastTidied, 2 * this.#subjects.size);
  }
}

interface Waiter {
  resolve(waitMs: number | null): void;
  reject(cause: unknown): void;
}

/** One subject's purses, and the callers who wait for them to be filled. */
class Subject {
  readonly #deps: AllowanceDeps;
  readonly #second: Purse;
  readonly #minute: Purse;
  readonly #burst: Purse | null;
  #waiters: Waiter[] = [];
  #isServing = false;

  constructor(deps: AllowanceDeps, name: string) {
    this.#deps = deps;
    this.#second = emptyPurse(deps.second, name);
    this.#minute = emptyPurse(deps.minute, name);
    this.#burst = deps.burst === null ? null : emptyPurse(deps.burst, name);
  }

  take(): Promise<number | null> {
    if (!this.#isServing) {
      this.#dropEnded();
      if (this.#second.left > 0 && this.#minute.left > 0) {
        this.#pay(1);
        return Promise.resolve(null);
      }
    }
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      if (!this.#isServing) void this.#serve();
    });
  }

  isIdle(): boolean {
    const nowMs = this.#deps.clock.monotonicMs();
    return !this.#isServing && this.#purses().every(({ left, endsMs }) => left === 0 || endsMs <= nowMs);
  }

  /** Callers who come while a statement is on share the next one. */
  async #serve(): Promise<void> {
    this.#isServing = true;
    while (this.#waiters.length > 0) {
      const waiters = this.#waiters;
      this.#waiters = [];
      try {
        const { admitted, waitMs } = await this.#admit(waiters.length);
        for (const [place, waiter] of waiters.entries()) waiter.resolve(place < admitted ? null : waitMs);
      } catch (cause) {
        // Who came meanwhile would fare the same, one statement later: they are told now.
        for (const waiter of [...waiters, ...this.#waiters.splice(0)]) waiter.reject(cause);
      }
    }
    this.#isServing = false;
  }

  async #admit(callers: number): Promise<{ admitted: number; waitMs: number }> {
    this.#dropEnded();
    await this.#fill([this.#second, this.#minute], callers);
    const beyond = callers - this.#second.left;
    if (this.#burst !== null && beyond > 0) await this.#fill([this.#burst], beyond);
    const quick = Math.min(callers, this.#second.left + (this.#burst?.left ?? 0));
    const admitted = Math.min(quick, this.#minute.left);
    this.#pay(admitted);
    const refusing = quick < callers ? this.#second : this.#minute;
    if (admitted < callers) await this.#giveBack();
    return { admitted, waitMs: Math.max(1, Math.ceil(refusing.endsMs - this.#deps.clock.monotonicMs())) };
  }

  /** One statement for the purses that hold too little. */
  async #fill(purses: readonly Purse[], callers: number): Promise<void> {
    const short = purses.filter(({ left }) => left < callers);
    if (short.length === 0) return;
    for (const purse of short) purse.asked = Math.max(callers - purse.left, pointsAhead(purse));
    const sentMs = this.#deps.clock.monotonicMs();
    const rows = await this.#deps.db.read<TakenRow>(takeSql, [
      short.map(({ key }) => key),
      short.map(({ asked }) => asked),
      short.map(({ window }) => window.durationMs),
    ]);
    for (const purse of short) {
      const row = rows.find(({ key }) => key === purse.key);
      if (row === undefined) throw new Error('a window that was asked for has no row');
      // Points before this question were others'; what lies beyond the window's was not given.
      purse.granted = Math.max(0, Math.min(purse.asked, purse.window.points - (row.points - purse.asked)));
      purse.left += purse.granted;
      purse.endsMs = sentMs + row.remainingMs;
      purse.expire = row.expire;
    }
  }

  #pay(callers: number): void {
    const ofBurst = Math.max(0, callers - this.#second.left);
    spend(this.#second, callers - ofBurst);
    if (this.#burst !== null) spend(this.#burst, ofBurst);
    spend(this.#minute, callers);
  }

  /** What one window gave for callers whom the other refused, and what was asked for in vain. A lost one expires. */
  async #giveBack(): Promise<void> {
    const back = this.#purses().filter(({ asked }) => asked > 0);
    const points = back.map((purse) => {
      const unused = Math.min(purse.granted, purse.left);
      purse.left -= unused;
      return purse.asked - purse.granted + unused;
    });
    const values = [back.map(({ key }) => key), points, back.map(({ expire }) => expire)];
    await this.#deps.db.read(giveBackSql, values).catch(() => undefined);
  }

  #dropEnded(): void {
    const nowMs = this.#deps.clock.monotonicMs();
    for (const purse of this.#purses()) {
      purse.asked = 0;
      purse.granted = 0;
      if (purse.endsMs > nowMs || purse.endsMs === 0) continue;
      Object.assign(purse, { left: 0, spentBefore: purse.spent, spent: 0, endsMs: 0 });
    }
  }

  #purses(): Purse[] {
    return this.#burst === null ? [this.#second, this.#minute] : [this.#second, this.#minute, this.#burst];
  }
}
