import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { OperatorService } from '../features/accounts/service/operators.js';
import { systemClock } from '../kernel/clock.js';
import { Passwords } from '../platform/auth/passwords.js';
import type { Database } from '../platform/db/database.js';
import { ids, withDatabase } from './database.js';
import { CommandError, type Terminal } from './terminal.js';

/** Sets somebody's password, asked for on a terminal, else read from the input's first line; every log-in ends. */
export async function resetPassword(terminal: Terminal, username: string): Promise<void> {
  const password = await newPassword(terminal);
  await withDatabase(terminal, terminal.config().db, (db) =>
    operatorsOn(db, terminal).resetPassword(username, password),
  );
  terminal.output.write(`${username} has a new password; all log-ins have ended.\n`);
}

/** Shuts somebody out, or lets them in again. */
export async function setDisabled(terminal: Terminal, username: string, isDisabled: boolean): Promise<void> {
  await withDatabase(terminal, terminal.config().db, (db) =>
    operatorsOn(db, terminal).setDisabled(username, isDisabled),
  );
  terminal.output.write(
    isDisabled
      ? `${username} is disabled: log-ins have ended and API keys are refused.\n`
      : `${username} is enabled and may sign in again.\n`,
  );
}

/** Lets somebody run the installation, or no longer. */
export async function setAdministrator(terminal: Terminal, username: string, isAdministrator: boolean): Promise<void> {
  await withDatabase(terminal, terminal.config().db, (db) =>
    operatorsOn(db, terminal).setAdministrator(username, isAdministrator),
  );
  terminal.output.write(
    isAdministrator
      ? `${username} is an administrator of this installation.\n`
      : `${username} is no administrator of this installation.\n`,
  );
}

/** The operator's hands on the accounts of a database. */
export function operatorsOn(db: Database, terminal: Terminal): OperatorService {
  const passwords = new Passwords({ minLength: terminal.config().auth.passwordMinLength });
  return new OperatorService({ db, clock: systemClock, ids, passwords });
}

async function newPassword(terminal: Terminal): Promise<string> {
  if (!terminal.input.isTTY) return readLine(terminal, '');
  const password = await readLine(terminal, 'New password: ');
  if ((await readLine(terminal, 'The same again: ')) !== password) throw new CommandError('The two passwords differ.');
  return password;
}

/** The input's next line; on a terminal it is not shown. */
function readLine({ input, notes, signal }: Terminal, question: string): Promise<string> {
  // What readline would echo goes nowhere: a password is not shown.
  const echo = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input, output: echo, terminal: input.isTTY });
  notes.write(question);
  return new Promise<string>((resolve, reject) => {
    const stop = (): void => reject(new CommandError('Stopped; nothing was changed.'));
    lines.once('line', resolve);
    lines.once('SIGINT', stop);
    lines.once('close', () => reject(new CommandError('No password was given.')));
    signal.addEventListener('abort', stop, { once: true });
  }).finally(() => {
    if (question !== '') notes.write('\n');
    lines.close();
  });
}
