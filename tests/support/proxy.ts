import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A wire between a client and a service that a test can cut, and lead to another service. */
export interface CuttableProxy extends AsyncDisposable {
  url: string;
  /** How many connections were made through it. */
  readonly connections: number;
  /** Destroys every connection; new ones are taken again unless `refuse` was called. */
  cut(): void;
  /** Leads new connections to another service. */
  leadTo(url: string): void;
  /** Drops new connections until `leadTo` is called. */
  refuse(): void;
}

/** A proxy on a free port of this machine that passes bytes on unchanged to the service at `url`. */
export async function cuttableProxy(url: string): Promise<CuttableProxy> {
  let target: URL | null = new URL(url);
  let connections = 0;
  const open = new Set<Socket>();
  const hold = (socket: Socket): void => {
    open.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => open.delete(socket));
  };
  const server = createServer((near) => {
    hold(near);
    if (target === null) return void near.destroy();
    connections += 1;
    const far = connect(Number(target.port), target.hostname);
    hold(far);
    near.pipe(far).pipe(near);
    near.once('close', () => far.destroy());
    far.once('close', () => near.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = (): void => open.forEach((socket) => void socket.destroy());
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get connections() {
      return connections;
    },
    cut,
    leadTo: (other) => {
      target = new URL(other);
    },
    refuse: () => {
      target = null;
    },
    async [Symbol.asyncDispose]() {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
