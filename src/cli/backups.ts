import { systemClock } from '../kernel/clock.js';
import type { Backup } from '../platform/db/backups.js';
import { checkBackup, listBackups, makeBackup, restoreBackup, type RestoreChoice } from '../platform/db/restore.js';
import { ids } from './database.js';
import type { Terminal } from './terminal.js';

/** Makes a backup now, verified, among the others or in a folder of its own. */
export async function backUp({ config, output }: Terminal, folder: string | undefined): Promise<void> {
  const path = await makeBackup({ config: config().db, clock: systemClock, ids }, folder);
  output.write(`Made and verified: ${path}\n`);
}

/** Prints the backups, newest first: when, how large, of what, whether verified, under which name. */
export async function printBackups({ config, output, notes }: Terminal, isJson: boolean): Promise<void> {
  const { db } = config();
  const backups = await listBackups(db);
  if (isJson) return void output.write(`${JSON.stringify(backups.map(inJson), undefined, 2)}\n`);
  if (backups.length === 0) notes.write(`There is no backup in ${db.dataDir} yet.\n`);
  for (const backup of backups) output.write(`${inLine(backup)}\n`);
}

/** Restores a backup into a scratch database and compares it with what the database held when it was made. */
export async function check({ config, output }: Terminal, file: string): Promise<void> {
  const { path, contents, isCompared } = await checkBackup({ config: config().db, clock: systemClock, ids }, file);
  const rows = contents.tables.reduce((sum, table) => sum + table.rows, 0);
  const how = isCompared ? 'and is equal to the database as it was' : 'and holds';
  output.write(`${path} restores ${how}: ${contents.tables.length} tables, ${rows} rows.\n`);
}

/** Makes a backup the database: the one named, else the newest that opens. */
export async function restore({ config, output, notes }: Terminal, choice: RestoreChoice): Promise<void> {
  const { db } = config();
  const restored = await restoreBackup({ config: db, clock: systemClock, ids }, choice);
  for (const { backup, reason } of restored.rejected) notes.write(`${backup} does not open: ${reason}\n`);
  output.write(`Restored ${restored.backup}.\n`);
  if (restored.setAside === null) return;
  const what = db.engine === 'server' ? 'the database ' : '';
  output.write(`What was there before is kept in ${what}${restored.setAside}.\n`);
}

const verifiedAt = ({ record }: Backup): string | null => record?.verifiedAt ?? null;

const inJson = (backup: Backup) => ({
  name: backup.name,
  path: backup.path,
  sizeBytes: backup.sizeBytes,
  createdAt: new Date(backup.madeAtMs).toISOString(),
  engine: backup.engine,
  schema: backup.record?.schema ?? null,
  isBeforeMigration: backup.isBeforeMigration,
  verifiedAt: verifiedAt(backup),
});

function inLine(backup: Backup): string {
  const madeAt = new Date(backup.madeAtMs).toISOString();
  const isVerified = verifiedAt(backup) === null ? 'unverified' : 'verified';
  const facts = [inMegabytes(backup.sizeBytes).padStart(9), backup.engine.padEnd(8), isVerified.padEnd(10)];
  return [madeAt, ...facts, backup.record?.schema ?? 'unknown schema', backup.name].join('  ');
}

const inMegabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
