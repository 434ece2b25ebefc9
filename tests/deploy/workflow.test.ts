import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { rawCompose } from '../support/compose.js';
import { parseDockerfile } from '../support/dockerfile.js';
import { read, root } from '../support/source.js';

const Job = z.object({
  'runs-on': z.string(),
  'timeout-minutes': z.number(),
  strategy: z.object({ matrix: z.object({ node: z.array(z.string()) }) }).optional(),
  services: z.record(z.string(), z.object({ image: z.string() })).default({}),
  env: z.record(z.string(), z.string()).default({}),
  steps: z.array(z.object({ uses: z.string().optional(), run: z.string().optional(), with: z.unknown().optional() })),
});
const { jobs, permissions } = z
  .object({ jobs: z.object({ check: Job, image: Job }), permissions: z.unknown() })
  .parse(parse(read('.github/workflows/ci.yml')));
const steps = [...jobs.check.steps, ...jobs.image.steps];

test('the workflow runs the one script that everybody runs, which is executable and parses', () => {
  expect(jobs.check.steps.at(-1)?.run).toBe('.ci/run');
  expect(statSync(join(root, '.ci/run')).mode & 0o111).not.toBe(0);
  expect(spawnSync('bash', ['-n', join(root, '.ci/run')]).status).toBe(0);
});

test('on the oldest Node that is supported and on the one of the image', () => {
  const { engines } = JSON.parse(read('package.json')) as { engines: { node: string } };
  const oldest = engines.node.replace('>=', '');
  const shipped = parseDockerfile(read('Dockerfile'))[0]?.base.replace(/^node:(\d+)-.*$/, '$1');
  expect(jobs.check.strategy?.matrix.node).toEqual([`${oldest}.0`, shipped]);
});

test('with the PostgreSQL that the compose file has, which the script is told of', () => {
  expect(jobs.check.services['postgres']?.image).toBe(rawCompose().services['postgres']?.image);
  expect(jobs.check.env['TEST_DATABASE_URL']).toBe('postgresql://postgres@127.0.0.1:5432/postgres');
  expect(read('.ci/run')).toContain('given_database=${TEST_DATABASE_URL:-}');
});

test('no package with a known serious hole passes, none runs a script of its own, and each is the very one that was locked (T86)', () => {
  expect(jobs.check.steps.map(({ run }) => run)).toContain('npm audit --omit=dev --audit-level=high');
  const settings = read('.npmrc').split('\n');
  expect(settings).toEqual(expect.arrayContaining(['ignore-scripts=true', 'save-exact=true']));
  const Lock = z.object({ packages: z.record(z.string(), z.object({ integrity: z.string().optional() })) });
  const locked = Object.entries(Lock.parse(JSON.parse(read('package-lock.json'))).packages).filter(
    ([path]) => path !== '',
  );
  expect(locked.length).toBeGreaterThan(100);
  expect(locked.filter(([, { integrity }]) => integrity?.startsWith('sha512-') !== true).map(([path]) => path)).toEqual(
    [],
  );
  const Own = z.object({
    dependencies: z.record(z.string(), z.string()),
    devDependencies: z.record(z.string(), z.string()),
  });
  const { dependencies, devDependencies } = Own.parse(JSON.parse(read('package.json')));
  const versions = Object.entries({ ...dependencies, ...devDependencies });
  expect(versions.filter(([, version]) => !/^(npm:.+@)?\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([]);
});

test('others’ actions are named by a whole version, machines too, and may read only', () => {
  const used = steps.flatMap(({ uses }) => uses ?? []);
  expect(used.length).toBeGreaterThan(2);
  expect(used.filter((name) => !/^actions\/[\w-]+@v\d+\.\d+\.\d+$/.test(name))).toEqual([]);
  for (const job of Object.values(jobs)) expect(job['runs-on']).toMatch(/^ubuntu-\d\d\.\d\d$/);
  expect(permissions).toEqual({ contents: 'read' });
});

test('nothing that strangers write reaches a shell', () => {
  for (const { run } of steps) expect(run ?? '').not.toContain('${{');
});
