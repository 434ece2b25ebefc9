import Table from 'cli-table3';
import pc from 'picocolors';
import { systemClock } from '../kernel/clock.js';
import { type DoctorReport, examine, type Finding } from '../platform/db/doctor/doctor.js';
import { ids } from './database.js';
import { CommandError, type Terminal } from './terminal.js';

/** Exit codes: something wants to be done; nothing could be looked at. */
const exitCodes = { problems: 1, unable: 2 } as const;

/**
 * Prints what is wrong with the stored rows, for people or as JSON.
 *
 * Faults: `CommandError` with exit code 1 when there are problems, 2 when the database could not be examined.
 */
export async function doctor({ config, output }: Terminal, isJson: boolean): Promise<void> {
  const report = await examined(config);
  output.write(isJson ? `${JSON.stringify(report, undefined, 2)}\n` : inWords(report));
  const problems = report.findings.filter(({ severity }) => severity === 'problem').length;
  if (problems + report.skipped.length > 0) throw new CommandError('', exitCodes.problems);
}

async function examined(config: Terminal['config']): Promise<DoctorReport> {
  try {
    const { db, events } = config();
    return await examine({ config: db, clock: systemClock, ids, limits: { retentionMs: events.retentionMs } });
  } catch (cause) {
    const words = cause instanceof Error ? cause.message : String(cause);
    throw new CommandError(words, exitCodes.unable);
  }
}

function inWords(report: DoctorReport): string {
  const size = inMegabytes(report.sizeBytes);
  const head = `${report.engine} engine, PostgreSQL ${report.postgres}, schema ${report.schema ?? 'none'}, ${size}`;
  const parts = [head, tables(report), spaces(report), ...report.findings.map(inLines)];
  for (const { check, reason } of report.skipped) parts.push(`not checked: ${check} (${reason})`);
  parts.push(verdict(report));
  return `${parts.filter((part) => part !== '').join('\n')}\n`;
}

function tables({ tables: all }: DoctorReport): string {
  const table = plainTable(['table', 'rows', 'size'], ['left', 'right', 'right']);
  for (const { name, rows, sizeBytes } of all) table.push([name, String(rows), inMegabytes(sizeBytes)]);
  return table.toString();
}

function spaces({ spaces: all }: DoctorReport): string {
  if (all.length === 0) return '';
  const table = plainTable(['space', 'dimensions', 'vectors', 'missing'], ['left', 'right', 'right', 'right']);
  for (const { name, dimensions, vectors, missing } of all)
    table.push([name, String(dimensions), String(vectors), String(missing)]);
  return table.toString();
}

function inLines({ severity, count, what, why, advice, rows }: Finding): string {
  const mark = severity === 'problem' ? pc.red('problem') : pc.yellow('note');
  const named = rows.length === 0 ? '' : `\n  ${rows.join(', ')}${count > rows.length ? ', ...' : ''}`;
  return `\n${mark}: ${count} ${what}${named}\n  why: ${why}\n  do:  ${advice}`;
}

function verdict({ checks, findings }: DoctorReport): string {
  const problems = findings.filter(({ severity }) => severity === 'problem').length;
  return `\n${checks} checks: ${problems === 0 ? pc.green('no problem') : pc.red(`${problems} with problems`)}, ${findings.length - problems} with notes.`;
}

function plainTable(head: string[], colAligns: ('left' | 'right')[]): Table.Table {
  const none = ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right'];
  const inner = ['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle'];
  const chars = Object.fromEntries([...none, ...inner].map((name) => [name, name === 'middle' ? '  ' : '']));
  return new Table({ head, colAligns, chars, style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 } });
}

const inMegabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
