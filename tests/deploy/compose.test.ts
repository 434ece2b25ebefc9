import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { loadConfig } from '../../src/config.js';
import { composeText, interpolate, rawCompose, references } from '../support/compose.js';
import { debianFiles } from '../support/debian.js';
import { variables } from '../support/readme-tables.js';
import { read, root } from '../support/source.js';

const { services, networks, volumes } = rawCompose();
const entries = Object.entries(services);
const promptwell = services['promptwell'];
const secrets = (): Record<string, string> => {
  const lines = execFileSync('sh', [join(root, 'deploy/secrets.sh')], { encoding: 'utf8' })
    .trim()
    .split('\n');
  return Object.fromEntries(lines.map((line) => line.split('=') as [string, string]));
};

const debian = await debianFiles(['docker-compose']);
const schemaPath = join(debian ?? '', 'usr/lib/python3/dist-packages/compose/config/compose_spec.json');

/** The formats that the specification names, as Docker reads them. Source: compose-go's `schema` and Docker's `nat`. */
const formats = {
  duration: /^(?:\d+(?:\.\d+)?(?:us|ms|s|m|h))+$/,
  ports: /^(?:(?:[\d.]+|\[[\da-f:]+\]):)?(?:\d+(?:-\d+)?:)?\d+(?:-\d+)?(?:\/(?:tcp|udp|sctp))?$/,
  expose: /^\d+(?:-\d+)?(?:\/(?:tcp|udp|sctp))?$/,
  subnet_ip_address: /^[\d.]+\/\d+$/,
};

function compileSpecification() {
  // Its names of parts are draft 4's `id`, which this draft refuses; nothing refers to them.
  const schema = JSON.parse(readFileSync(schemaPath, 'utf8'), (key, value: unknown) =>
    key === 'id' && typeof value === 'string' ? undefined : value,
  ) as Record<string, unknown>;
  const ajv = new Ajv2019({ strict: false, allErrors: true, formats });
  return ajv.compile({ ...schema, $schema: 'https://json-schema.org/draft/2019-09/schema' });
}

describe.skipIf(debian === null)(
  "the compose specification's own schema (skipped where Debian's package cannot be had)",
  () => {
    test('accepts the file, with the secrets that deploy/secrets.sh makes', () => {
      const validate = compileSpecification();
      validate(parse(interpolate(composeText(), secrets())));
      expect(validate.errors ?? []).toEqual([]);
    });

    test.each([
      ['a misspelt key', (text: string) => text.replace('mem_limit:', 'memory_limit:')],
      ['a health check that is no command', (text: string) => text.replace(/test: \['CMD'.*\]/, 'test: 7')],
      ['an interval without a unit', (text: string) => text.replace('interval: 10s', 'interval: ten')],
      ['a port that is none', (text: string) => text.replace(':9090\n', ':http\n')],
    ])('would refuse %s', (_what, spoil) => {
      const validate = compileSpecification();
      const text = interpolate(composeText(), secrets());
      expect(spoil(text)).not.toBe(text);
      expect(validate(parse(spoil(text)))).toBe(false);
    });
  },
);

describe('secrets', () => {
  const required = references(composeText()).filter(({ rest }) => rest.startsWith(':?'));
  const secretName = /PASSWORD|SECRET/;

  test('every secret is required, and none has a default (T84)', () => {
    const soft = references(composeText()).filter(({ name, rest }) => secretName.test(name) && !rest.startsWith(':?'));
    // A rule about passwords, not one of them.
    expect(soft.map(({ name }) => name)).toEqual(['PASSWORD_MIN_LENGTH']);
    expect(() => interpolate(composeText(), {})).toThrow(/deploy\/secrets\.sh/);
  });

  test('no secret stands in the file itself', () => {
    const told = entries.flatMap(([, { environment }]) =>
      Object.entries(environment).filter(([name]) => /PASS(?:WORD)?$|SECRET$|API_KEY$|TOKEN$|DATABASE_URL$/.test(name)),
    );
    expect(told.length).toBeGreaterThan(8);
    expect(told.filter(([, value]) => references(value).length === 0)).toEqual([]);
  });

  test('deploy/secrets.sh makes exactly what is required, each new, and fit for a URL', () => {
    const [first, second] = [secrets(), secrets()];
    expect(Object.keys(first).toSorted()).toEqual([...new Set(required.map(({ name }) => name))].toSorted());
    for (const [name, value] of Object.entries(first)) {
      expect(value).toMatch(/^[0-9a-f]{64}$/);
      expect(second[name]).not.toBe(value);
    }
    expect(new Set(Object.values(first)).size).toBe(Object.keys(first).length);
  });
});

describe('every service', () => {
  test('is published on this machine alone (T84)', () => {
    const ports = entries.flatMap(([, service]) => service.ports);
    expect(ports.length).toBeGreaterThan(2);
    expect(ports.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
    expect(services['postgres']?.ports).toEqual([]);
  });

  test.each(entries)(
    '%s: a tag that says which version, a health check, a restart, a bound of memory',
    (_name, service) => {
      expect(service.image).toMatch(/:[\w.-]*[\w.-]$/);
      expect(service.image).not.toMatch(/:latest$/);
      expect(service.healthcheck?.test[0]).toMatch(/^CMD/);
      expect(service.restart).toBe('unless-stopped');
      expect(service.mem_limit).toMatch(/^\d+[mg]$/);
    },
  );

  test('waits only for services that have a health check, by that check', () => {
    const waits = entries.flatMap(([, service]) => Object.entries(service.depends_on));
    expect(waits.length).toBeGreaterThan(3);
    for (const [target, { condition }] of waits) {
      expect(condition).toBe('service_healthy');
      expect(services[target]?.healthcheck).toBeDefined();
    }
  });

  test('mounts files that are there, and volumes and networks that are declared', () => {
    const mounts = entries.flatMap(([, service]) => service.volumes.map((volume) => volume.split(':')[0] ?? ''));
    const files = mounts.filter((mount) => mount.startsWith('./'));
    expect(files.length).toBeGreaterThan(4);
    expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([]);
    const named = mounts.filter((mount) => !mount.startsWith('./'));
    expect(named.toSorted()).toEqual(Object.keys(volumes).toSorted());
    const joined = new Set(entries.flatMap(([, service]) => service.networks));
    expect([...joined].toSorted()).toEqual(Object.keys(networks).toSorted());
  });

  test('that shows numbers cannot reach the database, and the database reaches nothing outside', () => {
    expect(networks['data']?.internal).toBe(true);
    expect(services['postgres']?.networks).toEqual(['data']);
    for (const name of ['grafana', 'prometheus']) expect(services[name]?.networks).toEqual(['default']);
  });

  test('is there for everybody, but pgAdmin, which is asked for by its profile', () => {
    const optional = entries.filter(([, { profiles }]) => profiles.length > 0);
    expect(optional.map(([name]) => name)).toEqual(['pgadmin']);
  });
});

describe('agreement with the service', () => {
  /** What the container decides by itself, or what only the embedded engine or a pooler needs. */
  const leftOut = [
    'JWT_SECRET_FILE',
    'MODEL_DIR',
    'BACKUP_INTERVAL_MIN',
    'PG_DUMP',
    'DIRECT_DATABASE_URL',
    'SHUTDOWN_MS',
  ];

  test('every variable of the configuration reaches the container, or is left out on purpose', () => {
    const handed = Object.keys(promptwell?.environment ?? {});
    const known = variables().map(({ name }) => name);
    expect([...handed, ...leftOut].toSorted(), 'add it to docker-compose.yml').toEqual(known.toSorted());
  });

  test('a variable that may be told is told under its own name', () => {
    const fixed = ['HOST', 'PORT', 'METRICS_HOST', 'METRICS_PORT', 'DATA_DIR', 'DATABASE_URL'];
    const told = Object.entries(promptwell?.environment ?? {}).filter(([name]) => !fixed.includes(name));
    expect(told.filter(([name, value]) => references(value)[0]?.name !== name)).toEqual([]);
  });

  test('the environment that the container gets is a configuration that works, on the server engine', () => {
    const made = secrets();
    const env = Object.fromEntries(
      Object.entries(promptwell?.environment ?? {}).map(([name, value]) => [name, interpolate(value, made)]),
    );
    const config = loadConfig(env);
    expect(config.db.engine).toBe('server');
    expect(new URL(config.db.url ?? '')).toMatchObject({ hostname: 'postgres', port: '5432', username: 'promptwell' });
    expect(config.limits).toEqual(loadConfig({ DATABASE_URL: config.db.url, JWT_SECRET: 'x'.repeat(32) }).limits);
  });

  test('it may take as long to close as its own deadline says, and is cut off only afterwards', () => {
    const graceMs = 1_000 * Number.parseInt(promptwell?.stop_grace_period ?? '0', 10);
    expect(graceMs).toBeGreaterThan(loadConfig({}).shutdownMs + 1_000);
  });

  test('Prometheus finds each of its targets at a service and port of this file', () => {
    const Scrapes = z.object({
      scrape_configs: z.array(z.object({ static_configs: z.array(z.object({ targets: z.array(z.string()) })) })),
    });
    const targets = Scrapes.parse(parse(read('prometheus.yml'))).scrape_configs.flatMap(({ static_configs }) =>
      static_configs.flatMap((config) => config.targets),
    );
    const heard = {
      [`promptwell:${promptwell?.environment['METRICS_PORT'] ?? ''}`]: 'promptwell',
      'postgres-exporter:9187': 'postgres-exporter',
      // Itself.
      'localhost:9090': 'prometheus',
      '127.0.0.1:9090': 'prometheus',
    };
    expect(targets.length).toBeGreaterThan(0);
    expect(targets.filter((target) => services[heard[target] ?? ''] === undefined)).toEqual([]);
    for (const name of Object.values(heard)) expect(services[name]?.networks).toContain('default');
  });

  test('the exporter reads statements as a role of its own, and the database counts them', () => {
    expect(services['postgres-exporter']?.command).toContain('--collector.stat_statements');
    expect(services['postgres-exporter']?.environment['DATA_SOURCE_USER']).toBe('promptwell_monitor');
    expect(services['postgres']?.command).toContain('shared_preload_libraries=pg_stat_statements');
  });
});
