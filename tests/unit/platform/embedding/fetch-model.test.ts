import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import {
  type FetchModelOptions,
  type FetchProgress,
  fetchModel,
} from '../../../../src/platform/embedding/fetch-model.js';
import { modelFolder } from '../../../../src/platform/embedding/model-files.js';

const content = Buffer.from(Array.from({ length: 200_000 }, (_, index) => (index * 31) % 251));
const file = {
  path: 'onnx/big.bin',
  sizeBytes: content.length,
  sha256: createHash('sha256').update(content).digest('hex'),
};
const fromRange = (req: IncomingMessage): number => Number(/bytes=(\d+)-/.exec(req.headers.range ?? '')?.[1] ?? 0);

interface Mirror {
  options: FetchModelOptions & { modelDir: string };
  path: string;
  requests: { url: string | undefined; range: string | undefined }[];
}

/** A mirror that answers as `answer` says (`time` counts requests from 1), and an empty model directory. */
async function mirror(answer: (req: IncomingMessage, res: ServerResponse, time: number) => void): Promise<Mirror> {
  const requests: Mirror['requests'] = [];
  const server = createServer((req, res) => {
    requests.push({ url: req.url, range: req.headers.range });
    answer(req, res, requests.length);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const modelDir = await mkdtemp(join(tmpdir(), 'promptwell-fetch-'));
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await rm(modelDir, { recursive: true });
  });
  const { port } = server.address() as AddressInfo;
  return {
    options: { modelDir, mirrorUrl: `http://127.0.0.1:${port}/`, files: [file], stallMs: 5_000 },
    path: join(modelFolder(modelDir), file.path),
    requests,
  };
}

/** An answer that honours Range. */
function send(req: IncomingMessage, res: ServerResponse): void {
  const from = fromRange(req);
  res.writeHead(from > 0 ? 206 : 200);
  res.end(content.subarray(from));
}

/** An answer whose connection is lost after `bytes` more bytes. */
function cut(req: IncomingMessage, res: ServerResponse, bytes: number): void {
  const from = fromRange(req);
  res.writeHead(from > 0 ? 206 : 200, { 'content-length': content.length - from });
  res.write(content.subarray(from, from + bytes), () => res.destroy());
}

test('a file arrives whole under its name, with progress up to the total, from the hub’s path', async () => {
  const { options, path, requests } = await mirror(send);
  const progress: FetchProgress[] = [];
  const folder = await fetchModel({ ...options, onProgress: (one) => void progress.push(one) });
  expect(folder).toBe(modelFolder(options.modelDir));
  expect(await readFile(path)).toEqual(content);
  expect(await readdir(dirname(path))).toEqual(['big.bin']);
  expect(requests).toEqual([{ url: '/Xenova/all-MiniLM-L6-v2/resolve/main/onnx/big.bin', range: undefined }]);
  expect(progress.at(-1)).toEqual({ file: file.path, fetchedBytes: content.length, totalBytes: content.length });
});

test('a right file is not asked for again', async () => {
  const { options, requests } = await mirror(send);
  await fetchModel(options);
  await fetchModel(options);
  expect(requests).toHaveLength(1);
});

test('a connection lost in the middle is taken up where it was lost', async () => {
  const { options, path, requests } = await mirror((req, res, time) =>
    time < 3 ? cut(req, res, 70_000) : send(req, res),
  );
  await fetchModel(options);
  expect(await readFile(path)).toEqual(content);
  expect(requests.map(({ range }) => range === undefined)).toEqual([true, false, false]);
});

test('what an earlier call left is taken up, also by a mirror that ignores ranges', async () => {
  const ranged = await mirror(send);
  await mkdir(dirname(ranged.path), { recursive: true });
  await writeFile(`${ranged.path}.part`, content.subarray(0, 150_000));
  await fetchModel(ranged.options);
  expect(ranged.requests[0]?.range).toBe('bytes=150000-');
  expect(await readFile(ranged.path)).toEqual(content);

  const whole = await mirror((_, res) => void res.end(content));
  await mkdir(dirname(whole.path), { recursive: true });
  await writeFile(`${whole.path}.part`, content.subarray(0, 150_000));
  await fetchModel(whole.options);
  expect(await readFile(whole.path)).toEqual(content);
});

test('a mirror that loses the connection every time without a byte is given up', async () => {
  const { options, requests } = await mirror((req, res) => cut(req, res, 0));
  await expect(fetchModel(options)).rejects.toMatchObject({
    file: file.path,
    reason: expect.stringMatching(/cut|unreachable/) as string,
  });
  expect(requests).toHaveLength(1);
});

test.for([
  ['of the right size with other bytes', Buffer.alloc(content.length), /wrong SHA-256/],
  ['too long', Buffer.concat([content, content]), /bytes instead of 200000/],
] as const)('a file %s is refused and nothing of it is kept', async ([, wrong, message]) => {
  const { options, path } = await mirror((_, res) => void res.end(wrong));
  const fetching = fetchModel(options);
  await expect(fetching).rejects.toMatchObject({ file: file.path, reason: 'wrongFile' });
  await expect(fetching).rejects.toThrow(message);
  expect(await readdir(dirname(path))).toEqual([]);
});

test('a wrong file under the right name is replaced by the right one', async () => {
  const { options, path } = await mirror(send);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, 'truncated');
  await fetchModel(options);
  expect(await readFile(path)).toEqual(content);
});

test('a mirror without the file is named with its answer', async () => {
  const { options } = await mirror((_, res) => void res.writeHead(404).end());
  const fetching = fetchModel(options);
  await expect(fetching).rejects.toMatchObject({ file: file.path, reason: 'refused' });
  await expect(fetching).rejects.toThrow(/onnx\/big\.bin answers 404/);
});

test.for([
  ['before its answer', (): void => undefined],
  [
    'in the middle',
    (_: IncomingMessage, res: ServerResponse): void => void (res.headersSent || res.write(content.subarray(0, 10))),
  ],
] as const)('a mirror that falls silent %s is given up after the time allowed', async ([, answer]) => {
  const { options } = await mirror((req, res, time) => (time === 1 ? answer(req, res) : undefined));
  await expect(fetchModel({ ...options, stallMs: 50 })).rejects.toMatchObject({ file: file.path, reason: 'stalled' });
});

test('a host that does not answer is unreachable', async () => {
  const { options } = await mirror(send);
  const closed = { ...options, mirrorUrl: 'http://127.0.0.1:1' };
  await expect(fetchModel(closed)).rejects.toMatchObject({ file: file.path, reason: 'unreachable' });
});

test('a cancelled fetch says so and keeps what came for the next one', async () => {
  const controller = new AbortController();
  const { options, path } = await mirror(
    (_, res) => void res.write(content.subarray(0, 1_000), () => controller.abort()),
  );
  await expect(fetchModel({ ...options, signal: controller.signal })).rejects.toMatchObject({ reason: 'cancelled' });
  expect((await readdir(dirname(path)).catch(() => [])).every((name) => name === 'big.bin.part')).toBe(true);
});
