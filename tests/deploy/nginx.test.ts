import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls, type SecureVersion } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config.js';
import { limits } from '../../src/http/limits.js';
import { debianFiles } from '../support/debian.js';
import { shippedConfig, startNginx, type TestNginx, tlsCall, tlsOpen } from '../support/nginx.js';
import { startService, type TestPerson, type TestService } from '../support/service.js';
import { until } from '../support/wait.js';
import { call, frame, openSocket } from '../support/wire.js';

const debian = await debianFiles(['nginx']);
const program = join(debian ?? '', 'usr/sbin/nginx');
const mebibyte = 1_048_576;

/** The value of a directive of the shipped file, in seconds. */
const seconds = (directive: string): number =>
  Number(new RegExp(`^\\s*${directive} (\\d+)s;`, 'm').exec(shippedConfig())?.[1]);

describe('figures that stand in the service and in deploy/nginx/promptwell.conf', () => {
  test('bodies have one bound', () => {
    const [, bound] = /client_max_body_size (\d+)m;/.exec(shippedConfig()) ?? [];
    expect(Number(bound) * mebibyte).toBe(limits.bodyBytes);
  });

  test('nginx waits longer than a model may think and than sockets are silent', () => {
    expect(seconds('proxy_read_timeout') * 1_000).toBeGreaterThan(loadConfig({}).llm.timeoutMs);
    expect(seconds('proxy_read_timeout') * 1_000).toBeGreaterThan(2 * limits.socketPingMs);
    expect(seconds('proxy_send_timeout') * 1_000).toBeGreaterThanOrEqual(limits.requestTimeoutMs);
  });

  test('an idle connection is given up by nginx before the service closes it', () => {
    expect(seconds('keepalive_timeout') * 1_000).toBeLessThan(limits.keepAliveTimeoutMs);
  });
});

/** What every test of this file has sent and no log may hold. */
const canary = 'canary-of-a-query';

describe.skipIf(debian === null)("behind Debian's nginx (skipped where its package cannot be had)", () => {
  let service: TestService;
  let nginx: TestNginx;
  let ada: TestPerson;
  const addressOf = (url: string): string => new URL(url).host;
  const bearer = (): Record<string, string> => ({ authorization: `Bearer ${ada.token}` });
  beforeAll(async () => {
    service = await startService({
      env: { TRUST_PROXY: '127.0.0.1', LOGIN_FAILURES_PER_15_MIN: '4', METRICS_TOKEN: 'scrape-me-0123456789' },
    });
    nginx = await startNginx(program, [addressOf(service.url)]);
    ada = await service.signUp();
  });
  afterAll(async () => {
    await nginx[Symbol.asyncDispose]();
    await service[Symbol.asyncDispose]();
  });

  const store = (text: string) => ada.client.prompts.create.mutate({ text, generate: false });

  test('the file has neither an error nor a warning', () => {
    expect(nginx.verdict.split('\n').filter((line) => !/syntax is ok|test is successful|^$/.test(line))).toEqual([]);
  });

  test('a call passes over TLS, by HTTP/1.1 and HTTP/2', async () => {
    const me = await tlsCall(nginx, '/trpc/auth.me', { headers: bearer() });
    expect(me.status).toBe(200);
    expect(me.text).toContain(ada.session.user.username);
    expect(me.headers['content-encoding']).toBeUndefined();
    const session = connectHttp2(nginx.url, { ca: nginx.ca });
    const stream = session.request({ ':path': '/trpc/auth.me', ...bearer() });
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
    expect(headers[':status']).toBe(200);
    session.destroy();
  });

  test('TLS 1.2 and 1.3 are spoken, nothing older; browsers are told to stay with it, once', async () => {
    const speaks = async (version: SecureVersion): Promise<string> => {
      const options = { ca: nginx.ca, minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' };
      const socket = connectTls({ port: Number(new URL(nginx.url).port), host: '127.0.0.1', ...options });
      const answer = await once(socket, 'secureConnect').then(
        () => socket.getProtocol() ?? 'none',
        (cause: NodeJS.ErrnoException) => cause.code ?? 'refused',
      );
      socket.destroy();
      return answer;
    };
    expect(await speaks('TLSv1.3')).toBe('TLSv1.3');
    expect(await speaks('TLSv1.2')).toBe('TLSv1.2');
    expect(await speaks('TLSv1.1')).toMatch(/PROTOCOL_VERSION|HANDSHAKE_FAILURE|ECONNRESET/);
    // OpenSSL may refuse the old ones by itself: the file must, too.
    expect(shippedConfig().match(/ssl_protocols .*/g)).toEqual(['ssl_protocols TLSv1.2 TLSv1.3;']);
    const { headers } = await tlsCall(nginx, '/healthz');
    expect(headers['strict-transport-security']).toBe('max-age=63072000');
  });

  test('in clear a page is led to TLS, and a call is refused rather than led', async () => {
    const page = await fetch(`${nginx.plainUrl}/`, { redirect: 'manual' });
    expect([page.status, page.headers.get('location')]).toEqual([301, 'https://127.0.0.1/']);
    expect((await call(nginx.plainUrl, 'auth.login', { input: {} })).status).toBe(403);
  });

  test('a WebSocket is upgraded, also for a page of the same origin, and hears events', async () => {
    const socket = await openSocket(nginx.url, ada.token, { ca: nginx.ca, origin: nginx.url });
    socket.send(frame(1, 'subscription feed.follow', {}));
    await until('ready', () => socket.frames.find((text) => text.includes('"ready"')));
    await store('heard over a socket');
    await until('the event', () => socket.frames.find((text) => text.includes('heard over a socket')));
    socket.ws.close();
    await socket.closed;
    await expect(openSocket(nginx.url, ada.token, { ca: nginx.ca, origin: 'https://evil.example' })).rejects.toThrow(
      '403',
    );
  });

  test('an event stream is not held back: each event is there before the next is made', async () => {
    const stream = await tlsOpen(nginx, '/trpc/feed.follow?input=%7B%7D', {
      headers: { ...bearer(), accept: 'text/event-stream', 'accept-encoding': 'gzip' },
    });
    expect(stream.headers['content-encoding']).toBeUndefined();
    let heard = '';
    stream.setEncoding('utf8').on('data', (text: string) => (heard += text));
    stream.on('error', () => undefined);
    await until('ready', () => (heard.includes('"ready"') ? true : undefined), 2_000);
    for (const text of ['first over SSE', 'second over SSE']) {
      await store(text);
      // Held back by a buffer of 4 kB, one event alone would never come.
      await until(text, () => (heard.includes(text) ? true : undefined), 2_000);
    }
    stream.destroy();
  });

  test('who rotates X-Forwarded-For is throttled all the same, and another address is not (T12)', async () => {
    const guess = async (attempt: number, localAddress: string) => {
      const headers = { 'x-forwarded-for': `192.0.2.${attempt}`, 'x-real-ip': `192.0.2.${attempt}` };
      const body = JSON.stringify({ username: `nobody-${localAddress}-${attempt}`, password: 'not the password' });
      return (await tlsCall(nginx, '/trpc/auth.login', { method: 'POST', headers, body, localAddress })).status;
    };
    const attempts = [];
    for (const attempt of [1, 2, 3, 4, 5, 6, 7]) attempts.push(await guess(attempt, '127.0.0.1'));
    expect(attempts).toEqual([401, 401, 401, 401, 429, 429, 429]);
    expect(await guess(8, '127.0.0.2')).toBe(401);
  });

  test('/metrics is not outside, even for who has its token', async () => {
    const headers = { authorization: 'Bearer scrape-me-0123456789' };
    expect((await fetch(`${service.url}/metrics`, { headers })).status).toBe(200);
    for (const path of ['/metrics', '//metrics', '/metrics/', '/./metrics', '/%6Detrics', '/x/../metrics'])
      expect((await tlsCall(nginx, path, { headers })).status, path).toBe(404);
  });

  test('a body of one mebibyte passes, one of two is refused by nginx itself', async () => {
    const path = '/trpc/prompts.create';
    const body = '{"text":"fits","generate":false}'.padEnd(mebibyte, ' ');
    expect((await tlsCall(nginx, path, { method: 'POST', headers: bearer(), body })).status).toBe(200);
    const refused = await tlsCall(nginx, path, { method: 'POST', headers: bearer(), body: body.repeat(2) });
    expect(refused.status).toBe(413);
    expect(refused.text).toContain('nginx');
  });

  test('logs hold paths and statuses, and no query, no token, no address that was claimed', async () => {
    const query = `input=${encodeURIComponent(JSON.stringify({ query: canary }))}`;
    const headers = { ...bearer(), referer: `https://x.example/?${canary}`, 'user-agent': canary };
    expect((await tlsCall(nginx, `/trpc/prompts.similar?${query}`, { headers })).status).toBe(200);
    // Where nothing listens: nginx would quote the whole request in its error log.
    await using lost = await startNginx(program, ['127.0.0.1:9']);
    expect((await tlsCall(lost, `/trpc/prompts.similar?${query}`, { headers })).status).toBe(502);
    const line = async (at: TestNginx): Promise<unknown> => {
      const { access } = await at.logs();
      return JSON.parse(access.trim().split('\n').at(-1) ?? '');
    };
    expect(await line(nginx)).toMatchObject({ path: '/trpc/prompts.similar', status: 200, upstreamStatus: '200' });
    expect(await line(lost)).toMatchObject({ path: '/trpc/prompts.similar', status: 502, upstream: '127.0.0.1:9' });
    for (const logs of [await nginx.logs(), await lost.logs()])
      for (const text of [logs.access, logs.error, logs.main])
        for (const secret of [canary, ada.token, 'input=', '192.0.2.']) expect(text).not.toContain(secret);
  });
});

describe.skipIf(debian === null)('what nginx hands on (skipped likewise)', () => {
  test('is its own word on the caller, and no upgrade but a WebSocket', async () => {
    const arrived: IncomingHttpHeaders[] = [];
    const upstream = createServer((request, response) => {
      arrived.push(request.headers);
      response.end('ok');
    }).listen(0, '127.0.0.1');
    await once(upstream, 'listening');
    await using nginx = await startNginx(program, [`127.0.0.1:${(upstream.address() as AddressInfo).port}`]);
    await tlsCall(nginx, '/', {
      headers: {
        'x-forwarded-for': '192.0.2.1',
        'x-forwarded-proto': 'http',
        'x-forwarded-host': 'evil.example',
        'x-forwarded-port': '80',
        'x-real-ip': '192.0.2.1',
        forwarded: 'for=192.0.2.1',
        connection: 'upgrade, http2-settings',
        upgrade: 'h2c',
      },
    });
    upstream.close();
    const [headers] = arrived;
    expect(headers).toMatchObject({
      host: new URL(nginx.url).host,
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': new URL(nginx.url).host,
      'x-real-ip': '127.0.0.1',
    });
    for (const name of ['forwarded', 'x-forwarded-port', 'upgrade', 'connection'])
      expect(headers).not.toHaveProperty(name);
  });

  test.each([
    // Reads a request and dies of it: whether it was executed cannot be known.
    ['dies', (response: ServerResponse) => void response.destroy()],
    ['is closing', (response: ServerResponse) => void response.writeHead(503).end()],
  ])('goes to another process when one %s, but never twice what may have been done', async (_what, fail) => {
    const taken: string[] = [];
    const server = async (answer: (response: ServerResponse) => void): Promise<Server> => {
      const listening = createServer((request, response) => {
        taken.push(request.method ?? '');
        answer(response);
      }).listen(0, '127.0.0.1');
      await once(listening, 'listening');
      return listening;
    };
    const servers = [await server(fail), await server((response) => void response.end('ok'))];
    await using nginx = await startNginx(
      program,
      servers.map((one) => `127.0.0.1:${(one.address() as AddressInfo).port}`),
    );
    const answers: [string, number][] = [];
    // In an order that gives each process each method as the first.
    for (const method of ['POST', 'POST', 'GET', 'GET']) {
      const body = method === 'POST' ? { body: '{}' } : {};
      answers.push([method, (await tlsCall(nginx, '/', { method, ...body })).status]);
    }
    for (const one of servers) one.close();
    const statuses = (wanted: string) => answers.filter(([method]) => method === wanted).map(([, status]) => status);
    expect(statuses('GET')).toEqual([200, 200]);
    expect(statuses('POST').filter((status) => status >= 500)).toHaveLength(1);
    expect(taken.filter((method) => method === 'POST')).toHaveLength(2);
    expect(taken.filter((method) => method === 'GET').length).toBeGreaterThan(2);
  });
});
