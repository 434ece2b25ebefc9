import { systemClock } from '../kernel/clock.js';
import { listBackups, restoreBackup } from '../platform/db/restore.js';
import type { Config } from '../config.js';
import { ids } from './database.js';
import { CommandError, type Terminal } from './terminal.js';

/** Prints the embedded database's backups, newest first: when, how large, under which name. */
export async function printBackups({ config, output, notes }: Terminal): Promise<void> {
  const { db } = config();
  refuseServer(db);
  const backups = await listBackups(db);
  if (backups.length === 0) notes.write(`There is no backup in ${db.dataDir} yet.\n`);
  for (const { name, madeAtMs, sizeBytes } of backups)
    output.write(`${new Date(madeAtMs).toISOString()}  ${inMegabytes(sizeBytes).padStart(9)}  ${name}\n`);
}

/** Makes a backup the embedded database: the one named, else the newest that opens. */
export async function restore({ config, output, notes }: Terminal, file: string | undefined): Promise<void> {
  const { db } = config();
  refuseServer(db);
  const restored = await restoreBackup({ config: db, clock: systemClock, ids }, file);
  for (const { backup, reason } of restored.rejected) notes.write(`${backup} does not open: ${reason}\n`);
  output.write(`Restored ${restored.backup}.\n`);
  if (restored.setAside !== null) output.write(`What was there before is kept in ${restored.setAside}.\n`);
}

function refuseServer({ engine }: Config['db']): void {
  if (engine === 'server')
    throw new CommandError(
      'Promptwell makes backups of the embedded database only; DATABASE_URL names a server, whose own tools do that.',
    );
}

const inMegabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
