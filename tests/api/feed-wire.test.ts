import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { startService, type TestPerson, type TestService } from '../support/service.js';
import { until } from '../support/wait.js';

let service: TestService;
let ada: TestPerson;

beforeAll(async () => {
  service = await startService();
  ada = await service.signUp();
});
afterAll(() => service[Symbol.asyncDispose]());

interface Frame {
  id: number | string;
  jsonrpc?: string;
  result: { type: string; id?: string; data?: { id: string; data: { kind: string } } };
}

/** Opens a socket and follows the feed under each of some call ids, as bytes on the wire. */
async function followRaw(calls: readonly object[]): Promise<{ socket: WebSocket; frames: Frame[]; texts: string[] }> {
  const socket = new WebSocket(`${service.url.replace('http', 'ws')}/trpc?connectionParams=1`);
  await once(socket, 'open');
  const frames: Frame[] = [];
  const texts: string[] = [];
  socket.on('message', (data: Buffer, isBinary) => {
    expect(isBinary).toBe(false);
    texts.push(data.toString('utf8'));
    frames.push(JSON.parse(data.toString('utf8')) as Frame);
  });
  socket.send(JSON.stringify({ method: 'connectionParams', data: { token: ada.token } }));
  for (const call of calls)
    socket.send(JSON.stringify({ method: 'subscription', params: { path: 'feed.follow', input: {} }, ...call }));
  await until('all to listen', () => (frames.length >= calls.length * 2 ? true : undefined));
  return { socket, frames, texts };
}

const store = (text: string) => ada.client.prompts.create.mutate({ text, generate: false });

test("16: what is pushed past tRPC's loop is byte for byte what the loop sends, under each call's own id", async () => {
  // Who names a JSON-RPC version is answered with it, through the loop.
  const { socket, frames, texts } = await followRaw([{ id: 1 }, { id: 'a "quoted" ü' }, { id: 3, jsonrpc: '2.0' }]);
  await store('Straße — "wörtlich" \\ 😀');
  await until('two events each', () => (frames.length >= 12 ? true : undefined));
  const told = (id: number | string): string[] =>
    texts.filter((_text, index) => frames[index]?.id === id && frames[index]?.result.data?.data.kind !== 'ready');
  const loop = told(3);
  expect(loop).toHaveLength(3);
  const pushed = (id: number | string): string[] =>
    loop.map((text) => text.replace('{"id":3,"jsonrpc":"2.0",', `{"id":${JSON.stringify(id)},`));
  expect(told(1)).toEqual(pushed(1));
  expect(told('a "quoted" ü')).toEqual(pushed('a "quoted" ü'));
  socket.close();
});

test('a subscription that its client stops is told nothing more, while the other of its socket hears on', async () => {
  const { socket, frames } = await followRaw([{ id: 1 }, { id: 2 }]);
  socket.send(JSON.stringify({ id: 1, method: 'subscription.stop' }));
  await until('the stop', () => (frames.some(({ result }) => result.type === 'stopped') ? true : undefined));
  const before = frames.length;
  await store('after the stop');
  await until('two events', () => (frames.length >= before + 2 ? true : undefined));
  expect(frames.slice(before).map(({ id }) => id)).toEqual([2, 2]);
  socket.close();
});
