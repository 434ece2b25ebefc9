// `npm run docs`: rewrites what is generated from the code in .env.example and README.md.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  configurationTable,
  environmentExample,
  exampleBlock,
  examples,
  hasRouter,
  procedures,
  procedureTable,
  withSection,
} from './readme-tables.js';
import { root } from './source.js';

writeFileSync(join(root, '.env.example'), environmentExample());
const readme = join(root, 'README.md');
if (existsSync(readme)) {
  const configured = withSection(readFileSync(readme, 'utf8'), 'configuration', configurationTable());
  const text = hasRouter() ? withSection(configured, 'procedures', procedureTable(await procedures())) : configured;
  writeFileSync(
    readme,
    examples.reduce((shown, name) => withSection(shown, name, exampleBlock(name)), text),
  );
}
