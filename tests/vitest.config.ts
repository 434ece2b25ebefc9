import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** One project per folder of tests; what a folder is for stands in the README's section on tests. */
const folders = [
  'unit',
  'property',
  'store',
  'thread',
  'api',
  'architecture',
  'examples',
  'regression',
  'deploy',
  'fault',
];

export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  test: {
    pool: 'forks',
    // More workers than cores make timeouts out of slow starts: every database file may boot a WASM Postgres.
    maxWorkers: 2,
    // Generous: a bound that a busy machine reaches finds no bug, and what hangs is found all the same.
    testTimeout: 90_000,
    hookTimeout: 120_000,
    retry: 0,
    passWithNoTests: true,
    projects: folders.map((name) => ({
      extends: true as const,
      test: { name, include: [`tests/${name}/**/*.test.ts`] },
    })),
    coverage: { include: ['src/**/*.ts'], exclude: ['src/platform/db/generated/**'] },
  },
});
