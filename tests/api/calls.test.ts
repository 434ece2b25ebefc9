import { once } from 'node:events';
import { connect } from 'node:net';
import { initTRPC } from '@trpc/server';
import Fastify from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { answerCalls, plainCalls } from '../../src/http/calls.js';
import { startService, type TestPerson, type TestService } from '../support/service.js';
import { until } from '../support/wait.js';
import { call, type WireAnswer, type WireCall } from '../support/wire.js';

let service: TestService;
let ada: TestPerson;
beforeAll(async () => {
  service = await startService({ env: { PROMPTS_PER_SECOND: '1', PROMPTS_PER_MINUTE: '2', PROMPTS_BURST: '0' } });
  ada = await service.signUp();
});
afterAll(() => service[Symbol.asyncDispose]());

/** Asked for like this, tRPC's own adapter answers. */
const byAdapter = { 'trpc-accept': 'application/json' };

/** One call, answered by our code and by tRPC's own adapter. */
async function twice(path: string, { headers = {}, ...rest }: WireCall): Promise<[WireAnswer, WireAnswer]> {
  const same = { 'x-request-id': 'the-same', ...headers };
  return [
    await call(service.url, path, { ...rest, headers: same }),
    await call(service.url, path, { ...rest, headers: { ...same, ...byAdapter } }),
  ];
}

const framing = ['date', 'content-length', 'transfer-encoding'];
const headersOf = ({ headers }: WireAnswer): Record<string, string> =>
  Object.fromEntries([...headers].filter(([name]) => !framing.includes(name)));

describe('a call answered without the Web objects of tRPC`s adapter', () => {
  const missing = '01234567-89ab-7def-8123-456789abcdef';
  const cases: [string, string, WireCall][] = [
    ['a query by POST', 'prompts.list', { input: { limit: 3 } }],
    ['a query by GET', 'prompts.list', { method: 'GET', input: { limit: 3 } }],
    ['a query without an input', 'auth.me', { method: 'GET' }],
    ['a query by POST without a body', 'auth.me', { input: '' }],
    ['a query that finds nothing', 'prompts.get', { input: { id: missing } }],
    ['an input that fails its schema', 'prompts.list', { input: { limit: 'many', odd: 1 } }],
    ['an input that is null', 'prompts.list', { input: 'null' }],
    ['a text that cannot be stored', 'prompts.list', { input: { filter: { tag: 'a\u0000b' } } }],
    ['a mutation that is refused', 'auth.refresh', { input: { refreshToken: 'none' } }],
    ['a mutation by GET', 'auth.refresh', { method: 'GET', input: { refreshToken: 'none' } }],
    ['a caller unknown', 'auth.me', { token: 'garbage' }],
    ['an unknown procedure', 'prompts.evil', { input: {} }],
    ['a name of the prototype', 'constructor', { input: {} }],
    ['a name in escapes', 'prompts%2Elist', { input: {} }],
    ['broken JSON', 'prompts.list', { input: '{"limit":' }],
    ['a batch', 'prompts.list,auth.me?batch=1', { input: { 0: { limit: 1 } } }],
    ['a batch by GET', 'prompts.list,auth.me?batch=1', { method: 'GET', input: { 0: { limit: 1 } } }],
    ['a batch of which one fails', 'prompts.get,auth.me?batch=1', { input: { 0: { id: missing } } }],
    [
      'a batch of which all fail alike',
      'prompts.get,prompts.get?batch=1',
      { input: { 0: { id: missing }, 1: { id: missing } } },
    ],
    ['a batch whose body is no object', 'prompts.list?batch=1', { input: [{ limit: 1 }] }],
    [
      'a batch whose places are odd',
      'prompts.list,prompts.list?batch=1',
      { input: '{"00":{"limit":1},"1 ":7,"__proto__":{"0":{}}}' },
    ],
    ['a batch of broken JSON', 'prompts.list,auth.me?batch=1', { input: '{"0":' }],
    ['a batch of queries and mutations', 'prompts.list,auth.refresh?batch=1', { input: {} }],
    ['a batch of eleven', `${Array.from({ length: 11 }, () => 'auth.me').join(',')}?batch=1`, { input: {} }],
    ['a question mark in the search', 'prompts.list?batch=1?', { input: { 0: {} } }],
  ];

  it.each(cases)('is the same byte for byte, status and headers too: %s', async (_name, path, wire) => {
    const [ours, adapters] = await twice(path, { token: ada.token, ...wire });
    expect(ours.text).toBe(adapters.text);
    expect(ours.status).toBe(adapters.status);
    expect(headersOf(ours)).toEqual(headersOf(adapters));
  });

  it('says when to come back, as the adapter does', async () => {
    const input = { query: 'anything', mode: 'meaning' };
    for (let asked = 0; asked < 3; asked += 1) await call(service.url, 'prompts.similar', { token: ada.token, input });
    const [ours, adapters] = await twice('prompts.similar', { token: ada.token, input });
    expect([ours.status, adapters.status]).toEqual([429, 429]);
    expect(Number(ours.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(Number(adapters.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(Object.keys(headersOf(ours))).toEqual(Object.keys(headersOf(adapters)));
  });

  it('is what answers an ordinary call: its length is known, and each refusal is logged once', async () => {
    const logged = service.logged.length;
    const [ours, adapters] = await twice('prompts.get', { token: ada.token, input: { id: missing } });
    expect(ours.headers.get('content-length')).toBe(String(ours.text.length));
    expect(adapters.headers.get('transfer-encoding')).toBe('chunked');
    const refusals = service.logged.slice(logged).filter(({ message }) => message === 'refused');
    const refusal = { code: 'notFound', path: 'prompts.get', requestId: 'the-same' };
    expect(refusals.map(({ facts }) => facts)).toEqual([refusal, refusal]);
  });

  it('is aborted when its caller leaves', async () => {
    const t = initTRPC.create();
    const seen: string[] = [];
    const router = t.router({
      slow: t.procedure.query(async ({ signal }) => {
        seen.push('begun');
        if (signal !== undefined) await once(signal, 'abort');
        seen.push('aborted');
      }),
    });
    await using server = Object.assign(Fastify(), { [Symbol.asyncDispose]: () => server.close() });
    server.get('/trpc/:path', (request, reply) => {
      const calls = plainCalls(router, request, 'slow');
      if (calls === null) throw new Error('not understood');
      return answerCalls(calls, reply, {
        router,
        createContext: () => ({ requestId: 'the-same' }),
        onError: () => undefined,
        headersFor: () => ({}),
      });
    });
    const { port } = new URL(await server.listen({ port: 0, host: '127.0.0.1' }));
    const socket = connect(Number(port), '127.0.0.1');
    socket.write('GET /trpc/slow HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await until('the call to begin', () => seen[0]);
    socket.destroy();
    await until('the call to be aborted', () => seen[1]);
    expect(seen).toEqual(['begun', 'aborted']);
  });
});
