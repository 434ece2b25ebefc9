import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { engineUnderTest } from '../support/database.js';
import { median } from './measure.js';

const writes = 50;
/** PostgreSQL's page, which is what pg_test_fsync writes. */
const pageBytes = 8_192;

/** One line of what every figure depends on: processor, load, what one write to the disk costs, runtime, engine, day. */
export function machineLine(): string {
  const [model = 'unknown'] = cpus().map((cpu) => cpu.model);
  const load = loadavg().map((one) => one.toFixed(1));
  return (
    `${cpus().length} x ${model}, load ${load.join(' ')}, 8 kB and fdatasync ${syncUs().toFixed(0)} microseconds (temporary folder), ` +
    `Node ${process.version}, ${engineUnderTest}, ${new Date().toISOString().slice(0, 10)}`
  );
}

/** What a page written and flushed takes, the median, as pg_test_fsync measures it. */
function syncUs(): number {
  const path = join(tmpdir(), `promptwell-fsync-${process.pid}`);
  const file = openSync(path, 'w');
  const page = Buffer.alloc(pageBytes, 1);
  const took = Array.from({ length: writes }, () => {
    const startedMs = performance.now();
    writeSync(file, page, 0, pageBytes, 0);
    fdatasyncSync(file);
    return (performance.now() - startedMs) * 1_000;
  });
  closeSync(file);
  rmSync(path);
  return median(took);
}
