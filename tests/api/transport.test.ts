import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { limits } from '../../src/http/limits.js';
import { TurnedClock } from '../support/clock.js';
import { startService, type TestPerson, type TestService } from '../support/service.js';
import { until } from '../support/wait.js';
import { call, exchange, frame, openSocket, statusOf } from '../support/wire.js';

const mebibyte = 1_048_576;
let service: TestService;
let ada: TestPerson;
beforeAll(async () => {
  service = await startService({
    env: { SOCKETS_PER_USER: '8', SOCKETS_PER_ADDRESS: '40', SUBSCRIPTIONS_PER_SOCKET: '3' },
  });
  ada = await service.signUp();
});
afterAll(async () => {
  const bugs = service.logged.filter(({ level }) => level === 'error');
  await service[Symbol.asyncDispose]();
  expect(bugs).toEqual([]);
});

const promptCount = async (): Promise<number> => (await ada.client.prompts.list.query({ limit: 100 })).items.length;
const isAlive = async (): Promise<boolean> => (await fetch(`${service.url}/healthz`)).ok;
const post = (headers: string, body = ''): string =>
  `POST /trpc/auth.login HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n\r\n${body}`;
const until1008 = async (path: Promise<number>): Promise<void> => expect([1008, 1009]).toContain(await path);

describe('bodies', () => {
  test('a body that is not UTF-8 is refused (T39)', async () => {
    const bytes = Buffer.concat([Buffer.from('{"text":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]);
    const response = await fetch(`${service.url}/trpc/prompts.create`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${ada.token}` },
      body: bytes,
    });
    expect(response.status).toBe(400);
    expect(await promptCount()).toBe(0);
  });

  test('a body of one mebibyte is read, one byte more is refused (T40)', async () => {
    const padded = (length: number): string => '{"text":"fits","generate":false}'.padEnd(length, ' ');
    expect((await call(service.url, 'prompts.create', { token: ada.token, input: padded(mebibyte) })).status).toBe(200);
    const refused = await call(service.url, 'prompts.create', { token: ada.token, input: padded(mebibyte + 1) });
    expect(refused.status).toBe(413);
    expect(refused.error?.data).toMatchObject({ code: 'PAYLOAD_TOO_LARGE', details: { limitBytes: mebibyte } });
    expect(await promptCount()).toBe(1);
  });

  test.each([
    ['JSON', 'application/json', 413],
    ['multipart', 'multipart/form-data; boundary=x', 415],
    ['bytes', 'application/octet-stream', 415],
  ])('an endless chunked body of %s is refused early and its connection ends (T41)', async (_name, type, status) => {
    const { hostname, port } = new URL(service.url);
    const socket = connect(Number(port), hostname);
    socket.on('error', () => undefined);
    let answer = '';
    socket.on('data', (data) => {
      answer += data;
    });
    const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    const before = process.memoryUsage.rss();
    socket.write(post(`content-type: ${type}\r\ntransfer-encoding: chunked`));
    const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`;
    let sentBytes = 0;
    const pump = (): void => {
      while (!socket.destroyed && sentBytes < 300 * mebibyte) {
        sentBytes += 65_536;
        if (!socket.write(chunk)) return void socket.once('drain', pump);
      }
    };
    pump();
    await ended;
    expect(statusOf(answer)).toBe(status);
    expect(sentBytes).toBeLessThan(32 * mebibyte);
    expect(process.memoryUsage.rss() - before).toBeLessThan(96 * mebibyte);
  });

  test.each([
    'text/plain',
    'multipart/form-data; boundary=x',
    'application/x-www-form-urlencoded',
    'application/json\t',
    'application/jsonp',
    'application/json; charset=utf-16',
  ])('a body of type %j is refused and nothing is executed (T70)', async (type) => {
    const body = `{"username":"csrf-user","password":"${ada.password}"}`;
    const path = `POST /trpc/auth.signup HTTP/1.1\r\nHost: localhost\r\nconnection: close\r\ncontent-length: ${body.length}\r\n`;
    const answer = await exchange(service.url, `${path}content-type: ${type}\r\n\r\n${body}`);
    // A blank at the end of a header's value is no part of it.
    if (type.endsWith('\t')) return expect(statusOf(answer)).toBe(200);
    expect(statusOf(answer)).toBe(415);
  });

  test('a body of no type, and a compressed one, are refused (T70, T42)', async () => {
    const body = '{"username":"a","password":"b"}';
    const sized = `connection: close\r\ncontent-length: ${body.length}`;
    expect(statusOf(await exchange(service.url, post(sized, body)))).toBe(415);
    const gzip = `content-type: application/json\r\ncontent-encoding: gzip\r\n${sized}`;
    expect(statusOf(await exchange(service.url, post(gzip, body)))).toBe(415);
  });

  test('a batch holds at most ten calls (T57)', async () => {
    const batch = (count: number) =>
      call(service.url, `${Array.from({ length: count }, () => 'auth.refresh').join(',')}?batch=1`, {
        input: Object.fromEntries(Array.from({ length: count }, (_, index) => [index, { refreshToken: 'none' }])),
      });
    expect(JSON.parse((await batch(10)).text)).toHaveLength(10);
    const refused = await batch(11);
    expect(refused.status).toBe(400);
    expect(refused.text).not.toContain('UNAUTHORIZED');
  });
});

describe('methods, headers and hosts', () => {
  test('a mutation by GET, any other method, and a streamed create over HTTP are refused (T71)', async () => {
    const { token } = ada;
    expect(
      (await call(service.url, 'prompts.create', { token, method: 'GET', input: { text: 'by GET' } })).status,
    ).toBe(405);
    for (const method of ['PUT', 'PATCH', 'DELETE'])
      expect((await call(service.url, 'prompts.create', { token, method, input: { text: 'x' } })).status, method).toBe(
        405,
      );
    const trace = await exchange(
      service.url,
      'TRACE /trpc/system.info HTTP/1.1\r\nHost: localhost\r\nx-secret: 1\r\nconnection: close\r\n\r\n',
    );
    expect(statusOf(trace)).toBe(405);
    expect(trace).not.toContain('x-secret');
    const input = { text: 'streamed', idempotencyKey: 'k' };
    expect((await call(service.url, 'prompts.stream', { token, method: 'GET', input })).status).toBe(405);
    const batched = await call(service.url, 'prompts.list,prompts.stream?batch=1', {
      token,
      input: { 0: {}, 1: input },
    });
    expect(batched.status).toBeGreaterThanOrEqual(400);
    expect((await ada.client.prompts.list.query({})).items.map(({ text }) => text)).not.toContain('streamed');
  });

  test('X-HTTP-Method-Override changes nothing (T71)', async () => {
    const headers = { 'x-http-method-override': 'POST' };
    const answer = await call(service.url, 'prompts.create', {
      token: ada.token,
      method: 'GET',
      input: { text: 'x' },
      headers,
    });
    expect(answer.status).toBe(405);
  });

  test.each(['a b', 'x:99999', '[', 'a/?#', '', 'localhost:1:2', "a'", '-'])(
    'the host %j is refused, over HTTP and as a socket (T65)',
    async (host) => {
      const head = `GET /trpc/system.info HTTP/1.1\r\nHost: ${host}\r\nconnection: close\r\nauthorization: Bearer ${ada.token}\r\n\r\n`;
      expect(statusOf(await exchange(service.url, head))).toBe(400);
      const upgrade = `GET /trpc?connectionParams=1 HTTP/1.1\r\nHost: ${host}\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n`;
      expect(statusOf(await exchange(service.url, upgrade))).toBe(400);
      expect(await isAlive()).toBe(true);
    },
  );

  test('odd request targets neither crash nor open anything (T65)', async () => {
    for (const target of [
      '//',
      '//evil/trpc/auth.me',
      'http://evil/trpc/auth.me',
      '/trpc/%E0%A4%A',
      '/trpc/../trpc/auth.me',
      `/trpc/${'a'.repeat(3_000)}`,
      '/trpc/auth.me,,,',
      '*',
      '/trpc/__proto__',
      '/trpc/constructor.prototype',
      '/trpc/auth.__proto__.x',
    ])
      for (const upgrade of [
        'connection: close',
        'connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: MDEyMzQ1Njc4OWFiY2RlZg==',
      ]) {
        const status = statusOf(
          await exchange(service.url, `GET ${target} HTTP/1.1\r\nHost: localhost\r\n${upgrade}\r\n\r\n`),
        );
        // 0: the connection was cut without an answer.
        expect(status === 0 || (status >= 400 && status < 500), `${status} for ${target} ${upgrade}`).toBe(true);
      }
    expect(await isAlive()).toBe(true);
  });

  test('headers beyond 16 kB are refused (T69)', async () => {
    const answer = await exchange(
      service.url,
      `GET /healthz HTTP/1.1\r\nHost: localhost\r\nx-long: ${'x'.repeat(17_000)}\r\n\r\n`,
    );
    expect(statusOf(answer)).toBe(431);
    const many = Array.from({ length: 2_000 }, (_, index) => `x-${index}: ${index}`).join('\r\n');
    const upgrade = `connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: MDEyMzQ1Njc4OWFiY2RlZg==`;
    expect(
      statusOf(await exchange(service.url, `GET /trpc HTTP/1.1\r\nHost: localhost\r\n${many}\r\n${upgrade}\r\n\r\n`)),
    ).toBe(431);
    expect(await isAlive()).toBe(true);
  });

  test('a request id is taken over when it has the form of one, else refused and not repeated (T56)', async () => {
    const own = await fetch(`${service.url}/healthz`, { headers: { 'x-request-id': 'my-id_1' } });
    expect(own.headers.get('x-request-id')).toBe('my-id_1');
    expect((await fetch(`${service.url}/healthz`)).headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    for (const id of ['a b', 'x'.repeat(65), '<script>', 'a;b', 'ä']) {
      const answer = await exchange(
        service.url,
        `GET /healthz HTTP/1.1\r\nHost: localhost\r\nx-request-id: ${id}\r\nconnection: close\r\n\r\n`,
      );
      expect(statusOf(answer), id).toBe(400);
      expect(answer).not.toContain(id);
    }
    expect((await call(service.url, 'auth.me', { headers: { 'x-request-id': 'mine' } })).error?.data.requestId).toBe(
      'mine',
    );
  });

  test('a web page of a foreign origin gets no leave to read (T72)', async () => {
    for (const origin of ['https://evil.example', 'null', 'http://localhost.evil.example']) {
      const answer = await fetch(`${service.url}/trpc/auth.me`, { headers: { origin } });
      expect(answer.headers.get('access-control-allow-origin')).toBeNull();
      const preflight = await fetch(`${service.url}/trpc/auth.me`, {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'POST' },
      });
      expect(preflight.headers.get('access-control-allow-origin')).toBeNull();
    }
  });

  test('a token in the URL counts for nothing (T64)', async () => {
    const answer = await fetch(`${service.url}/trpc/auth.me?token=${ada.token}`);
    expect(answer.status).toBe(401);
    const ws = new WebSocket(`${service.url.replace('http', 'ws')}/trpc?token=${ada.token}`);
    expect(await new Promise((resolve) => ws.once('close', resolve))).toBe(4401);
    expect(JSON.stringify(service.logged)).not.toContain(ada.token);
  });

  test.each([
    "' OR '1'='1",
    "' UNION SELECT 1 --",
    '%00',
    'pw_%00',
    "pw_' OR '1'='1",
    'eyJ.eyJ.x',
    'a'.repeat(9_000),
    'pw_'.padEnd(40, 'x'),
  ])('a credential of another form is refused as any other (T18): %#', async (token) => {
    const answer = await call(service.url, 'auth.me', { token, method: 'GET' });
    expect(answer.status).toBe(401);
    expect(answer.text).not.toMatch(/SELECT|syntax|node_modules|\.ts:/);
  });
});

describe('time and addresses', () => {
  const attempts = (url: string, count: number, address: (index: number) => string) =>
    Promise.all(
      Array.from({ length: count }, (_, index) =>
        call(url, 'auth.login', {
          input: { username: `nobody-${index}-${address(index)}`, password: ada.password },
          headers: { 'x-forwarded-for': address(index) },
        }).then(({ status }) => status),
      ),
    );

  test('X-Forwarded-For from anyone but a configured proxy counts for nothing (T12)', async () => {
    await using strict = await startService({ env: { LOGIN_FAILURES_PER_15_MIN: '3' } });
    const statuses = await attempts(strict.url, 20, (index) => `203.0.113.${index}`);
    expect(statuses.filter((status) => status === 401).length).toBeLessThanOrEqual(3);
    expect(statuses.filter((status) => status === 429).length).toBeGreaterThanOrEqual(17);
  });

  test('behind a configured proxy each client is counted for itself, whatever it puts before (T12)', async () => {
    await using proxied = await startService({ env: { LOGIN_FAILURES_PER_15_MIN: '3', TRUST_PROXY: '127.0.0.1/32' } });
    const first = await attempts(proxied.url, 6, (index) => `198.51.100.${index}, 203.0.113.1`);
    expect(first.filter((status) => status === 429)).toHaveLength(3);
    expect(await attempts(proxied.url, 1, () => '203.0.113.2')).toEqual([401]);
  });

  test('a socket ends with its token, and hears nothing more (T66, PF-16)', async () => {
    const clock = new TurnedClock();
    await using turned = await startService({ clock });
    const carol = await turned.signUp();
    clock.turnMs(60 * 60_000 - 3_000);
    const socket = await openSocket(turned.url, carol.token);
    socket.send(frame(1, 'subscription feed.follow', {}));
    await until('ready', () => socket.frames.find((text) => text.includes('"ready"')));
    const begin = performance.now();
    expect(await socket.closed).toBe(4401);
    expect(performance.now() - begin).toBeLessThan(8_000);
    expect(await (await openSocket(turned.url, carol.token)).closed).toBe(4401);
  });

  test('whoever sends headers byte by byte is cut (T68)', async () => {
    const { hostname, port } = new URL(service.url);
    const socket = connect(Number(port), hostname);
    socket.on('error', () => undefined);
    socket.resume();
    const begin = performance.now();
    socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\nx: ');
    const drip = setInterval(() => socket.write('x'), 500);
    await new Promise((resolve) => socket.once('close', resolve));
    clearInterval(drip);
    expect(performance.now() - begin).toBeLessThan(limits.headersTimeoutMs + 3_000);
    expect(limits.requestTimeoutMs).toBeLessThanOrEqual(30_000);
  });
});

describe('sockets', () => {
  const me = (id = 1) => frame(id, 'query auth.me');

  test('an access token opens a socket; none, garbage and a refresh token do not (PF-16, T05)', async () => {
    const good = await openSocket(service.url, ada.token);
    good.send(me());
    expect(JSON.parse(await until('an answer', () => good.frames[0])).result.data.user.id).toBe(ada.session.user.id);
    good.ws.close();
    for (const token of ['garbage', '', ada.session.tokens.refreshToken, 'x'.repeat(100_000)]) {
      const bad = await openSocket(service.url, token);
      bad.send(me());
      expect(await bad.closed).toBe(4401);
      expect(bad.frames.join()).not.toContain(ada.session.user.id);
    }
    const bearer = await openSocket(service.url, null, { headers: { authorization: `Bearer ${ada.token}` } });
    bearer.send({ method: 'connectionParams', data: null });
    bearer.send(me());
    await until('an answer', () => bearer.frames.find((text) => text.includes(ada.session.user.id)));
    bearer.ws.close();
  });

  test('a frame that is not UTF-8 closes with 1007, a binary one with 1003 (T39)', async () => {
    const socket = await openSocket(service.url, ada.token);
    socket.ws.send(Buffer.from([0xff, 0xfe]), { binary: false });
    expect(await socket.closed).toBe(1007);
    const binary = await openSocket(service.url, ada.token);
    binary.ws.send(Buffer.from('{}'));
    expect(await binary.closed).toBe(1003);
  });

  test.each([11, 1_000, 10_000])('a frame of %i calls closes the socket and executes none (T58)', async (count) => {
    const before = await promptCount();
    const socket = await openSocket(service.url, ada.token);
    const create = (id: number) => frame(id, 'mutation prompts.create', { text: `x${id}`, generate: false });
    socket.send(Array.from({ length: count }, (_, index) => create(index)));
    await until1008(socket.closed);
    expect(socket.frames.join('').length).toBeLessThan(count * 200);
    expect(await promptCount()).toBe(before);
  });

  test('a frame of one mebibyte and a byte, and one of too many fragments, close with 1009 and 1008 (T59)', async () => {
    const socket = await openSocket(service.url, ada.token);
    socket.ws.send('x'.repeat(mebibyte + 1));
    expect(await socket.closed).toBe(1009);
    const fragmented = await openSocket(service.url, ada.token);
    for (let index = 0; index < 131_000 && fragmented.ws.readyState === WebSocket.OPEN; index += 1)
      fragmented.ws.send('x', { fin: false });
    await until1008(fragmented.closed);
  });

  test('a flood of messages closes the socket with 1008 (T60)', async () => {
    const socket = await openSocket(service.url, ada.token);
    for (let index = 0; index < 10_000; index += 1) socket.ws.send('PING');
    expect(await socket.closed).toBe(1008);
    expect(await isAlive()).toBe(true);
  });

  test('what is no message of ours is answered or ignored, and the service lives', async () => {
    const socket = await openSocket(service.url, ada.token);
    for (const text of [
      '',
      '{',
      '[]',
      '[[]]',
      'null',
      '1',
      '"x"',
      '{"id":null}',
      '{"id":{}}',
      '{"id":1,"method":"query"}',
      '{"id":1,"method":"query","params":{}}',
      '{"id":1,"method":"evil","params":{"path":"auth.me"}}',
      '{"id":1,"method":"query","params":{"path":"__proto__"}}',
      '{"id":1,"method":"subscription.stop"}',
      `${'['.repeat(200_000)}${']'.repeat(200_000)}`,
    ])
      socket.ws.send(text);
    socket.send(me(7));
    await until('the last answer', () => socket.frames.find((text) => text.includes(ada.session.user.id)));
    expect(socket.frames.join()).not.toMatch(/node_modules|\bat .*\.ts/);
    socket.ws.close();
  });

  test('a foreign, null or look-alike origin is refused before the handshake; the own one is not (T63)', async () => {
    for (const origin of ['https://evil.example', 'null', `${service.url}.evil.example`, `${service.url}0`])
      await expect(openSocket(service.url, ada.token, { headers: { origin } })).rejects.toThrow('403');
    const own = await openSocket(service.url, ada.token, { headers: { origin: service.url } });
    own.ws.close();
  });

  test('silent sockets are closed with 4401 after five seconds, whatever they drip (T61)', async () => {
    const begin = performance.now();
    const silent = await Promise.all(Array.from({ length: 20 }, () => openSocket(service.url)));
    const drips = setInterval(() => silent[0]?.ws.send('PING'), 500);
    const codes = await Promise.all(silent.map(({ closed }) => closed));
    clearInterval(drips);
    expect(new Set(codes)).toEqual(new Set([4401]));
    expect(performance.now() - begin).toBeLessThan(6_500);
  });

  test('sockets of an address without credentials are capped, sockets of a user too, and room comes back (T62)', async () => {
    const anonymous = await Promise.all(Array.from({ length: 45 }, () => openSocket(service.url)));
    const isClosed = (code: Promise<number>) =>
      Promise.race([code, new Promise<number>((resolve) => setTimeout(resolve, 300, 0))]);
    const refused = (await Promise.all(anonymous.map(({ closed }) => isClosed(closed)))).filter(
      (code) => code === 1008,
    );
    expect(refused).toHaveLength(5);
    for (const { ws } of anonymous) ws.terminate();
    await until('room', async () => {
      const next = await openSocket(service.url, ada.token);
      next.send(me());
      const end = await Promise.race([next.closed, until('an answer', () => next.frames[0])]);
      next.ws.terminate();
      return end === 1008 ? undefined : true;
    });
    const own = [];
    for (let index = 0; index < 8; index += 1) {
      const socket = await openSocket(service.url, ada.token);
      socket.send(me());
      await until('an answer', () => socket.frames[0]);
      own.push(socket);
    }
    expect(await (await openSocket(service.url, ada.token)).closed).toBe(1008);
    for (const { closed } of own) void closed;
    for (const { ws } of own) ws.terminate();
  });

  test('subscriptions of a socket are capped (T62)', async () => {
    const bob = await service.signUp();
    const socket = await openSocket(service.url, bob.token);
    for (let id = 1; id <= 4; id += 1) socket.send(frame(id, 'subscription feed.follow', {}));
    const refusal = await until('a refusal', () => socket.frames.find((text) => text.includes('TOO_MANY_REQUESTS')));
    expect(JSON.parse(refusal)).toMatchObject({ id: 4, error: { data: { details: { retryAfterMs: 1_000 } } } });
    socket.send({ id: 1, method: 'subscription.stop' });
    await until('the stop', () => socket.frames.find((text) => /"id":1,.*"stopped"/.test(text)));
    socket.send(frame(5, 'subscription feed.follow', {}));
    await until('the new one', () => socket.frames.find((text) => text.includes('"id":5') && text.includes('ready')));
    socket.ws.close();
  });

  test('a reader that stops reading is cut, holds little memory, and resumes where it was (T67)', async () => {
    const carol = await service.signUp();
    const follow = { kinds: ['prompt.created'] };
    const heard: string[] = [];
    const reader = await openSocket(service.url, carol.token);
    reader.send(frame(1, 'subscription feed.follow', follow));
    const ready = JSON.parse(await until('ready', () => reader.frames.find((text) => text.includes('"ready"'))));
    reader.ws.pause();
    const before = process.memoryUsage.rss();
    const text = 'wide '.repeat(19_000);
    for (let index = 0; index < 120; index += 1)
      await carol.client.prompts.create.mutate({ text: `${index} ${text}`, generate: false });
    await until('the service to cut it', async () => ((await openSockets()) === 0 ? true : undefined), 20_000);
    expect(process.memoryUsage.rss() - before).toBeLessThan(256 * mebibyte);
    reader.ws.resume();
    expect([4408, 1006]).toContain(await reader.closed);
    const events = reader.frames
      .map((data) => JSON.parse(data))
      .filter(({ result }) => result?.data?.data?.prompt !== undefined);
    const lastEventId = events.at(-1)?.result.data.id ?? ready.result.data.id;
    const again = await openSocket(service.url, carol.token);
    again.send({ id: 1, method: 'subscription', params: { path: 'feed.follow', input: follow, lastEventId } });
    heard.push(...events.map(({ result }) => result.data.data.prompt.id));
    const all = (await carol.client.prompts.list.query({ limit: 1 })).items[0]?.id;
    await until('the newest', () => again.frames.find((data) => data.includes(all ?? '')), 20_000);
    heard.push(
      ...again.frames.map((data) => JSON.parse(data)).flatMap(({ result }) => result?.data?.data?.prompt?.id ?? []),
    );
    expect(heard).toHaveLength(120);
    expect(new Set(heard).size).toBe(120);
    again.ws.close();
  }, 60_000);

  /** As the service counts them. */
  async function openSockets(): Promise<number> {
    const page = await (await fetch(`${service.app.metricsUrl}/metrics`)).text();
    return Number(/^promptwell_sockets (\d+)$/m.exec(page)?.[1]);
  }
});
