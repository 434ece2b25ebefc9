import { SingleBar } from 'cli-progress';
import type { Terminal } from './terminal.js';

/** How often a bar says how far it is where it cannot be redrawn. */
const plainIntervalMs = 5_000;

/** A progress bar beside a command's output: redrawn on a terminal, a line every few seconds elsewhere. */
export function progressBar(notes: Terminal['notes'], format: string): SingleBar {
  return new SingleBar({
    format,
    stream: notes,
    noTTYOutput: true,
    notTTYSchedule: plainIntervalMs,
    hideCursor: true,
    barCompleteChar: '█',
    barIncompleteChar: '░',
  });
}
