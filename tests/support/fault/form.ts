import { appendFileSync } from 'node:fs';
import { engineUnderTest } from '../database.js';

/** Whether the long forms run (`FAULT_FORM=long npm run test:fault`); the short ones run in CI. */
export const isLong = process.env['FAULT_FORM'] === 'long';

/** How often a harness does its worst: the short form's number, or the long form's. */
export const rounds = (short: number, long: number): number => (isLong ? long : short);

/** `rounds`, unless `FAULT_STRIKES` says another number: a long form in parts. */
export const strikes = (short: number, long: number): number =>
  Number(process.env['FAULT_STRIKES'] ?? rounds(short, long));

/** A number in [0, 1), the same ones in the same order for the same seed. */
export type Random = () => number;

/** A run's randomness and the seed that replays it. */
export interface SeededRun {
  seed: number;
  random: Random;
  /** A whole number from `least` to `most`, both included. */
  between(least: number, most: number): number;
}

/**
 * The randomness of one run; says its seed on standard output, and takes `FAULT_SEED` to replay a run.
 *
 * Source: mulberry32 by Tommy Ettinger, public domain: 32 bits of state, enough for choosing when to strike.
 */
export function seededRun(name: string): SeededRun {
  const given = process.env['FAULT_SEED'];
  const seed = given === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(given) >>> 0;
  process.stdout.write(`${name}: FAULT_SEED=${seed}\n`);
  let state = seed;
  const random = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return { seed, random, between: (least, most) => least + Math.floor(random() * (most - least + 1)) };
}

/**
 * Says what a run came to, as a row of `tests/fault/RESULTS.md`: on standard output, and at the end of the file that
 * `FAULT_RESULTS` names.
 */
export function record(row: string, seed: number, figures: Readonly<Record<string, number | string>>): void {
  const told = Object.entries(figures).map(([name, value]) => `${name} ${value}`);
  const date = new Date().toISOString().slice(0, 10);
  const line = `| ${row} | ${engineUnderTest} | ${isLong ? 'long' : 'short'} | ${told.join(', ')} | ${seed} | ${date} |`;
  process.stdout.write(`${line}\n`);
  const file = process.env['FAULT_RESULTS'];
  if (file !== undefined) appendFileSync(file, `${line}\n`);
}
