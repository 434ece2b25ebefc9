import type { createColors } from 'picocolors';
import Table from 'cli-table3';

/** Where the demo writes to. */
export interface ScreenDeps {
  write: (text: string) => void;
  /** On a terminal, lines are redrawn and coloured; elsewhere every line is written once. */
  isTerminal: boolean;
  colors: ReturnType<typeof createColors>;
}

/** Something that takes a while. */
export interface Progress {
  /** Replaces what is shown beside the label. */
  update(text: string): void;
  /** Ends it with what came of it. */
  done(text: string): void;
  /** Ends it without a word. */
  stop(): void;
}

/** Widest line. */
const width = 100;
const indent = '  ';
const frames = '⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏';
const frameMs = 80;

/** What the demo's reader sees: short lines, two spaces from the left, at most 100 columns. */
export class Screen {
  readonly colors: ScreenDeps['colors'];
  readonly #deps: ScreenDeps;
  #running: Progress | undefined;

  constructor(deps: ScreenDeps) {
    this.#deps = deps;
    this.colors = deps.colors;
  }

  /** One line, or several. */
  say(...lines: string[]): void {
    for (const line of lines) this.#deps.write(`${line === '' ? '' : indent}${line}\n`);
  }

  /** A heading with an empty line before it. */
  heading(text: string, note: string): void {
    this.say('', `${this.colors.bold(text)}  ${this.colors.dim(note)}`);
  }

  /** Shows that something is under way: an animated line on a terminal, one plain line elsewhere. */
  progress(label: string): Progress {
    const { write, isTerminal } = this.#deps;
    if (!isTerminal) this.say(`${label} ...`);
    let text = '';
    let frame = 0;
    const draw = (): void => {
      frame += 1;
      write(
        `\r\u{1b}[2K${indent}${this.colors.cyan(frames[frame % frames.length] ?? '')} ${label} ${this.colors.dim(text)}`,
      );
    };
    const timer = isTerminal ? setInterval(draw, frameMs) : undefined;
    const stop = (): void => {
      clearInterval(timer);
      if (isTerminal && this.#running !== undefined) write('\r\u{1b}[2K');
      this.#running = undefined;
    };
    const running: Progress = {
      update: (next) => {
        text = next;
      },
      done: (result) => {
        stop();
        this.say(`${this.colors.green('✔')} ${result}`);
      },
      stop,
    };
    this.#running = running;
    return running;
  }

  /** Ends whatever is under way, for a last word. */
  clear(): void {
    this.#running?.stop();
  }

  /** A text that arrives in pieces, wrapped as it comes; `end` closes its last line. */
  streaming(): { push: (piece: string) => void; end: () => void } {
    const { write } = this.#deps;
    const margin = `${indent}    `;
    let column = 0;
    const push = (piece: string): void => {
      for (const word of piece.replaceAll(/\s+/g, ' ').match(/ ?[^ ]+| /g) ?? []) {
        if (column === 0 || column + word.length > width) {
          write(column === 0 ? margin : `\n${margin}`);
          column = margin.length;
          write(this.colors.dim(word.trimStart()));
          column += word.trimStart().length;
        } else {
          write(this.colors.dim(word));
          column += word.length;
        }
      }
    };
    return { push, end: () => write('\n') };
  }

  /** Rows under column names; what does not fit its column ends in an ellipsis. */
  table(columns: readonly { name: string; width: number }[], rows: readonly string[][]): void {
    const { dim } = this.colors;
    const table = new Table({
      head: columns.map(({ name }) => dim(name)),
      colWidths: columns.map((column) => column.width),
      chars: noBorders,
      style: { head: [], border: [], 'padding-left': 0, 'padding-right': 1 },
    });
    table.push(...rows);
    this.say(
      ...table
        .toString()
        .split('\n')
        .map((line) => line.trimEnd()),
    );
  }
}

const noBorders = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '',
};
