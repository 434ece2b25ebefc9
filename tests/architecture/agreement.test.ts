import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { loadConfig } from '../../src/config.js';
import { createMetrics } from '../../src/platform/metrics/registry.js';
import { catalogue } from '../../src/platform/metrics/catalogue.js';
import { alerts, alertsText, alertTestsText } from '../support/alerts/files.js';
import { expressionOf } from '../support/alerts/model.js';
import { boards, dashboardText, expressions, namesIn } from '../support/dashboards/boards.js';
import { exporter } from '../support/dashboards/exporter.js';
import { jobs } from '../support/dashboards/names.js';
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

describe('docs/security.md answers every threat', () => {
  const page = read('docs/security.md');
  /** The numbers in the first cell of each row of its tables, with the test files that the row names. */
  const rows = [...page.matchAll(/^\| (T\d\d(?:, T\d\d)*) \|(.*)\|$/gm)].map(([, ids = '', rest = '']) => ({
    ids: ids.split(', '),
    files: [...rest.matchAll(/`(tests\/[\w./-]+\.test\.ts)`/g)].map(([, file = '']) => file),
  }));
  const isAbsent = ({ files }: { files: string[] }): boolean => files.length === 0;

  test('each number from T01 to T88 stands in one row: with its tests, or with what is not there', () => {
    const numbers = Array.from({ length: 88 }, (_, index) => `T${String(index + 1).padStart(2, '0')}`);
    expect(rows.flatMap(({ ids }) => ids).toSorted()).toEqual(numbers);
    const from = page.slice(page.indexOf('### Numbers without a test'));
    for (const { ids } of rows.filter(isAbsent)) expect(from).toContain(`| ${ids.join(', ')} |`);
    expect(rows.filter(isAbsent).length).toBeLessThan(7);
  });

  test.each(rows.filter((row) => !isAbsent(row)))(
    '$ids: each test file that is named bears a number of the row, and each number is borne',
    ({ ids, files }) => {
      const named = files.map((file) => {
        const names = [...read(file).matchAll(/(['"`])[^\n]*?\((?:[^()\n]*\b)?T\d\d[^()\n]*\)[^\n]*?\1/g)].map(
          ([text]) => text,
        );
        return ids.filter((id) => names.some((text) => text.includes(id)));
      });
      expect(named.filter((found) => found.length === 0)).toEqual([]);
      expect([...new Set(named.flat())].toSorted()).toEqual(ids);
    },
  );
});

describe('what is measured is what is watched', () => {
  test.each(boards)('grafana/dashboards/$file is what the catalogue makes (npm run dashboards)', (board) => {
    expect(read(`grafana/dashboards/${board.file}`)).toBe(dashboardText(board));
  });

  test('the alert rules and their promtool tests are what the catalogue makes (npm run dashboards)', () => {
    expect(read('deploy/prometheus/alerts.yml')).toBe(alertsText());
    expect(read('deploy/prometheus/alerts.test.yml')).toBe(alertTestsText());
  });

  test('every metric that a panel or an alert asks for exists, and every metric of ours is shown', async () => {
    const { body } = await createMetrics().render();
    const measured = [...body.matchAll(/^# TYPE (\S+) /gm)].map(([, name = '']) => name);
    const exported = Object.values(exporter).map(({ name }) => name);
    const shown = expressions().flatMap(namesIn);
    const watched = alerts.flatMap((alert) => namesIn(expressionOf(alert)));
    expect(watched.length).toBeGreaterThan(alerts.length);
    const known = new Set<string>([...measured, ...exported]);
    expect([...shown, ...watched].filter((name) => !known.has(name))).toEqual([]);
    expect(
      [...Object.values(catalogue).map(({ name }) => name), ...exported].filter((name) => !shown.includes(name)),
    ).toEqual([]);
  });

  test('every alert can fire and can stay silent, says for how long, what it means and what to do', () => {
    expect(new Set(alerts.map(({ name }) => name)).size).toBe(alerts.length);
    for (const { name, description, fires, quiet, ...alert } of alerts) {
      expect(alert.for, name).toMatch(/^\d+m$/);
      expect(description.length, name).toBeGreaterThan(60);
      expect(Object.keys(fires), name).not.toEqual([]);
      expect(quiet.length, name).toBeGreaterThan(0);
    }
  });

  test('panels tell what they show and what to do, and have a unit and a legend', () => {
    const panels = boards.flatMap(({ rows }) => Object.values(rows).flat());
    expect(panels.length).toBeGreaterThan(50);
    for (const { title, about, unit, series } of panels) {
      expect(about.length, title).toBeGreaterThan(12);
      expect(unit, title).not.toBe('');
      expect(
        Object.keys(series).filter((legend) => legend.trim() === ''),
        title,
      ).toEqual([]);
    }
  });

  test('Prometheus reads the port that the service and the compose file give the metrics', () => {
    const Scrapes = z.object({
      global: z.object({ scrape_interval: z.string() }),
      scrape_configs: z.array(
        z.object({ job_name: z.string(), static_configs: z.array(z.object({ targets: z.array(z.string()) })) }),
      ),
    });
    const Compose = z.object({
      services: z.object({
        promptwell: z.object({
          environment: z.record(z.string(), z.string()),
          ports: z.array(z.string()),
        }),
      }),
    });
    const scrapes = Scrapes.parse(parse(read('prometheus.yml')));
    const targets = Object.fromEntries(
      scrapes.scrape_configs.map((scrape) => [scrape.job_name, scrape.static_configs.flatMap((one) => one.targets)]),
    );
    const { environment, ports } = Compose.parse(parse(read('docker-compose.yml'))).services.promptwell;
    const { metrics, http } = loadConfig({});
    expect(targets).toEqual({
      [jobs.service]: [`promptwell:${metrics.port}`],
      [jobs.database]: ['postgres-exporter:9187'],
    });
    expect(read('grafana/provisioning/datasources/prometheus.yml')).toContain(
      `timeInterval: ${scrapes.global.scrape_interval}`,
    );
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
