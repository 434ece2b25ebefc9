import { withDatabase } from './database.js';
import type { Terminal } from './terminal.js';

/** Applies what the database lacks: opening it does that, as at every start of the service. */
export async function migrate(terminal: Terminal, isBackupWaived: boolean): Promise<void> {
  const { db } = terminal.config();
  await withDatabase(terminal, { ...db, isBackupWaived: db.isBackupWaived || isBackupWaived }, (opened) =>
    opened.check(),
  );
  terminal.output.write('The database is up to date.\n');
}
