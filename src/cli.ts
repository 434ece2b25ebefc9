#!/usr/bin/env node
import { existsSync } from 'node:fs';
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { backUp, check, printBackups, restore } from './cli/backups.js';
import { doctor } from './cli/doctor.js';
import { type EraseOptions, erasePrompt, eraseProject, eraseUser, type ScrubOptions, scrubFiles } from './cli/erase.js';
import { type ExportOptions, exportPrompts } from './cli/export.js';
import { migrate } from './cli/migrate.js';
import { fetchModelFiles } from './cli/model.js';
import { CommandError, type Terminal } from './cli/terminal.js';
import { resetPassword, setAdministrator, setDisabled } from './cli/users.js';
import { loadConfig } from './config.js';
import { version } from './version.js';

/** Source: 128 plus the number of SIGINT, as shells count. */
const interruptedCode = 130;

const usageCode = 2;

// What the environment says already counts more.
if (existsSync('.env')) process.loadEnvFile('.env');
process.exitCode = await run(process.argv);

/** Runs a command line; answers 0 when it did what it was asked, 1 when it could not, 2 when it was not understood. */
async function run(argv: string[]): Promise<number> {
  const stop = new AbortController();
  const terminal: Terminal = {
    config: () => loadConfig(process.env),
    input: process.stdin,
    output: process.stdout,
    notes: process.stderr,
    signal: stop.signal,
  };
  try {
    await program(terminal, () => process.once('SIGINT', () => stop.abort())).parseAsync(argv);
    return 0;
  } catch (cause) {
    return complain(cause, stop.signal.aborted);
  }
}

/** Says in one line why a command ended; answers the exit code. */
function complain(cause: unknown, isStopped: boolean): number {
  if (cause instanceof CommanderError) return cause.exitCode === 0 ? 0 : usageCode;
  // Whoever reads the output has read enough: `promptwell export | head`.
  if (cause instanceof Error && 'code' in cause && cause.code === 'EPIPE') return 0;
  const said = isStopped ? 'stopped' : inOneLine(cause);
  if (said !== '') process.stderr.write(`promptwell: ${said}\n`);
  if (isStopped) return interruptedCode;
  return cause instanceof CommandError ? cause.exitCode : 1;
}

/** Hoisted: this file runs from its top, before a constant down here would be there. */
function inOneLine(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).replaceAll(/\s*\n\s*/g, ' ');
}

/** The commands. `onInterrupt` is asked for by those that stop midway; the service itself stops in its own way. */
function program(terminal: Terminal, watchInterrupts: () => void): Command {
  const root = new Command('promptwell')
    .description('Keep every prompt and its answers, find them by meaning, hear them live.')
    .version(version)
    .exitOverride()
    .configureHelp({ showGlobalOptions: false, sortSubcommands: false })
    .addHelpText(
      'after',
      '\nConfigured by the environment, as the service is (.env.example lists all of it). Commands that need the embedded\n' +
        'database want it for themselves: stop the service first.',
    );
  const serve = root.command('serve').description('Run the service until it is told to stop.');
  serve.action(async () => void (await import('./main.js')));

  const model = root.command('model').description('The neural embedding model.');
  model
    .command('fetch')
    .description('Fetch its files (24 MB) into the model folder.')
    .action(() => fetchModelFiles(terminal));

  root
    .command('migrate')
    .description('Bring the database up to date, after a backup of it, and stop.')
    .option('--without-backup', 'for who has one of their own')
    .action(({ withoutBackup }: { withoutBackup?: boolean }) => migrate(terminal, withoutBackup === true));
  addBackupCommands(root, terminal);
  root
    .command('doctor')
    .description('Look for what is wrong with the stored rows, and change nothing; answers 1 when there is something.')
    .option('--json', 'for programs')
    .action(({ json }: { json?: boolean }) => doctor(terminal, json === true));
  root
    .command('export')
    .description('Write a project as JSON lines: its prompts, newest first, with all their responses.')
    .addOption(new Option('--project <id>', 'the project').argParser(uuid).conflicts('user'))
    .option('--user <name>', 'instead: the personal project of this account')
    .option('--output <file>', 'a new file; the standard output when left out')
    .action((options: ExportOptions, command: Command) => {
      if (options.project === undefined && options.user === undefined)
        command.error("error: one of '--project <id>' and '--user <name>' is needed");
      return exportPrompts(terminal, options);
    });
  addEraseCommands(root, terminal);
  addUserCommands(root, terminal);
  root.hook('preAction', (_, action) => {
    if (action !== serve) watchInterrupts();
  });
  return root;
}

function addBackupCommands(root: Command, terminal: Terminal): void {
  root
    .command('backup')
    .description('Make a backup now, restore it into a scratch database, and compare the two.')
    .option('--folder <path>', 'another folder than DATA_DIR/backups, made if need be; nothing is removed there')
    .action(({ folder }: { folder?: string }) => backUp(terminal, folder));
  const backups = root
    .command('backups')
    .description('List the backups, newest first.')
    .option('--json', 'for programs')
    .action(({ json }: { json?: boolean }) => printBackups(terminal, json === true));
  backups
    .command('check')
    .description('Restore one into a scratch database and compare it with what it was made of.')
    .argument('<file>', 'its name or path')
    .action((file: string) => check(terminal, file));
  root
    .command('restore')
    .description('Make a backup the database; what was there is kept.')
    .argument('[file]', 'its name or path; the newest that opens when left out')
    .option('--replace', 'on a server: although the database holds tables')
    .action((file: string | undefined, { replace }: { replace?: boolean }) =>
      restore(terminal, { file, isReplacing: replace === true }),
    );
}

function addEraseCommands(root: Command, terminal: Terminal): void {
  const erase = root.command('erase').description('Erase for good, after its name is typed.');
  const command = (name: string, description: string): Command =>
    erase
      .command(name)
      .description(description)
      .option('--dry-run', 'only count what would go')
      .option('--yes', 'ask nothing')
      .option('--scrub', 'then write the tables anew, as the command scrub does');
  command('prompt', 'A prompt with its responses, its vectors, and its texts in events.')
    .addArgument(new Argument('<id>').argParser(uuid))
    .action((id: string, options: EraseOptions) => erasePrompt(terminal, id, options));
  command('user', 'An account, the projects nobody else is in, and its prompts in all others.')
    .argument('<username>')
    .option('--keep-prompts', 'leave the prompts in projects of others')
    .action((username: string, options: EraseOptions) => eraseUser(terminal, username, options));
  command('project', 'A project and everything in it; a personal one is emptied and stays.')
    .addArgument(new Argument('<id>').argParser(uuid))
    .action((id: string, options: EraseOptions) => eraseProject(terminal, id, options));
  root
    .command('scrub')
    .description('Write every table anew, so that no file of them holds what was deleted; each is locked meanwhile.')
    .option('--backups', 'embedded: also remove the backups made before')
    .action((options: ScrubOptions) => scrubFiles(terminal, options));
}

function addUserCommands(root: Command, terminal: Terminal): void {
  const user = root.command('user').description('Other people’s accounts.');
  user
    .command('reset-password')
    .description('Set a password, asked for or read from the input; all log-ins end.')
    .argument('<username>')
    .action((username: string) => resetPassword(terminal, username));
  user
    .command('disable')
    .description('Shut an account out: log-ins end, API keys are refused.')
    .argument('<username>')
    .action((username: string) => setDisabled(terminal, username, true));
  user
    .command('enable')
    .description('Let a disabled account in again.')
    .argument('<username>')
    .action((username: string) => setDisabled(terminal, username, false));
  user
    .command('administrator')
    .description('Let an account run the installation: embedding spaces, and whatever else no project owns.')
    .argument('<username>')
    .option('--revoke', 'no longer; somebody must remain')
    .action((username: string, { revoke = false }: { revoke?: boolean }) =>
      setAdministrator(terminal, username, !revoke),
    );
}

function uuid(text: string): string {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) throw new InvalidArgumentError('It is not a UUID.');
  return text.toLowerCase();
}
