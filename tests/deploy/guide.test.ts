import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { composeText, references } from '../support/compose.js';
import { variables } from '../support/readme-tables.js';
import { read, root } from '../support/source.js';

const guide = read('docs/deployment.md');
const all = (form: RegExp): string[] => [...new Set([...guide.matchAll(form)].map(([, found = '']) => found))];

test('every file that the deployment guide points at is there', () => {
  const linked = all(/\]\(([^)#]+)\)/g).map((link) => join('docs', link));
  const named = all(/`((?:deploy|docs|tests|\.github)\/[\w./-]+\.\w+)`/g);
  expect(linked.length + named.length).toBeGreaterThan(6);
  expect([...linked, ...named].filter((path) => !existsSync(join(root, path)))).toEqual([]);
});

test('its links within the page lead somewhere', () => {
  const headings = all(/^#+ (.+)$/gm).map((text) => text.toLowerCase().replaceAll(' ', '-'));
  expect(all(/\]\(#([\w-]+)\)/g).filter((anchor) => !headings.includes(anchor))).toEqual([]);
});

test('its commands and variables exist', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  expect(all(/npm run (?:-s )?([\w:]+)/g).filter((name) => !(name in scripts))).toEqual([]);
  const known = new Set([
    ...variables().map(({ name }) => name),
    ...references(composeText()).map(({ name }) => name),
    ...(read('deploy/postgres/init.sh').match(/\b[A-Z]+_[A-Z]+\b/g) ?? []),
    // The exporter's own.
    'DATA_SOURCE_PASS',
  ]);
  const said = all(/\b([A-Z]+(?:_[A-Z0-9]+)+)\b/g);
  expect(said.length).toBeGreaterThan(20);
  expect(said.filter((name) => !known.has(name))).toEqual([]);
});
