import { withDatabase } from './database.js';
import type { Terminal } from './terminal.js';

/** Applies what the database lacks: opening it does that, as at every start of the service. */
export async function migrate(terminal: Terminal): Promise<void> {
  await withDatabase(terminal, (db) => db.check());
  terminal.output.write('The database is up to date.\n');
}
