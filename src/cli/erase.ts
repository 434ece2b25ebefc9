import { rm } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import type { ErasureCounts } from '../features/accounts/store/erasure.js';
import { ErasureService } from '../features/accounts/service/erasure.js';
import * as removal from '../features/prompts/service/removal.js';
import { systemClock } from '../kernel/clock.js';
import type { Database } from '../platform/db/database.js';
import { listBackups } from '../platform/db/restore.js';
import { scrub, type ScrubbedTable } from '../platform/db/scrub.js';
import { ids, withDatabase } from './database.js';
import { CommandError, type Terminal } from './terminal.js';
import { operatorsOn } from './users.js';

/** How an erasure is asked for. */
export interface EraseOptions {
  dryRun?: boolean;
  yes?: boolean;
  /** Writes the tables anew afterwards. */
  scrub?: boolean;
  /** Keeps the user's prompts in projects of others. */
  keepPrompts?: boolean;
}

/** How the files are scrubbed. */
export interface ScrubOptions {
  /** Removes the backups made before, too. */
  backups?: boolean;
}

/** One thing to erase: what it is called, what of it there is, and its end. */
interface Target {
  /** What is to be typed. */
  name: string;
  counts: Partial<ErasureCounts> & { projects?: number };
  erase: () => Promise<unknown>;
}

/** Erases one prompt. */
export const erasePrompt = (terminal: Terminal, id: string, options: EraseOptions): Promise<void> =>
  erase(terminal, options, async (erasure) => ({
    name: id,
    counts: await erasure.previewPrompt(id),
    erase: () => erasure.erasePrompt(id),
  }));

/** Erases an account with its own projects, and its prompts everywhere unless they are to be kept. */
export const eraseUser = (terminal: Terminal, username: string, options: EraseOptions): Promise<void> =>
  erase(terminal, options, async (erasure, db) => {
    const user = await operatorsOn(db, terminal).account(username);
    const erasePrompts = options.keepPrompts !== true;
    return {
      name: user.username,
      counts: await erasure.previewUser(user.id, erasePrompts),
      erase: () => erasure.eraseUser(user.id, { by: null, erasePrompts }),
    };
  });

/** Erases a project; a personal one is emptied. */
export const eraseProject = (terminal: Terminal, id: string, options: EraseOptions): Promise<void> =>
  erase(terminal, options, async (erasure) => {
    const { name, id: _id, isGone: _isGone, ...counts } = await erasure.previewProject(id);
    return { name, counts, erase: () => erasure.eraseProject(id, { userId: null, confirm: name }) };
  });

/** Writes every table anew, so that no file of them holds what was deleted; says how long each took. */
export async function scrubFiles(terminal: Terminal, { backups = false }: ScrubOptions): Promise<void> {
  const config = terminal.config().db;
  if (backups && config.engine === 'server')
    throw new CommandError('--backups is for the embedded database: remove those of a server where they lie.');
  const startedMs = systemClock.nowMs();
  await withDatabase(terminal, config, (db) => scrubDatabase(terminal, db));
  if (!backups) return;
  const [newest, ...older] = await listBackups(config);
  if (newest === undefined || newest.madeAtMs < startedMs)
    throw new CommandError('No backup was made afterwards; the older ones are left.');
  for (const { path } of older) for (const file of [path, `${path}.json`]) await rm(file, { force: true });
  terminal.output.write(
    `${older.length} older backups removed; ${newest.name} is left. Its write-ahead log may still hold what was erased last.\n`,
  );
}

async function erase(
  terminal: Terminal,
  options: EraseOptions,
  find: (erasure: ErasureService, db: Database) => Promise<Target>,
): Promise<void> {
  await withDatabase(terminal, terminal.config().db, async (db) => {
    const onMembershipsChanged = (): void => undefined;
    const target = await find(new ErasureService({ db, ids, ...removal, onMembershipsChanged }), db);
    terminal.output.write(
      `${options.dryRun === true ? 'Would erase' : 'Erasing'} ${target.name}: ${inWords(target.counts)}.\n`,
    );
    if (options.dryRun === true) return;
    if (options.yes !== true) await confirm(terminal, target.name);
    await target.erase();
    terminal.output.write(`${target.name} is erased.\n`);
    if (options.scrub === true) await scrubDatabase(terminal, db);
    else terminal.notes.write('Its bytes stay in the files until `promptwell scrub` writes them anew.\n');
  });
}

/** Nobody erases the wrong thing by pressing a key too often: the name is typed. */
async function confirm({ input, notes, signal }: Terminal, name: string): Promise<void> {
  const lines = createInterface({ input, output: notes, terminal: input.isTTY });
  try {
    const closed = new Promise<string>((resolve) => lines.once('close', () => resolve('')));
    const typed = await Promise.race([lines.question(`Type ${name} to erase it for good: `, { signal }), closed]);
    if (typed.trim() !== name) throw new CommandError('That is not its name; nothing was erased.');
  } finally {
    lines.close();
  }
}

async function scrubDatabase({ config, output, notes }: Terminal, db: Database): Promise<void> {
  const onTable = ({ table, durationMs }: ScrubbedTable): void => {
    notes.write(`${table} ${(durationMs / 1_000).toFixed(1)} s\n`);
  };
  const tables = await scrub({ db, config: config().db, clock: systemClock, onTable });
  const left = tables.filter(({ failure, remaining }) => failure !== null || remaining > 0).map(leftInWords);
  if (left.length > 0) throw new CommandError(`Not scrubbed: ${left.join('; ')}. Run promptwell scrub again.`);
  const seconds = tables.reduce((sum, { durationMs }) => sum + durationMs, 0) / 1_000;
  output.write(`${tables.length} tables written anew in ${seconds.toFixed(1)} s.\n`);
}

const leftInWords = ({ table, failure, remaining }: ScrubbedTable): string =>
  `${table} (${failure ?? `an older transaction may still see ${remaining} deleted rows`})`;

const inWords = (counts: Target['counts']): string =>
  Object.entries(counts)
    .map(([kind, count]) => [count, kind === 'apiKeys' ? 'API keys' : kind] as const)
    .map(([count, kinds]) => `${count} ${count === 1 ? kinds.slice(0, -1) : kinds}`)
    .join(', ');
