import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { root, sourcePaths } from '../support/source.js';

interface Cruise {
  modules: { source: string }[];
  summary: {
    violations: { rule: { name: string }; from: string; to: string }[];
    ruleSetUsed: { forbidden: { name: string }[] };
  };
}

function cruise(folder: string): Cruise {
  const program = join(root, 'node_modules/.bin/depcruise');
  const config = join(folder, 'tests/architecture/dependency-cruiser.mjs');
  const { stdout, stderr } = spawnSync(program, ['--config', config, '--output-type', 'json', 'src'], {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
  });
  if (!stdout.startsWith('{')) throw new Error(`dependency-cruiser gave no report: ${stderr}`);
  return JSON.parse(stdout) as Cruise;
}

test('no room imports what it must not, and every source file was looked at', () => {
  const { summary, modules } = cruise(root);
  expect(summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`)).toEqual([]);
  // A cruise over nothing passes silently: with TypeScript 7 it reported success over 0 modules.
  const seen = new Set(modules.map(({ source }) => source));
  expect(sourcePaths('src').filter((path) => !seen.has(path))).toEqual([]);
  expect(seen.size).toBeGreaterThan(10);
});

/** A small house in which every rule is broken at least once. */
const brokenHouse: Record<string, string[]> = {
  'src/config.ts': [],
  'src/kernel/clock.ts': ['zod', '../config.js'],
  'src/platform/log.ts': ['pg', '../config.js', '../rpc/init.js'],
  'src/platform/db/database.ts': ['pg'],
  'src/platform/embedding/thread.ts': ['../log.js'],
  'src/rpc/init.ts': ['fastify', '../platform/log.js', '../platform/db/database.js', '../features/accounts/schema.js'],
  'src/http/server.ts': ['../platform/log.js', '../features/accounts/schema.js', 'pg'],
  'src/features/accounts/schema.ts': ['../../rpc/init.js'],
  'src/features/accounts/policy.ts': ['node:fs', './store.js', '../../http/server.js'],
  'src/features/accounts/store.ts': ['./schema.js', './service.js', '../../rpc/init.js'],
  'src/features/accounts/service.ts': ['@trpc/server', '../../platform/log.js'],
  'src/features/accounts/router.ts': ['./store.js', './service.js', 'pg', '../../platform/log.js'],
  'src/features/prompts/view.ts': ['../accounts/schema.js'],
  'src/features/prompts/store.ts': [],
  'src/features/feed/service.ts': ['../prompts/store.js'],
  'src/router.ts': ['./platform/log.js', './features/accounts/service.js'],
  'src/app.ts': ['./main.js'],
  'src/main.ts': ['./app.js', './nowhere.js', 'vitest'],
  'src/client.ts': ['./router.js', 'node:fs'],
  'src/demo.ts': ['./app.js'],
};

test('every rule bites: a house that breaks them all is told so by each', () => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'promptwell-rules-')));
  try {
    for (const path of ['tests/architecture/dependency-cruiser.mjs', 'tsconfig.json', 'package.json'])
      cpSync(join(root, path), join(folder, path));
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    for (const [path, imports] of Object.entries(brokenHouse)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      const lines = imports.map((from, index) => `import * as import${index} from '${from}'; void import${index};`);
      writeFileSync(join(folder, path), `${lines.join('\n')}\nexport const here = 1;\n`);
    }
    const { violations, ruleSetUsed } = cruise(folder).summary;
    const bitten = new Set(violations.map(({ rule }) => rule.name));
    expect(ruleSetUsed.forbidden.length).toBeGreaterThan(30);
    expect(ruleSetUsed.forbidden.filter(({ name }) => !bitten.has(name))).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
