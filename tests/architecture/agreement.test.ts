import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { loadConfig } from '../../src/config.js';
import { createMetrics } from '../../src/platform/metrics/registry.js';
import { catalogue } from '../../src/platform/metrics/catalogue.js';
import { dashboardText, expressions } from '../support/dashboard.js';
import {
  configurationTable,
  environmentExample,
  exampleBlock,
  examples,
  hasRouter,
  procedures,
  procedureTable,
  section,
  variables,
} from '../support/readme-tables.js';
import { read, root } from '../support/source.js';

const hasReadme = existsSync(join(root, 'README.md'));

describe('the configuration is told the same everywhere (npm run docs)', () => {
  test('.env.example is what the schema says', () => {
    expect(read('.env.example')).toBe(environmentExample());
  });

  test('.env.example with every default uncommented is a configuration that works, and the default one', () => {
    const lines = read('.env.example').matchAll(/^# ([A-Z0-9_]+)=(.*)$/gm);
    const env = Object.fromEntries([...lines].map(([, name = '', value = '']) => [name, value]));
    expect(Object.keys(env)).toEqual(variables().map(({ name }) => name));
    // Unset rates are more generous on the embedded engine, which is what no DATABASE_URL means.
    const limits = loadConfig(env).limits;
    expect(loadConfig(env)).toEqual({ ...loadConfig({}), limits });
  });

  test.skipIf(!hasReadme)("the README's table is what the schema says", () => {
    expect(section(read('README.md'), 'configuration')).toBe(configurationTable());
  });
});

describe('the procedures are told the same everywhere (npm run docs)', () => {
  test.skipIf(!hasRouter())('every procedure says who may call it', async () => {
    expect((await procedures()).length).toBeGreaterThan(15);
  });

  test.skipIf(!hasRouter() || !hasReadme)("the README's table is what the router says", async () => {
    expect(section(read('README.md'), 'procedures')).toBe(procedureTable(await procedures()));
  });
});

test.skipIf(!hasReadme).each(examples)('the README shows %s as the tests execute it (npm run docs)', (name) => {
  expect(section(read('README.md'), name)).toBe(exampleBlock(name));
});

test.each(['src/DECISIONS.md', 'docs/security.md', 'README.md'])('every file that %s points at is there', (page) => {
  const cited = read(page).match(/\b(?:tests|src|docs|grafana)\/[\w./-]+\.(?:ts|md|mjs|sh|json)\b/g) ?? [];
  expect(cited.length).toBeGreaterThan(2);
  expect(cited.filter((path) => !existsSync(join(root, path)))).toEqual([]);
});

describe('what is measured is what is watched', () => {
  test('the committed dashboard is the one that the catalogue makes (npm run dashboards)', () => {
    expect(read('grafana/dashboards/promptwell.json')).toBe(dashboardText());
  });

  test('every metric that the dashboard asks for exists, and every metric of ours is shown', async () => {
    const { body } = await createMetrics().render();
    const measured = [...body.matchAll(/^# TYPE (\S+) /gm)].map(([, name = '']) => name);
    const asked = expressions().flatMap((text) => text.match(/\b(?:promptwell|nodejs|process)_\w+/g) ?? []);
    const bases = new Set(asked.map((name) => name.replace(/_bucket$/, '')));
    expect([...bases].filter((name) => !measured.includes(name))).toEqual([]);
    expect(
      Object.values(catalogue)
        .map(({ name }) => name)
        .filter((name) => !bases.has(name)),
    ).toEqual([]);
  });

  test('Prometheus reads the port that the service and the compose file give the metrics', () => {
    const Scrapes = z.object({
      scrape_configs: z.array(z.object({ static_configs: z.array(z.object({ targets: z.array(z.string()) })) })),
    });
    const Compose = z.object({
      services: z.object({
        promptwell: z.object({
          environment: z.record(z.string(), z.string()),
          ports: z.array(z.string()),
        }),
      }),
    });
    const targets = Scrapes.parse(parse(read('prometheus.yml'))).scrape_configs.flatMap(({ static_configs }) =>
      static_configs.flatMap(({ targets: listed }) => listed),
    );
    const { environment, ports } = Compose.parse(parse(read('docker-compose.yml'))).services.promptwell;
    const { metrics, http } = loadConfig({});
    expect(targets).toEqual([`promptwell:${metrics.port}`]);
    expect(environment['METRICS_PORT']).toBe(String(metrics.port));
    expect(ports).toEqual([`127.0.0.1:\${PORT:-${http.port}}:${environment['PORT']}`]);
  });

  test('the compose file sets only variables that exist, and publishes nothing beyond this machine', () => {
    const Compose = z.object({
      services: z.record(
        z.string(),
        z.object({ environment: z.record(z.string(), z.string()).default({}), ports: z.array(z.string()).default([]) }),
      ),
    });
    const { services } = Compose.parse(parse(read('docker-compose.yml')));
    const known = variables().map(({ name }) => name);
    expect(Object.keys(services['promptwell']?.environment ?? {}).filter((name) => !known.includes(name))).toEqual([]);
    expect(
      Object.values(services)
        .flatMap(({ ports }) => ports)
        .filter((port) => !port.startsWith('127.0.0.1:')),
    ).toEqual([]);
  });
});
