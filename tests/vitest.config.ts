import { existsSync, statfsSync } from 'node:fs';
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

/** Folders whose subject is the disk itself; their tests wait for it. */
const onDisk: readonly string[] = ['store', 'fault', 'regression'];

/** A file system in memory with room for what tests leave in it at one time, where there is one. */
function memoryFolder(): string | undefined {
  const path = '/dev/shm';
  if (!existsSync(path)) return undefined;
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize >= 4 * 2 ** 30 ? path : undefined;
}
const memory = memoryFolder();

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
      test: {
        name,
        include: [`tests/${name}/**/*.test.ts`],
        // Half of a start of the embedded engine is fsync, which in memory costs nothing.
        env: memory === undefined || onDisk.includes(name) ? {} : { TEST_FOLDERS: memory },
      },
    })),
    coverage: { include: ['src/**/*.ts'], exclude: ['src/platform/db/generated/**'] },
  },
});
