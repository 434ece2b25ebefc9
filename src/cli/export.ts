import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { ExportedPrompt, ProjectExport } from '../features/prompts/service/export.js';
import { exportProject } from '../features/prompts/service/export.js';
import { progressBar } from './bar.js';
import { withDatabase } from './database.js';
import { CommandError, type Terminal } from './terminal.js';
import { operatorsOn } from './users.js';

/** What is exported, and where to. */
export interface ExportOptions {
  /** A project's id. */
  project?: string;
  /** Instead: a username, for the personal project. */
  user?: string;
  /** A file that does not exist yet; the standard output when left out. */
  output?: string;
}

/**
 * Writes a project's prompts with all their responses as JSON lines, newest first.
 *
 * Cost: one page of prompts in memory; a slow reader slows the reading.
 */
export async function exportPrompts(terminal: Terminal, options: ExportOptions): Promise<void> {
  await withDatabase(terminal, terminal.config().db, async (db) => {
    const projectId = options.project ?? (await operatorsOn(db, terminal).personalProject(options.user ?? ''));
    const project = await exportProject(db, projectId);
    const written = await write(terminal, project, options.output);
    terminal.notes.write(
      `${written} prompts exported${options.output === undefined ? '' : ` to ${options.output}`}.\n`,
    );
  });
}

async function write(terminal: Terminal, { total, prompts }: ProjectExport, file: string | undefined): Promise<number> {
  const bar = progressBar(terminal.notes, '{bar} {value} of {total} prompts');
  let count = 0;
  async function* lines(source: AsyncIterable<ExportedPrompt>): AsyncGenerator<string, void, undefined> {
    for await (const prompt of source) {
      yield `${JSON.stringify(prompt)}\n`;
      count += 1;
      bar.update(count);
    }
  }
  bar.start(total, 0);
  try {
    if (file === undefined) await pipeline(prompts, lines, terminal.output, { end: false, signal: terminal.signal });
    else await writeFile(file, (target) => pipeline(prompts, lines, target, { signal: terminal.signal }));
  } finally {
    bar.stop();
  }
  return count;
}

/** A new file for its owner's eyes, gone again when the writing fails. */
async function writeFile(file: string, fill: (target: NodeJS.WritableStream) => Promise<void>): Promise<void> {
  try {
    await fill(createWriteStream(file, { flags: 'wx', mode: 0o600 }));
  } catch (cause) {
    const isTaken = cause instanceof Error && 'code' in cause && cause.code === 'EEXIST';
    if (isTaken) throw new CommandError(`${file} exists already; nothing was written.`);
    await rm(file, { force: true });
    throw cause;
  }
}
