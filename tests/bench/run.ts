import { cpus, loadavg } from 'node:os';
import { engineUnderTest } from '../support/database.js';
import { benchAuth } from './auth.js';
import { benchColdStart } from './cold-start.js';
import { benchFanout, fanoutTable, fullFanout, quickFanout } from './fanout.js';
import { writePath } from './creates.js';
import { benchDataLayer } from './data-layer.js';
import { benchMemory } from './memory.js';
import { benchCalls } from './rpc-overhead.js';
import { benchSimilar } from './similar.js';
import { benchSpaces } from './spaces.js';
import { benchStartUp } from './start-up.js';

// `npm run bench` prints every table as it stands in RESULTS.md; `-- --quick` takes smaller sizes (under a minute).
const isQuick = process.argv.includes('--quick');
const onServer = engineUnderTest === 'server';
const sizes = isQuick ? [200] : onServer ? [1_000, 10_000, 100_000] : [1_000, 10_000];
const quick = (perRound: number) => ({ rounds: 1, perRound });

async function table(title: string, make: () => Promise<string[]>): Promise<void> {
  const load = loadavg()[0]?.toFixed(2) ?? '?';
  console.log(`\n### ${title} (${engineUnderTest}; load ${load})\n\n${(await make()).join('\n')}`);
}

console.log(`${cpus().length} cores, Node ${process.version}, ${new Date().toISOString().slice(0, 10)}`);
await table('Start-up and memory', benchStartUp);
await table('Cold start', () => benchColdStart(isQuick ? 2 : 7));
for (const { title, make } of writePath(isQuick)) await table(title, make);
await table('prompts.similar end to end', () => benchSimilar(sizes, isQuick ? quick(20) : { rounds: 5, perRound: 60 }));
await table('A call', () => benchCalls(isQuick ? quick(500) : { rounds: 5, perRound: 6_000 }));
await table('A token`s check', () => benchAuth({ rounds: isQuick ? 1 : 5, distinct: isQuick ? 50 : 1_000 }));
await table('Reads at the data layer', () =>
  benchDataLayer(isQuick ? { ...quick(50), prompts: 200 } : { rounds: 5, perRound: 300, prompts: 1_000 }),
);
await table('Memory', () =>
  benchMemory(isQuick ? { requests: 300, watchMs: 4_000 } : { requests: 10_000, watchMs: 600_000 }),
);
await table('A move to another space', () => benchSpaces(isQuick ? 1_000 : 10_000));
if (engineUnderTest === 'server')
  await table('The live feed', async () => fanoutTable(await benchFanout(isQuick ? quickFanout : fullFanout)));
