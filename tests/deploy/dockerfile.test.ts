import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config.js';
import { copyOf, healthCommand, ignoredBy, jsonWords, parseDockerfile, variablesOf } from '../support/dockerfile.js';
import { read, root } from '../support/source.js';

const stages = parseDockerfile(read('Dockerfile'));
const isOut = ignoredBy(read('.dockerignore'));
const last = stages.at(-1);
const texts = (keyword: string) =>
  (last?.instructions ?? []).filter((instruction) => instruction.keyword === keyword).map(({ text }) => text);

describe('the image', () => {
  test('is built in one stage and run in another, on one Node that is new enough', () => {
    expect(stages.length).toBeGreaterThan(1);
    const bases = new Set(stages.map(({ base }) => base));
    expect(bases.size).toBe(1);
    const [, major] = /^node:(\d+)-trixie-slim$/.exec([...bases][0] ?? '') ?? [];
    const { engines } = JSON.parse(read('package.json')) as { engines: { node: string } };
    const [, least] = /^>=(\d+)/.exec(engines.node) ?? [];
    expect(Number(major)).toBeGreaterThanOrEqual(Number(least));
  });

  test('holds a pg_dump that is as new as the PostgreSQL of the compose file', () => {
    expect(texts('RUN').some((text) => /apt-get install .*\bpostgresql-client\b/.test(text))).toBe(true);
    // Debian 13, trixie, has the clients of PostgreSQL 17.
    expect(last?.base).toContain('trixie');
    expect(read('docker-compose.yml')).toMatch(/image: pgvector\/pgvector:pg1[0-7]\n/);
  });

  test('runs as nobody in particular, by a command that gets its signals', () => {
    expect(texts('USER')).toEqual(['node']);
    expect(jsonWords(texts('CMD')[0] ?? '')).toEqual(['node', 'dist/main.js']);
    const after = last?.instructions.map(({ keyword }) => keyword) ?? [];
    expect(after.lastIndexOf('RUN')).toBeLessThan(after.indexOf('USER'));
  });

  test('asks /readyz for its health, at the port it listens on', () => {
    expect(healthCommand(texts('HEALTHCHECK')[0] ?? '').join(' ')).toMatch(
      new RegExp(`process\\.env\\.PORT \\?\\? ${loadConfig({}).http.port}\\}/readyz`),
    );
    expect(texts('EXPOSE')).toEqual([String(loadConfig({}).http.port)]);
    expect(loadConfig(variablesOf(texts('ENV')[0] ?? '')).http.host).toBe('0.0.0.0');
  });

  test('takes from the context only what is there and let in', () => {
    const taken = stages
      .flatMap(({ instructions }) => instructions)
      .filter(({ keyword }) => keyword === 'COPY')
      .map(({ text }) => copyOf(text));
    const sources = taken.filter(({ from }) => from === null).flatMap((copy) => copy.sources);
    expect(sources.length).toBeGreaterThan(5);
    expect(sources.filter((source) => !existsSync(join(root, source)) || isOut(source))).toEqual([]);
    const names = stages.map(({ name }) => name);
    expect(taken.filter(({ from }) => from !== null && !names.includes(from))).toEqual([]);
  });

  test('never sees a secret, data, tests or what was built outside', () => {
    for (const path of ['.env', 'data/secret', 'node_modules/x', 'dist/main.js', '.git/config', 'tests/unit/x.ts'])
      expect(isOut(path), path).toBe(true);
    expect(isOut('src/platform/db/generated/client.ts')).toBe(true);
    for (const path of ['src/main.ts', 'prisma/migrations/x/migration.sql', 'package-lock.json'])
      expect(isOut(path), path).toBe(false);
  });

  test.skipIf(!existsSync(join(root, '.git')))('is built of committed files alone', () => {
    const files = execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' }).trim().split('\n');
    const used = files.filter((path) => !isOut(path));
    expect(used).toContain('src/main.ts');
    expect(used.filter((path) => !/^(src|prisma)\/|^\.ci\/generate\.mjs$|^[\w.-]+$/.test(path))).toEqual([]);
  });
});

describe('how a Dockerfile is read here', () => {
  test('an instruction that is not known stops everything, instead of being passed over', () => {
    expect(() => parseDockerfile('FROM x\nADD a b')).toThrow('Dockerfile:2: ADD');
    expect(() => copyOf('--chmod=600 a b')).toThrow('--chmod=600');
  });

  test('lines are joined, comments are not', () => {
    const [stage] = parseDockerfile('FROM a AS b\n# one\nRUN x \\\n # two\n && y\n');
    expect(stage).toEqual({ name: 'b', base: 'a', instructions: [{ keyword: 'RUN', text: 'x  && y', line: 3 }] });
  });

  test.each([
    ['*\n!src', 'src/a/b', false],
    ['*\n!src\nsrc/a', 'src/a/b', true],
    ['*.log', 'a.log', true],
    ['*.log', 'x/a.log', false],
    ['**/*.log', 'x/y/a.log', true],
    ['', 'anything', false],
  ])('by %j, of %s it is %s that it stays outside', (text, path, expected) => {
    expect(ignoredBy(text)(path)).toBe(expected);
  });
});
