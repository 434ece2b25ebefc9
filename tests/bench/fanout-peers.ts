import { EventEmitter, on } from 'node:events';
import { initTRPC, tracked } from '@trpc/server';
import { applyWSSHandler } from '@trpc/server/adapters/ws';
import { WebSocketServer } from 'ws';

/** What the bench can do to a server in its own process. */
export interface FanoutServer {
  url: string;
  publish(event: FanoutEvent): void;
}

/** What is sent to every subscriber: the same for all contenders. */
export interface FanoutEvent {
  id: string;
  data: object;
}

const t = initTRPC.create();

/** The stock way of tRPC's guide: `for await` over Node's `on(emitter)`. */
export function stockServer(): Promise<FanoutServer> {
  const emitter = new EventEmitter().setMaxListeners(0);
  const router = t.router({
    follow: t.procedure.subscription(async function* ({ signal }) {
      for await (const [event] of on(emitter, 'event', { signal })) yield tracked(event.id, event.data);
    }),
  });
  return serveTrpc(router, (event) => void emitter.emit('event', event));
}

/** The least that tRPC lets one write: an iterator by hand over a queue. */
export function queueServer(): Promise<FanoutServer> {
  const queues = new Set<Queue>();
  const router = t.router({
    follow: t.procedure.subscription(({ signal }): AsyncIterable<ReturnType<typeof tracked>> => {
      const queue = new Queue(queues);
      signal?.addEventListener('abort', () => void queue.return());
      return queue;
    }),
  });
  return serveTrpc(router, (event) => {
    for (const queue of queues) queue.push(event);
  });
}

/** An endless iterator over what is pushed; without a bound, as a bare one is. */
class Queue implements AsyncIterableIterator<ReturnType<typeof tracked>> {
  readonly #all: Set<Queue>;
  readonly #events: FanoutEvent[] = [];
  #waiting: ((result: IteratorResult<ReturnType<typeof tracked>>) => void) | null = null;

  constructor(all: Set<Queue>) {
    this.#all = all.add(this);
  }

  push(event: FanoutEvent): void {
    if (this.#waiting === null) {
      this.#events.push(event);
      return;
    }
    const resolve = this.#waiting;
    this.#waiting = null;
    resolve({ done: false, value: tracked(event.id, event.data) });
  }

  next(): Promise<IteratorResult<ReturnType<typeof tracked>>> {
    const event = this.#events.shift();
    if (event !== undefined) return Promise.resolve({ done: false, value: tracked(event.id, event.data) });
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  return(): Promise<IteratorResult<ReturnType<typeof tracked>>> {
    this.#all.delete(this);
    this.#waiting?.({ done: true, value: undefined });
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

async function serveTrpc(router: ReturnType<typeof t.router>, publish: FanoutServer['publish']): Promise<FanoutServer> {
  const { server, url } = await listening();
  applyWSSHandler({ wss: server, router, keepAlive: { enabled: true, pingMs: 25_000, pongWaitMs: 10_000 } });
  return { url, publish };
}

/** No tRPC at all; each frame is made anew for each client, or once for all of them. */
export async function rawServer(isShared: boolean): Promise<FanoutServer> {
  const { server, url } = await listening();
  const publish = (event: FanoutEvent): void => {
    const message = { id: 1, result: { type: 'data', data: { id: event.id, data: event.data }, id: event.id } };
    const frame = Buffer.from(JSON.stringify(message));
    for (const socket of server.clients)
      if (isShared) socket.send(frame, { binary: false });
      else socket.send(JSON.stringify(message));
  };
  return { url, publish };
}

async function listening(): Promise<{ server: WebSocketServer; url: string }> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  if (typeof address === 'string' || address === null) throw new Error('The bench needs a port.');
  return { server, url: `ws://127.0.0.1:${address.port}/trpc` };
}
