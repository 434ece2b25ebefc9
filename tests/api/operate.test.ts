import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expressions } from '../support/dashboards/boards.js';
import { createServerDatabase, createTestFolder, engineUnderTest, migratedTemplate } from '../support/database.js';
import { fakeUpstream, held, refuses, silent } from '../support/fake-upstream.js';
import { processHome, spawnMain, startProcess } from '../support/process.js';
import { clientFor, goodPassword, startService, type TestService } from '../support/service.js';
import { until } from '../support/wait.js';
import { call, frame, openSocket } from '../support/wire.js';

const isEmbedded = engineUnderTest === 'embedded';
const model = (baseUrl: string) => ({ PROMPTWELL_OFFLINE: '0', LLM_BASE_URL: baseUrl, LLM_MODEL: 'gpt-4o-mini' });
const signUp = async (url: string, username: string): Promise<string> => {
  const { tokens } = await clientFor(url).auth.signup.mutate({ username, password: goodPassword });
  return tokens.accessToken;
};

describe('probes and metrics', () => {
  let service: TestService;
  beforeAll(async () => {
    service = await startService({ env: { METRICS_TOKEN: 'scrape-me-0123456789' } });
  });
  afterAll(() => service[Symbol.asyncDispose]());

  const scrape = async (): Promise<string> => (await fetch(`${service.app.metricsUrl}/metrics`)).text();
  const seriesOf = (page: string): string[] => page.split('\n').filter((line) => line !== '' && !line.startsWith('#'));

  test('a running service is alive and ready, and says which embedder serves', async () => {
    expect(await (await fetch(`${service.url}/healthz`)).json()).toEqual({ status: 'ok' });
    const ready = await fetch(`${service.url}/readyz`);
    expect(ready.status).toBe(200);
    expect(await ready.json()).toEqual({
      status: 'ready',
      checks: { database: 'ok', embedder: 'ok: lexical-1', draining: 'false' },
    });
  });

  test('metrics have a port of their own; on the public one they are for their token alone (T81)', async () => {
    const fetched = (headers: Record<string, string>) => fetch(`${service.url}/metrics`, { headers });
    for (const headers of [{}, { authorization: 'Bearer wrong' }, { authorization: 'Bearer scrape-me-012345678' }])
      expect((await fetched(headers as Record<string, string>)).status).toBe(404);
    expect(await (await fetched({ authorization: 'Bearer scrape-me-0123456789' })).text()).toContain(
      'promptwell_sockets',
    );
    expect(await scrape()).toContain('promptwell_sockets');
    expect((await fetch(`${service.app.metricsUrl}/healthz`)).status).toBe(404);
  });

  test('calls are counted by procedure and code, and every metric of the dashboard is in a live scrape (PF-17)', async () => {
    const ada = await service.signUp();
    await ada.client.prompts.create.mutate({ text: 'counted' });
    await ada.client.prompts.similar.query({ query: 'counted' });
    await call(service.url, 'prompts.create', { token: ada.token, input: { text: '' } });
    await call(service.url, 'no.such.procedure', { token: ada.token });
    const page = await scrape();
    expect(page).toMatch(/promptwell_requests_total\{procedure="prompts.create",code="OK"\} 1\n/);
    expect(page).toMatch(/promptwell_requests_total\{procedure="prompts.create",code="BAD_REQUEST"\} 1\n/);
    expect(page).not.toContain('no.such');
    const names = new Set(seriesOf(page).map((line) => /^\w+/.exec(line)?.[0]));
    const asked = expressions().flatMap((text) => text.match(/\b(?:promptwell|nodejs|process)_\w+/g) ?? []);
    expect(asked.length).toBeGreaterThan(10);
    // Nobody can order a collection of garbage; `npm run dashboards:check` waits for one.
    expect(asked.filter((name) => !names.has(name) && name !== 'nodejs_gc_duration_seconds_sum')).toEqual([]);
  });

  test('answers by class, prompts and responses by outcome, statements and the disk are measured', async () => {
    await using measured = await startService();
    const ada = await measured.signUp();
    await ada.client.prompts.create.mutate({ text: 'kept alone', generate: false });
    await ada.client.prompts.create.mutate({ text: 'answered' });
    await fetch(`${measured.url}/no/such/path`);
    // An answer is counted once it is sent, which its reader may know before.
    const page = await until('the last answer to be counted', async () => {
      const text = await (await fetch(`${measured.app.metricsUrl}/metrics`)).text();
      return text.includes('promptwell_http_responses_total{status="4xx"} 1\n') ? text : undefined;
    });
    expect(page).toContain('promptwell_prompts_total{status="completed"} 2\n');
    expect(page).toContain('promptwell_responses_total{status="completed"} 1\n');
    expect(page).toContain('promptwell_http_responses_total{status="2xx"} 3\n');
    expect(page).toMatch(/promptwell_database_statement_duration_seconds_count\{outcome="completed"\} [1-9]/);
    const bytes = (state: string): number =>
      Number(new RegExp(`promptwell_data_disk_bytes\\{state="${state}"\\} (\\S+)`).exec(page)?.[1]);
    expect(bytes('free')).toBeGreaterThan(0);
    expect(bytes('size')).toBeGreaterThanOrEqual(bytes('free'));
  });

  test('series do not grow with users, and name none of them (T81)', async () => {
    const use = async () => {
      const person = await service.signUp();
      await person.client.prompts.create.mutate({ text: 'canary-of-a-prompt', tags: ['canary-tag'] });
      return person.session;
    };
    await use();
    // The first answer of a kind may be counted after its reader has it.
    await use();
    const before = seriesOf(await scrape()).length;
    const sessions = await Promise.all(Array.from({ length: 10 }, use));
    const page = await scrape();
    expect(seriesOf(page)).toHaveLength(before);
    for (const { user, project } of sessions)
      for (const secret of [user.id, user.username, project.id, 'canary']) expect(page).not.toContain(secret);
  });

  test.skipIf(isEmbedded)('without its database the service is alive and not ready', async () => {
    const database = await createServerDatabase(await migratedTemplate(process.env['TEST_DATABASE_URL'] ?? ''));
    await using lost = await startService({ env: { DATABASE_URL: database.url } });
    await database[Symbol.asyncDispose]();
    const ready = await fetch(`${lost.url}/readyz`);
    expect(ready.status).toBe(503);
    expect(await ready.text()).not.toMatch(/promptwell_test|postgres/);
    expect((await fetch(`${lost.url}/healthz`)).status).toBe(200);
  });
});

describe('closing', () => {
  test('a closing service refuses new work, answers what it accepted, and sends its sockets elsewhere (F20)', async () => {
    await using upstream = await fakeUpstream();
    upstream.always(held('Held answer.'));
    await using service = await startService({ env: model(upstream.baseUrl) });
    const ada = await service.signUp();
    const socket = await openSocket(service.url, ada.token);
    socket.send(frame(1, 'subscription feed.follow', {}));
    await until('ready', () => socket.frames.find((text) => text.includes('"ready"')));
    socket.send(frame(2, 'mutation prompts.create', { text: 'over a socket' }));
    const overHttp = ada.client.prompts.create.mutate({ text: 'over HTTP' });
    await upstream.untilRequests(2);
    const closing = service.app.close();
    await until('the notice', () => socket.frames.find((text) => text.includes('"reconnect"')));
    const ready = await fetch(`${service.url}/readyz`);
    expect(ready.status).toBe(503);
    expect(await ready.json()).toMatchObject({ checks: { draining: 'true' } });
    const refused = await call(service.url, 'prompts.list', { token: ada.token, method: 'GET' });
    expect(refused.error?.data).toMatchObject({ code: 'SERVICE_UNAVAILABLE', details: { retryAfterMs: 1_000 } });
    expect(refused.headers.get('retry-after')).toBe('1');
    await expect(openSocket(service.url, ada.token)).rejects.toThrow('503');
    upstream.release();
    expect((await overHttp).response?.text).toBe('Held answer.');
    expect(await socket.closed).toBe(1012);
    expect(socket.frames.find((text) => text.includes('"id":2'))).toContain('Held answer.');
    // A stream that said "stopped" would count as complete at its client and not be resumed.
    expect(socket.frames.join()).not.toContain('"stopped"');
    expect((await closing).failed).toEqual([]);
    expect(service.app.close()).toBe(service.app.close());
  });

  test('a subscription goes on at the next process, with every event once (F20)', async () => {
    await using first = await startService();
    const port = new URL(first.url).port;
    const ada = await first.signUp();
    const heard: string[] = [];
    const ends: string[] = [];
    const following = ada.client.feed.follow.subscribe(
      { kinds: ['prompt.created'] },
      {
        onData: ({ data }) => void heard.push(data.kind === 'ready' ? 'ready' : data.prompt.text),
        onComplete: () => void ends.push('complete'),
        onError: (error) => void ends.push(String(error)),
      },
    );
    await until('ready', () => heard[0]);
    await ada.client.prompts.create.mutate({ text: 'before', generate: false });
    await until('the event', () => heard[1]);
    await first.app.close();
    const { createApp } = await import('../../src/app.js');
    const { loadConfig } = await import('../../src/config.js');
    const second = await createApp(loadConfig({ ...first.env, PORT: port }), {
      compiledUrl: new URL('../../dist/', import.meta.url),
    });
    await ada.client.prompts.create.mutate({ text: 'after', generate: false });
    await until('the event after', () => heard.find((text) => text === 'after'), 20_000);
    expect(heard.filter((text) => text !== 'ready')).toEqual(['before', 'after']);
    expect(ends).toEqual([]);
    following.unsubscribe();
    await second.close();
  });
});

describe('the process', () => {
  test('SIGTERM under load: what was accepted is answered, sockets get 1012, and the exit is clean (F20)', async () => {
    await using upstream = await fakeUpstream();
    upstream.always(held('Held answer.'));
    await using home = await processHome();
    const program = await startProcess({ ...home.env, ...model(upstream.baseUrl) });
    const token = await signUp(program.url, 'ada');
    const client = clientFor(program.url, { token });
    const socket = await openSocket(program.url, token);
    socket.send(frame(1, 'subscription feed.follow', {}));
    const creates = Array.from({ length: 8 }, (_, index) =>
      client.prompts.create.mutate({ text: `accepted ${index}` }),
    );
    await upstream.untilRequests(8);
    const begin = performance.now();
    program.kill('SIGTERM');
    await until('the notice', () => socket.frames.find((text) => text.includes('"reconnect"')));
    upstream.release();
    expect((await Promise.all(creates)).map(({ status }) => status)).toEqual(creates.map(() => 'completed'));
    expect(await socket.closed).toBe(1012);
    expect(await program.ended).toBe(0);
    expect(performance.now() - begin).toBeLessThan(10_000);
  });

  test('SIGTERM while a model hangs ends within ten seconds, and the prompt is stored with its end (F20)', async () => {
    await using upstream = await fakeUpstream();
    upstream.always(silent());
    await using home = await processHome();
    const env = { ...home.env, ...model(upstream.baseUrl) };
    const program = await startProcess(env);
    const token = await signUp(program.url, 'ada');
    const hung = clientFor(program.url, { token })
      .prompts.create.mutate({ text: 'hangs' })
      .catch((error: unknown) => error);
    await upstream.untilRequests(1);
    const begin = performance.now();
    program.kill('SIGTERM');
    await hung;
    expect(await program.ended).toBe(0);
    expect(performance.now() - begin).toBeLessThan(10_000);
    const again = await startProcess(env);
    const { items } = await clientFor(again.url, { token }).prompts.list.query({});
    expect(items.map(({ text, status }) => ({ text, status }))).toEqual([
      { text: 'hangs', status: expect.stringMatching(/cancelled|failed/) },
    ]);
    again.kill('SIGTERM');
    expect(await again.ended).toBe(0);
  }, 60_000);

  test('a second signal exits at once (F21)', async () => {
    await using upstream = await fakeUpstream();
    upstream.always(silent());
    await using home = await processHome();
    const program = await startProcess({ ...home.env, ...model(upstream.baseUrl) });
    const token = await signUp(program.url, 'ada');
    void clientFor(program.url, { token })
      .prompts.create.mutate({ text: 'hangs' })
      .catch(() => undefined);
    await upstream.untilRequests(1);
    program.kill('SIGTERM');
    await until('closing', () => (program.output.stdout.includes('"closing"') ? true : undefined));
    const begin = performance.now();
    program.kill('SIGTERM');
    expect(await program.ended).toBe(1);
    // A model that hangs is waited for half of nine seconds.
    expect(performance.now() - begin).toBeLessThan(4_000);
  });

  test('a bad configuration is refused at once, naming every variable and no value (T07)', async () => {
    await using folder = await createTestFolder();
    const own = { DATA_DIR: `${folder.path}/data` };
    const program = spawnMain({
      ...own,
      PORT: 'abc',
      LOG_LEVEL: 'loud',
      SIGNUP: 'perhaps',
      LLM_BASE_URL: 'secret-no-url',
      TRUST_PROXY: 'everyone',
    });
    expect(await program.ended).toBe(1);
    for (const name of ['PORT', 'LOG_LEVEL', 'SIGNUP', 'LLM_BASE_URL', 'TRUST_PROXY'])
      expect(program.output.stderr).toContain(name);
    expect(program.output.stderr).not.toMatch(/secret-no-url|\bat .*\.js/);
    const weak = spawnMain({
      ...own,
      JWT_SECRET: 'nineteen-bytes-long',
      DATABASE_URL: 'postgresql://nowhere.invalid/x',
    });
    expect(await weak.ended).toBe(1);
    expect(weak.output.stderr).toContain('JWT_SECRET: must be at least 32 bytes');
    expect(weak.output.stderr).not.toContain('nineteen');
    // At once: before anything was opened or made.
    expect(await readdir(folder.path)).toEqual([]);
  });

  test('a taken port is said by its variable', async () => {
    const squatter = createServer().listen(0, '127.0.0.1');
    await once(squatter, 'listening');
    const { port } = squatter.address() as { port: number };
    await using home = await processHome();
    for (const variable of ['PORT', 'METRICS_PORT']) {
      const program = spawnMain({ ...home.env, [variable]: String(port) });
      expect(await program.ended).toBe(1);
      expect(program.output.stderr).toContain(`${variable}: another program has this port`);
      expect(program.output.stderr).not.toMatch(/\n\s+at /);
    }
    squatter.close();
  });

  describe('freshly started', () => {
    let home: Awaited<ReturnType<typeof processHome>>;
    let upstream: Awaited<ReturnType<typeof fakeUpstream>>;
    let program: Awaited<ReturnType<typeof startProcess>>;
    beforeAll(async () => {
      home = await processHome();
      upstream = await fakeUpstream();
      program = await startProcess({
        ...home.env,
        ...model(upstream.baseUrl),
        LLM_API_KEY: 'sk-canary-provider-key',
        LLM_MAX_RETRIES: '0',
      });
    });
    afterAll(async () => {
      program.kill('SIGTERM');
      expect(await program.ended).toBe(0);
      await upstream[Symbol.asyncDispose]();
      await home[Symbol.asyncDispose]();
    });

    test('the three things to try work as they are printed, in a plain shell', async () => {
      await until('the welcome', () => (program.output.stderr.includes('npm run demo') ? true : undefined));
      const commands = program.output.stderr.split('\n').filter((line) => /^(TOKEN=|curl )/.test(line));
      expect(commands).toHaveLength(3);
      const { stdout } = await promisify(execFile)('sh', ['-ec', commands.join('\necho\n')]);
      const [, created = '', similar = ''] = stdout.split('\n');
      expect(JSON.parse(created).result.data.status).toBe('completed');
      expect(JSON.parse(similar).result.data.hits[0].prompt.text).toBe('Plan a weekend in Lisbon');
    });

    test.skipIf(process.platform !== 'linux')(
      'it listens on its two ports and nowhere else, and has no account (T84)',
      async () => {
        const expected = [program.url, program.metricsUrl].map((url) => Number(new URL(url).port));
        expect(new Set(await listeningPorts(program.pid))).toEqual(new Set(expected));
        for (const [username, password] of [
          ['admin', 'admin'],
          ['admin', 'admin-admin-admin'],
          ['root', 'promptwell'],
        ])
          expect((await call(program.url, 'auth.login', { input: { username, password } })).status).toBe(401);
      },
    );

    test('secrets and prompts are in no line of its log, and every line is JSON (T82, T55)', async () => {
      const password = 'canary password of ada';
      const { tokens } = await clientFor(program.url).auth.signup.mutate({ username: 'canary-ada', password });
      const client = clientFor(program.url, { token: tokens.accessToken });
      await client.prompts.create.mutate({
        text: 'canary-text \n{"level":"forged"}\u001b[31m',
        metadata: { note: 'canary-note' },
      });
      upstream.script(refuses(500));
      await client.prompts.create.mutate({ text: 'canary-failed' }).catch(() => undefined);
      await client.prompts.similar.query({ query: 'canary-query' });
      await call(program.url, 'auth.login', { input: { username: 'canary-ada', password: 'canary wrong password' } });
      await call(program.url, 'auth.me?token=canary-in-url', { token: 'canary-bearer', method: 'GET' });
      await call(program.url, 'prompts.list', {
        token: tokens.accessToken,
        method: 'GET',
        input: { cursor: 'canary-cursor' },
      });
      await until('the log', () => (program.output.stdout.includes('"refused"') ? true : undefined));
      const { stdout } = program.output;
      for (const line of stdout.trim().split('\n')) expect(() => JSON.parse(line)).not.toThrow();
      expect(stdout).not.toMatch(/canary|forged/);
      expect(stdout).not.toContain(tokens.accessToken);
      expect(stdout).not.toContain(tokens.refreshToken);
      if (!isEmbedded) expect(stdout).not.toContain(home.env['JWT_SECRET']);
    });

    test.skipIf(!isEmbedded)('its folder and key are for its user alone (T88)', async () => {
      const folder = home.env['DATA_DIR'] ?? '';
      const entries = await readdir(folder, { withFileTypes: true, recursive: true });
      // The engine's own files have the modes that it gives them; nobody else gets past the folder.
      const isEngine = (path: string): boolean => path === `${folder}/pg` || path.startsWith(`${folder}/pg/`);
      const paths = entries
        .filter((entry) => entry.isFile() || entry.isDirectory())
        .map(({ parentPath, name }) => `${parentPath}/${name}`)
        .filter((path) => !isEngine(path));
      const modes = await Promise.all(
        [folder, ...paths].map(async (path) => ({ path, mode: (await stat(path)).mode })),
      );
      expect(paths.filter((path) => /key|secret/.test(path)).length).toBeGreaterThan(0);
      expect(modes.filter(({ mode }) => (mode & 0o077) !== 0)).toEqual([]);
    });

    test.skipIf(!isEmbedded)(
      'a second start on its folder ends within two seconds and names the first (T87)',
      async () => {
        const begin = performance.now();
        const second = spawnMain(home.env);
        expect(await second.ended).toBe(1);
        expect(performance.now() - begin).toBeLessThan(4_000);
        expect(second.output.stderr).toContain(`(process ${program.pid})`);
        expect((await fetch(`${program.url}/readyz`)).status).toBe(200);
      },
    );
  });
});

/** The ports that a process of this machine listens on, as the kernel tells. */
async function listeningPorts(pid: number): Promise<number[]> {
  const descriptors = await readdir(`/proc/${pid}/fd`);
  const links = await Promise.all(descriptors.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => '')));
  const own = new Set(links.map((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1]));
  const tables = await Promise.all(
    ['tcp', 'tcp6'].map((name) => readFile(`/proc/net/${name}`, 'utf8').catch(() => '')),
  );
  const listening = '0A';
  return tables
    .flatMap((text) => text.trim().split('\n').slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[3] === listening && own.has(fields[9] ?? ''))
    .map((fields) => Number.parseInt(fields[1]?.split(':')[1] ?? '', 16));
}
