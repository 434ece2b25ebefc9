import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type ModelFile, modelFiles } from '../../src/platform/embedding/model-files.js';

/** A mirror of the neural model on this machine that serves the files of a folder. */
export interface ModelMirror extends AsyncDisposable {
  url: string;
  /** What it serves, by size and checksum: for `AppOptions.modelFiles`. */
  files: ModelFile[];
  /** Requests so far. */
  requests: string[];
  /** Treats requests in place of the files; answers true when it did. */
  treat: (request: IncomingMessage, response: ServerResponse) => boolean;
  /** Sends the second half of each file only after this resolves. */
  halfway: () => Promise<void>;
}

/** Starts a mirror of the model in `folder`. */
export async function modelMirror(folder: string): Promise<ModelMirror> {
  const contents = new Map<string, Buffer>();
  for (const { path } of modelFiles) contents.set(path, await readFile(join(folder, path)));
  const server = createServer((request, response) => void serve(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const mirror: ModelMirror = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    files: [...contents].map(([path, content]) => ({
      path,
      sizeBytes: content.length,
      sha256: createHash('sha256').update(content).digest('hex'),
    })),
    requests: [],
    treat: () => false,
    halfway: () => Promise.resolve(),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return mirror;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    mirror.requests.push(request.url ?? '');
    if (mirror.treat(request, response)) return;
    const path = (request.url ?? '').split('/resolve/main/')[1] ?? '';
    const content = contents.get(path);
    if (content === undefined) return void response.writeHead(404).end();
    const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const rest = content.subarray(from);
    response.writeHead(from > 0 ? 206 : 200, { 'content-length': rest.length });
    const half = Math.floor(rest.length / 2);
    response.write(rest.subarray(0, half));
    await mirror.halfway();
    response.end(rest.subarray(half));
  }
}
