/**
 * `npm run bench` prints every table as it stands in RESULTS.md; `npm run bench -- NAME ...` those of these names, `-- --list`
 * the names. `--quick` takes smaller sizes (all under a minute on a quiet machine); `--keep` leaves the database of the
 * searches for the next run. Full runs of search-scale and growth on a server write their plots into docs/images.
 */
import { loadavg } from 'node:os';
import { engineUnderTest } from '../support/database.js';
import { benchAuth } from './auth.js';
import { benchColdStart } from './cold-start.js';
import { benchCreates } from './creates.js';
import { benchDataLayer } from './data-layer.js';
import { benchFanout, fanoutTable, fullFanout, quickFanout } from './fanout.js';
import { benchGrowth } from './growth.js';
import { benchImport, benchIngest } from './imports.js';
import { benchLoop } from './loop.js';
import { machineLine } from './machine.js';
import { benchMemory } from './memory.js';
import { benchCalls } from './rpc-overhead.js';
import { benchSearchScale } from './search-scale.js';
import { benchSearchTenant } from './search-tenant.js';
import { openSearchWorld, type SearchWorld } from './search-world.js';
import { benchSimilar } from './similar.js';
import { benchSpaces } from './spaces.js';
import { benchStartUp } from './start-up.js';

interface Table {
  name: string;
  title: string;
  make: () => Promise<string[]>;
}

const options = process.argv.slice(2);
const isQuick = options.includes('--quick');
const names = options.filter((option) => !option.startsWith('--'));
const onServer = engineUnderTest === 'server';
/** `--most=10000` bounds the projects' sizes, for a machine that has no time for 100 000. */
const most = Number(options.find((option) => option.startsWith('--most='))?.slice(7) ?? (onServer ? 100_000 : 10_000));
const sizes = isQuick ? [200] : [1_000, 10_000, 100_000].filter((size) => size <= most);
const tenants = isQuick ? [100, 1_000] : [100, 1_000, 10_000, 100_000].filter((size) => size <= most);
const quick = (perRound: number) => ({ rounds: 1, perRound });
const length = (perRound: number) => (isQuick ? quick(20) : { rounds: 5, perRound });
/** What a busy machine does for a second meets all alike. */
const shortTurns = isQuick ? quick(20) : { rounds: 15, perRound: 20 };
/** Where a plot goes; none of a run whose sizes say little. */
const plotAt = (name: string): string | null => (isQuick || !onServer ? null : `docs/images/bench-${name}.svg`);

let opened: Promise<SearchWorld> | undefined;
const world = (): Promise<SearchWorld> => (opened ??= openSearchWorld(tenants, options.includes('--keep')));

const tables: Table[] = [
  { name: 'start-up', title: 'Start-up and memory', make: () => benchStartUp(isQuick ? 2 : 6) },
  { name: 'cold-start', title: 'Cold start', make: () => benchColdStart(isQuick ? 1 : 7) },
  { name: 'loop', title: 'Event-loop delay while embedding', make: () => benchLoop(isQuick ? 1 : 5) },
  { name: 'creates', title: 'Creates, lexical embedder', make: () => benchCreates('lexical', isQuick) },
  { name: 'creates-neural', title: 'Creates, neural stand-in', make: () => benchCreates('neural', isQuick) },
  { name: 'imports', title: 'Imports beside creates', make: () => benchImport(isQuick) },
  {
    name: 'ingest',
    title: 'An import until it can be searched',
    make: () => benchIngest('lexical', isQuick ? 2_000 : 20_000),
  },
  { name: 'similar', title: 'prompts.similar end to end', make: () => benchSimilar(sizes, length(60)) },
  {
    name: 'search-scale',
    title: 'Search by size',
    make: async () => benchSearchScale(await world(), length(100), plotAt('search')),
  },
  {
    name: 'growth',
    title: 'Ten times the prompts',
    make: async () => benchGrowth(await world(), isQuick ? quick(20) : { rounds: 9, perRound: 60 }, plotAt('growth')),
  },
  { name: 'call', title: 'A call', make: () => benchCalls(isQuick ? quick(200) : { rounds: 5, perRound: 6_000 }) },
  {
    name: 'token',
    title: 'A token`s check',
    make: () => benchAuth({ rounds: isQuick ? 1 : 5, distinct: isQuick ? 50 : 1_000 }),
  },
  {
    name: 'data-layer',
    title: 'Reads at the data layer',
    make: () => benchDataLayer(isQuick ? { ...quick(50), prompts: 200 } : { rounds: 5, perRound: 300, prompts: 1_000 }),
  },
  {
    name: 'memory',
    title: 'Memory',
    make: () => benchMemory(isQuick ? { requests: 200, watchMs: 1_000 } : { requests: 10_000, watchMs: 600_000 }),
  },
  { name: 'spaces', title: 'A move to another space', make: () => benchSpaces(isQuick ? 300 : 10_000) },
  ...(onServer
    ? [
        {
          name: 'search-tenant',
          title: 'A tenant among others',
          make: async () => benchSearchTenant(await world(), shortTurns),
        },
        {
          name: 'feed',
          title: 'The live feed',
          make: async () => fanoutTable(await benchFanout(isQuick ? quickFanout : fullFanout)),
        },
      ]
    : []),
];

async function print({ name, title, make }: Table): Promise<void> {
  const [load = 0] = loadavg();
  const startedMs = performance.now();
  const lines = await make();
  const tookS = ((performance.now() - startedMs) / 1_000).toFixed(1);
  console.log(`\n### ${title} (${name}, ${engineUnderTest}; load ${load.toFixed(1)}; took ${tookS} s)\n`);
  console.log(lines.join('\n'));
}

const unknown = names.filter((name) => tables.every((table) => table.name !== name));
if (options.includes('--list') || unknown.length > 0) {
  if (unknown.length > 0) process.exitCode = 1;
  console.log(`Tables: ${tables.map(({ name }) => name).join(', ')}`);
} else {
  console.log(machineLine());
  const startedMs = performance.now();
  for (const table of tables) if (names.length === 0 || names.includes(table.name)) await print(table);
  await (await opened)?.[Symbol.asyncDispose]();
  console.log(`\nAll took ${((performance.now() - startedMs) / 1_000).toFixed(0)} s.`);
}
