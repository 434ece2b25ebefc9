import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { WebSocket } from 'ws';
import { median, row } from './measure.js';

const serverPath = fileURLToPath(new URL('./rpc-server.ts', import.meta.url));
const connections = 32;
const sockets = 4;
const inFlight = 8;

/** One way of calling one server. */
interface Way {
  name: string;
  server: 'node' | 'fastify' | 'stock' | 'ours';
  /** The calls that one request holds. */
  calls: number;
  /** The bytes of an HTTP request; null for the WebSocket. */
  request: string | null;
}

const get = `GET /trpc/item.get?input=${encodeURIComponent('{"id":"7"}')} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
/** What our door leaves to tRPC's adapter: the same call, with everything else of ours. */
const byAdapter = get.replace('Host: localhost', 'Host: localhost\r\ntrpc-accept: application/json');
const post = (path: string, body: string): string =>
  `POST /trpc/${path} HTTP/1.1\r\nHost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
const put = post('item.put', '{"id":"7"}');
const tenPaths = Array.from({ length: 10 }, () => 'item.get').join(',');
const tenInputs = Object.fromEntries(Array.from({ length: 10 }, (_, index) => [index, { id: String(index) }]));
const ten = `GET /trpc/${tenPaths}?batch=1&input=${encodeURIComponent(JSON.stringify(tenInputs))} HTTP/1.1\r\nHost: localhost\r\n\r\n`;

const ways: readonly Way[] = [
  { name: 'node:http, GET', server: 'node', calls: 1, request: get },
  { name: 'Fastify with zod, GET', server: 'fastify', calls: 1, request: get },
  { name: 'tRPC`s Fastify adapter, query', server: 'stock', calls: 1, request: get },
  { name: 'ours, query', server: 'ours', calls: 1, request: get },
  { name: 'ours, query left to that adapter', server: 'ours', calls: 1, request: byAdapter },
  { name: 'node:http, POST', server: 'node', calls: 1, request: put },
  { name: 'Fastify with zod, POST', server: 'fastify', calls: 1, request: put },
  { name: 'tRPC`s Fastify adapter, mutation', server: 'stock', calls: 1, request: put },
  { name: 'ours, mutation', server: 'ours', calls: 1, request: put },
  { name: 'tRPC`s Fastify adapter, batch of ten', server: 'stock', calls: 10, request: ten },
  { name: 'ours, batch of ten', server: 'ours', calls: 10, request: ten },
  { name: 'ours, query over WebSocket', server: 'ours', calls: 1, request: null },
];

interface Used {
  cpu: NodeJS.CpuUsage;
  rss: number;
}

/** What a call costs its server, each in a process of its own: 32 connections, or 4 sockets with 8 calls in flight each. */
export async function benchCalls({ rounds, perRound }: { rounds: number; perRound: number }): Promise<string[]> {
  const names = ['node', 'fastify', 'stock', 'ours'] as const;
  const servers = new Map(await Promise.all(names.map(async (name) => [name, await start(name)] as const)));
  const samples = ways.map((): Sample[] => []);
  try {
    for (let round = -1; round < rounds; round += 1)
      for (const turn of ways.keys()) {
        const at = (turn + round + 1) % ways.length;
        const sample = await measure(ways[at], servers, perRound);
        if (round >= 0) samples[at]?.push(sample);
      }
  } finally {
    for (const { child } of servers.values()) child.disconnect();
  }
  const cpuOf = (at: number): number => median((samples[at] ?? []).map(({ cpuUs }) => cpuUs));
  return [
    row('server', 'CPU microseconds a call', 'of bare node:http GET', 'calls a second', 'RSS MB'),
    row('---', '---', '---', '---', '---'),
    ...ways.map(({ name }, at) => {
      const perSecond = median((samples[at] ?? []).map((sample) => sample.perSecond));
      return row(name, cpuOf(at), cpuOf(at) / cpuOf(0), perSecond, (samples[at]?.at(-1)?.rss ?? 0) / 1e6);
    }),
  ];
}

interface Sample {
  cpuUs: number;
  perSecond: number;
  rss: number;
}

type Servers = ReadonlyMap<string, { child: ChildProcess; url: string }>;

async function measure(way: Way | undefined, servers: Servers, count: number): Promise<Sample> {
  const server = servers.get(way?.server ?? '');
  if (way === undefined || server === undefined) throw new Error('a way without a server');
  const before = await used(server.child);
  const startedMs = performance.now();
  await (way.request === null ? overSockets(server.url, count) : overHttp(server.url, way.request, count));
  const tookMs = performance.now() - startedMs;
  const { cpu, rss } = await used(server.child);
  const cpuUs = cpu.user + cpu.system - before.cpu.user - before.cpu.system;
  return { cpuUs: cpuUs / count / way.calls, perSecond: (count * way.calls * 1_000) / tookMs, rss };
}

async function start(name: string): Promise<{ child: ChildProcess; url: string }> {
  const child = fork(serverPath, [name], { execArgv: ['--import', 'tsx'] });
  const [{ url }] = (await once(child, 'message')) as [{ url: string }];
  return { child, url };
}

async function used(child: ChildProcess): Promise<Used> {
  child.send('used');
  const [answer] = (await once(child, 'message')) as [Used];
  return answer;
}

/** Sends the same bytes again and again; equal requests get answers of equal length, so that nothing is parsed. */
async function overHttp(url: string, request: string, count: number): Promise<void> {
  const length = await answerLength(url, request);
  let left = count;
  await Promise.all(
    Array.from({ length: connections }, async () => {
      const socket = await opened(url);
      let received = 0;
      const done = once(socket, 'close');
      const next = (): void => {
        if (left > 0) {
          left -= 1;
          socket.write(request);
        } else socket.destroy();
      };
      socket.on('data', (data) => {
        received += data.length;
        if (received < length) return;
        if (received > length) throw new Error('answers differ in length');
        received = 0;
        next();
      });
      next();
      await done;
    }),
  );
}

async function answerLength(url: string, request: string): Promise<number> {
  const socket = await opened(url);
  socket.write(request.replace('\r\n\r\n', '\r\nx-last: 1\r\n\r\n'));
  let answer = '';
  await new Promise<void>((resolve) => {
    socket.on('data', (data) => {
      answer += data.toString('latin1');
      const headEnd = answer.indexOf('\r\n\r\n');
      const [head, body] = [answer.slice(0, headEnd), answer.slice(headEnd + 4)];
      const length = /content-length: (\d+)/i.exec(head)?.[1];
      if (length === undefined ? body.endsWith('0\r\n\r\n') : body.length === Number(length)) resolve();
    });
  });
  socket.destroy();
  if (!answer.startsWith('HTTP/1.1 200')) throw new Error(answer.slice(0, 300));
  return answer.length;
}

async function opened(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.setNoDelay(true);
  await once(socket, 'connect');
  return socket;
}

async function overSockets(url: string, count: number): Promise<void> {
  let left = count;
  await Promise.all(
    Array.from({ length: sockets }, async () => {
      const socket = new WebSocket(`${url.replace('http', 'ws')}/trpc?connectionParams=1`);
      await once(socket, 'open');
      socket.send(JSON.stringify({ method: 'connectionParams', data: { token: 'any' } }));
      const done = once(socket, 'close');
      let open = 0;
      const next = (): void => {
        if (left > 0) {
          left -= 1;
          open += 1;
          const params = { path: 'item.get', input: { id: '7' } };
          socket.send(JSON.stringify({ id: left + 1, method: 'query', params }));
        } else if (open === 0) socket.close();
      };
      socket.on('message', () => {
        open -= 1;
        next();
      });
      for (let flight = 0; flight < inFlight; flight += 1) next();
      await done;
    }),
  );
}
