import { cpus, loadavg } from 'node:os';
import { engineUnderTest } from '../support/database.js';
import { benchColdStart } from './cold-start.js';
import { benchFanout, fanoutTable, fullFanout, quickFanout } from './fanout.js';
import { writePath } from './creates.js';
import { benchSimilar } from './similar.js';
import { benchSpaces } from './spaces.js';
import { benchStartUp } from './start-up.js';

// `npm run bench` prints every table as it stands in RESULTS.md; `-- --quick` takes smaller sizes (under a minute).
const isQuick = process.argv.includes('--quick');
const sizes = isQuick ? [200] : [1_000, 10_000];

async function table(title: string, make: () => Promise<string[]>): Promise<void> {
  const load = loadavg()[0]?.toFixed(2) ?? '?';
  console.log(`\n### ${title} (${engineUnderTest}; load ${load})\n\n${(await make()).join('\n')}`);
}

console.log(`${cpus().length} cores, Node ${process.version}, ${new Date().toISOString().slice(0, 10)}`);
await table('Start-up and memory', benchStartUp);
await table('Cold start', () => benchColdStart(isQuick ? 2 : 7));
for (const { title, make } of writePath(isQuick)) await table(title, make);
await table('prompts.similar end to end', () => benchSimilar(sizes));
await table('A move to another space', () => benchSpaces(isQuick ? 1_000 : 10_000));
if (engineUnderTest === 'server')
  await table('The live feed', async () => fanoutTable(await benchFanout(isQuick ? quickFanout : fullFanout)));
