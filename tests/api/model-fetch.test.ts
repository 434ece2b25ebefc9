import { cp, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { modelFiles, modelFolder } from '../../src/platform/embedding/model-files.js';
import { createTestFolder, engineUnderTest } from '../support/database.js';
import { standInPath } from '../support/embedding.js';
import { type ModelMirror, modelMirror } from '../support/model-mirror.js';
import { refusal } from '../support/prompts.js';
import { startSecond, startService, type TestService } from '../support/service.js';
import { storePrompts, untilSpace } from '../support/spaces.js';
import { until } from '../support/wait.js';

const lexical = 'lexical-1';
const neural = 'all-MiniLM-L6-v2-q8';
const online = { EMBEDDER: 'auto', PROMPTWELL_OFFLINE: '0' };

interface Probe {
  status: number;
  checks: Record<string, string>;
}

async function readyz({ url }: TestService): Promise<Probe> {
  const response = await fetch(`${url}/readyz`);
  return { status: response.status, checks: ((await response.json()) as { checks: Record<string, string> }).checks };
}

/** A service whose model comes from `mirror`, into a folder of its own. */
async function serviceOf(mirror: ModelMirror, env: Record<string, string> = {}) {
  const folder = await createTestFolder();
  const service = await startService({
    env: { ...online, MODEL_DIR: folder.path, MODEL_MIRROR: mirror.url, ...env },
    modelFiles: mirror.files,
  });
  return {
    service,
    modelDir: folder.path,
    async [Symbol.asyncDispose]() {
      await service[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** Puts the model's files where the service looks for them. */
async function placeModel(modelDir: string): Promise<void> {
  for (const { path } of modelFiles) {
    const place = join(modelFolder(modelDir), path);
    await mkdir(dirname(place), { recursive: true });
    await cp(join(standInPath ?? '', path), place);
  }
}

describe.skipIf(standInPath === null)('with the random-weight stand-in (../shared/models/minilm-shape-random)', () => {
  test('the model is fetched in the background while lexical serves, told everywhere; then the service moves to it by itself', async () => {
    await using mirror = await modelMirror(standInPath ?? '');
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    mirror.halfway = () => (mirror.requests.length === modelFiles.length ? held : Promise.resolve());
    await using home = await serviceOf(mirror);
    const { service } = home;
    const administrator = await service.signUp();
    const { client } = administrator;
    await storePrompts(
      client,
      Array.from({ length: 40 }, (_, index) => `a question ${index} about the weather`),
    );
    const half = await until('half of it to be there', async () => {
      const probe = await readyz(service);
      return /: (4[0-9]|5[0-9]) %/.test(probe.checks['model'] ?? '') ? probe : undefined;
    });
    expect(half).toMatchObject({ status: 200, checks: { embedder: `ok: ${lexical}` } });
    expect(half.checks['model']).toMatch(/^lexical-1 serves; the neural model is being fetched: \d+ %$/);
    const { embedding } = await client.system.info.query();
    expect(embedding).toMatchObject({ space: lexical, fetch: { state: 'fetching' } });
    expect((await client.prompts.similar.query({ query: 'a question 7 about the weather' })).space).toBe(lexical);
    release();
    await until(
      'the move',
      async () => {
        const { hits, space } = await client.prompts.similar.query({ query: 'a question 7 about the weather' });
        expect(hits[0]?.prompt.text).toBe('a question 7 about the weather');
        return space === neural ? true : undefined;
      },
      60_000,
    );
    const logged = service.logged.map(({ message }) => message);
    const steps = service.logged.filter(({ message }) => message === 'fetching the neural model');
    expect(steps.map(({ facts }) => (facts as { percent: number }).percent).length).toBeGreaterThanOrEqual(2);
    expect(logged).toContain('the neural model is fetched and checked');
    expect(logged).toContain('the space was activated');
    const audit = await service.app.db.prisma.auditEntry.findMany({ where: { action: { startsWith: 'space.' } } });
    expect(audit.map(({ action, userId }) => `${action} by ${userId}`).toSorted()).toEqual([
      'space.activated by null',
      'space.added by null',
    ]);
    expect((await readyz(service)).checks['model']).toBe(`${neural} serves; the neural model is fetched`);
    // Back by hand: from then on nothing moves by itself.
    await untilSpace(client, lexical, 'full');
    await client.spaces.activate.mutate({ name: lexical });
    expect((await client.system.info.query()).embedding.space).toBe(lexical);
  }, 180_000);

  test('files that were placed by hand do not put an empty space in place of the one that serves', async () => {
    await using mirror = await modelMirror(standInPath ?? '');
    mirror.treat = (_request, response) => Boolean(response.writeHead(503).end());
    await using home = await serviceOf(mirror);
    const { service, modelDir } = home;
    const { client, token } = await service.signUp();
    await storePrompts(client, ['found before and after']);
    await placeModel(modelDir);
    if (engineUnderTest === 'embedded') await service.app.close();
    await using again = await startSecond(service, { modelFiles: mirror.files });
    const person = again.client({ token });
    const seen = new Set<string>();
    await until(
      'the neural space to serve',
      async () => {
        const { hits, space } = await person.prompts.similar.query({ query: 'found before and after' });
        seen.add(space);
        expect(hits).toHaveLength(1);
        return space === neural ? true : undefined;
      },
      60_000,
    );
    // On a server the first process lives on, finds the files as well, and may be the one that activates.
    const logged = [...service.logged, ...again.logged].map(({ message }) => message);
    expect(logged.filter((message) => message === 'the space was activated')).toHaveLength(1);
  }, 180_000);

  test('the model that serves is gone: the process is not ready until it has fetched it again; offline it refuses to start', async () => {
    await using mirror = await modelMirror(standInPath ?? '');
    await using home = await serviceOf(mirror);
    const { service } = home;
    const { client, token } = await service.signUp();
    await storePrompts(client, ['found by meaning']);
    await until(
      'the move',
      async () => ((await client.system.info.query()).embedding.space === neural ? true : undefined),
      60_000,
    );
    if (engineUnderTest === 'embedded') await service.app.close();
    await using empty = await createTestFolder();
    const elsewhere = { ...service, env: { ...service.env, MODEL_DIR: empty.path } };
    const offline = { ...service, env: { ...elsewhere.env, PROMPTWELL_OFFLINE: '1' } };
    await expect(startSecond(offline, { modelFiles: mirror.files })).rejects.toThrow(
      /OFFLINE forbids fetching.*EMBEDDER=lexical/,
    );
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    mirror.halfway = () => held;
    await using again = await startSecond(elsewhere, { modelFiles: mirror.files });
    expect(await readyz(again)).toMatchObject({ status: 503, checks: { embedder: `loading: ${neural}` } });
    const person = again.client({ token });
    expect((await refusal(person.prompts.similar.query({ query: 'found' }))).code).toBe('SERVICE_UNAVAILABLE');
    expect((await person.prompts.list.query({})).items).toHaveLength(1);
    release();
    await until('it to be ready', async () => ((await readyz(again)).status === 200 ? true : undefined), 60_000);
    expect((await person.prompts.similar.query({ query: 'found by meaning' })).hits).toHaveLength(1);
  }, 180_000);

  test('a mirror that is away or sends something else harms nothing: it is told, waited out, and tried again', async () => {
    await using mirror = await modelMirror(standInPath ?? '');
    mirror.treat = (_request, response) => {
      if (mirror.requests.length > 1) return false;
      response.writeHead(200).end('<h1>Sign in to the hotel network</h1>'.padEnd(366));
      return true;
    };
    await using home = await serviceOf(mirror);
    const { service } = home;
    const { client } = await service.signUp();
    const told = await until('the failure to be told', async () => {
      const { embedding } = await client.system.info.query();
      return embedding.fetch?.state === 'fetching' ? undefined : embedding.fetch;
    });
    expect(['waiting', 'fetched']).toContain(told?.state);
    const warned = service.logged.find(({ level }) => level === 'warn');
    expect(warned?.message).toBe('the neural model could not be fetched; trying again');
    await until('it to be ready', async () => ((await readyz(service)).status === 200 ? true : undefined));
    await until(
      'the move',
      async () => ((await client.system.info.query()).embedding.space === neural ? true : undefined),
      60_000,
    );
  }, 120_000);

  test('offline nothing is fetched, and that is said', async () => {
    await using mirror = await modelMirror(standInPath ?? '');
    await using home = await serviceOf(mirror, { PROMPTWELL_OFFLINE: '1' });
    const probe = await until('it to be ready', async () => {
      const found = await readyz(home.service);
      return found.status === 200 ? found : undefined;
    });
    expect(probe.checks['model']).toMatch(/^lexical-1 serves; .*PROMPTWELL_OFFLINE forbids fetching it$/);
    expect(mirror.requests).toEqual([]);
  });
});
