// A process of its own for the tests of the embedded engine, from compiled code: node database-process.mjs lock|write DATA_DIR
import { loadConfig } from '../../dist/config.js';
import { systemClock } from '../../dist/kernel/clock.js';
import { systemIds } from '../../dist/kernel/ids.js';
import { openDatabase } from '../../dist/platform/db/client.js';
import { lockFolder } from '../../dist/platform/db/lock.js';

const [task, dataDir = ''] = process.argv.slice(2);
const ids = systemIds(() => systemClock.nowMs());
const log = { info() {}, warn() {}, error() {} };

/** Holds the lock until it is killed. */
async function lock() {
  await lockFolder(dataDir, ids);
  console.log('locked');
  setInterval(() => undefined, 1_000);
}

/** Writes rows for ever, and prints the number of each once it is acknowledged. */
async function write() {
  const db = await openDatabase({ config: loadConfig({ DATA_DIR: dataDir }).db, clock: systemClock, ids, log });
  for (let count = 1; ; count += 1) {
    await db.prisma.space.create({ data: { name: `row ${count}`, dimensions: 3 } });
    console.log(count);
  }
}

await (task === 'lock' ? lock() : write());
