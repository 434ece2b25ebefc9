import { once } from 'node:events';
import { WebSocket, WebSocketServer } from 'ws';
import type { AddressInfo } from 'node:net';
import { until } from '../wait.js';

/** A subscriber that keeps of each event only its prompt and its time: twenty megabytes pass through each. */
export interface LightReader {
  heard: { promptId: string; atMs: number }[];
  /** Where a new one goes on; undefined before the first item. */
  readonly lastEventId: string | undefined;
  /** The code it was closed with; 1006 when it was cut. */
  closed: Promise<number>;
  readonly isClosed: boolean;
  /** Takes no byte from now on. */
  pause(): void;
  resume(): void;
  stop(): void;
}

/** An item of the feed as it stands on the wire, up to its prompt's id. */
const itemPattern = /"data":\{"id":"([^"]+)","data":\{"kind":"[^"]+"(?:,"prompt":\{"id":"([^"]+)")?/;

/** How the service asks whether anybody is there, in tRPC's wire format. */
const ping = Buffer.from('PING');

/** Follows the creations of a project over a WebSocket of its own; resolves once it listens. */
export async function readLightly(url: string, token: string, lastEventId?: string): Promise<LightReader> {
  const ws = new WebSocket(`${url.replace('http', 'ws')}/trpc?connectionParams=1`);
  const heard: LightReader['heard'] = [];
  let last = lastEventId;
  let isReady = false;
  let isClosed = false;
  ws.on('message', (data: Buffer) => {
    // Who answers no ping for 35 s is taken for gone, and cut off.
    if (data.length === ping.length && data.equals(ping)) return ws.send('PONG');
    const [, id, promptId] = itemPattern.exec(data.subarray(0, 1_000).toString('latin1')) ?? [];
    if (id === undefined) return;
    isReady = true;
    last = id;
    if (promptId !== undefined) heard.push({ promptId, atMs: Date.now() });
  });
  const closed = new Promise<number>((resolve) => ws.once('close', resolve));
  void closed.then(() => {
    isClosed = true;
  });
  await once(ws, 'open');
  ws.on('error', () => undefined);
  const input = { kinds: ['prompt.created'] };
  ws.send(JSON.stringify({ method: 'connectionParams', data: { token } }));
  ws.send(
    JSON.stringify({
      id: 1,
      method: 'subscription',
      params: { path: 'feed.follow', input, ...(lastEventId === undefined ? {} : { lastEventId }) },
    }),
  );
  await until('the feed', () => (isReady ? true : undefined));
  return {
    heard,
    get lastEventId() {
      return last;
    },
    closed,
    get isClosed() {
      return isClosed;
    },
    pause: () => ws.pause(),
    resume: () => ws.resume(),
    stop: () => ws.terminate(),
  };
}

/** A reader that takes what it can, and goes on where it was when it is cut off all the same, as our client does. */
export interface LiveReader {
  heard: LightReader['heard'];
  /** How often it was cut off: a machine that is busy elsewhere makes any reader slow. */
  readonly cuts: number;
  /** Resolves once it reads no more. Faults: why it could not go on where it was. */
  stop(): Promise<void>;
}

/** Follows the creations of a project over as many connections as it takes; resolves once it listens. */
export async function keepReading(url: string, token: string): Promise<LiveReader> {
  const heard: LightReader['heard'] = [];
  const stopping = new AbortController();
  let cuts = 0;
  let reader = await readLightly(url, token);
  const done = (async () => {
    while (!stopping.signal.aborted) {
      const { lastEventId } = reader;
      heard.push(...reader.heard.splice(0));
      if (reader.isClosed) {
        cuts += 1;
        reader = await readLightly(url, token, lastEventId);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  // Told by `stop`; until then nobody looks.
  done.catch(() => undefined);
  return {
    heard,
    get cuts() {
      return cuts;
    },
    async stop() {
      stopping.abort();
      await done.finally(() => reader.stop());
    },
  };
}

/** The control: how many bytes a server that sends without a guard holds for one reader that takes nothing. */
export async function bytesHeldWithoutGuard(messages: number, messageBytes: number): Promise<number> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[WebSocket]>;
  const reader = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const [socket] = await accepted;
  await once(reader, 'open');
  reader.pause();
  const message = Buffer.alloc(messageBytes, 'x');
  for (let count = 0; count < messages; count += 1) {
    socket.send(message);
    // Lets the kernel take what it will.
    await new Promise((resolve) => setImmediate(resolve));
  }
  const heldBytes = socket.bufferedAmount;
  reader.terminate();
  socket.terminate();
  await new Promise((resolve) => server.close(resolve));
  return heldBytes;
}
