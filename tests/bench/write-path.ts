import { cpus, loadavg } from 'node:os';
import { engineUnderTest } from '../support/database.js';
import { writePath } from './creates.js';

// `npx tsx tests/bench/write-path.ts [a word of a title ...]`: the tables of the write path alone; `--quick` in short.
const words = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const isWanted = (title: string): boolean => words.length === 0 || words.some((word) => title.includes(word));

console.log(
  `${cpus().length} cores, Node ${process.version}, ${engineUnderTest}, ${new Date().toISOString().slice(0, 10)}`,
);
for (const { title, make } of writePath(process.argv.includes('--quick')))
  if (isWanted(title)) console.log(`\n### ${title} (load ${loadavg()[0]?.toFixed(2)})\n\n${(await make()).join('\n')}`);
