import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { PromptwellClient } from '../../src/client.js';
import { engineUnderTest } from '../support/database.js';
import { debianFiles } from '../support/debian.js';
import { startNginx, type TestNginx, tlsCall } from '../support/nginx.js';
import { startSecond, startService } from '../support/service.js';
import { until } from '../support/wait.js';
import { frame, openSocket } from '../support/wire.js';

const debian = await debianFiles(['nginx']);
const program = join(debian ?? '', 'usr/sbin/nginx');

/** Calls one after another until told to stop; answers every status. */
function keepCalling(call: () => Promise<{ status: number }>) {
  const statuses: number[] = [];
  const over = new AbortController();
  const done = (async () => {
    while (!over.signal.aborted) statuses.push((await call()).status);
  })();
  const stop = async (): Promise<number[]> => {
    over.abort();
    await done;
    return statuses;
  };
  return { statuses, stop };
}

const countOf = (statuses: readonly number[], wanted: number): number =>
  statuses.filter((status) => status === wanted).length;

describe.skipIf(engineUnderTest === 'embedded' || debian === null)(
  "a rolling restart behind Debian's nginx (skipped on the embedded engine, which has one process)",
  () => {
    test('no read fails, no write is lost or done twice, and a socket is told to come again', async () => {
      await using first = await startService();
      const ada = await first.signUp();
      await using second = await startSecond(first);
      await using nginx = await startNginx(
        program,
        [first, second].map(({ url }) => new URL(url).host),
      );
      const headers = { authorization: `Bearer ${ada.token}` };
      const sockets = await Promise.all([1, 2].map(() => openSocket(nginx.url, ada.token, { ca: nginx.ca })));
      for (const socket of sockets) socket.send(frame(1, 'subscription feed.follow', {}));
      await until('both', () => (sockets.every(({ frames }) => frames.join().includes('ready')) ? true : undefined));

      const reads = keepCalling(() => tlsCall(nginx, '/trpc/prompts.list?input=%7B%7D', { headers }));
      let written = 0;
      const writes = keepCalling(() => write(nginx, headers, (written += 1)));
      const passed = (count: number) => () =>
        reads.statuses.length + writes.statuses.length > count ? true : undefined;
      await until('calls before', passed(40));
      const before = reads.statuses.length + writes.statuses.length;
      await first.app.close();
      await until('calls afterwards', passed(before + 40), 20_000);
      const [read, wrote] = await Promise.all([reads.stop(), writes.stop()]);

      expect(read.filter((status) => status !== 200)).toEqual([]);
      // 503: a closing process refused it, and it was not done. 502: it was on its way as a connection closed, so that
      // nobody can know; its caller's idempotency key does.
      expect(wrote.filter((status) => ![200, 502, 503].includes(status))).toEqual([]);
      const stored = await countPrompts(second.client({ token: ada.token }));
      expect(stored).toBeGreaterThanOrEqual(countOf(wrote, 200));
      expect(stored).toBeLessThanOrEqual(countOf(wrote, 200) + countOf(wrote, 502));
      const closed = await Promise.race(sockets.map((socket) => socket.closed));
      expect(closed).toBe(1012);
      for (const { ws } of sockets) ws.terminate();
    });
  },
);

const write = (nginx: TestNginx, headers: Record<string, string>, number: number) =>
  tlsCall(nginx, '/trpc/prompts.create', {
    method: 'POST',
    headers,
    body: JSON.stringify({ text: `write ${number}`, generate: false }),
  });

async function countPrompts(client: PromptwellClient): Promise<number> {
  let count = 0;
  let cursor: string | undefined;
  do {
    const page = await client.prompts.list.query({ limit: 100, ...(cursor === undefined ? {} : { cursor }) });
    count += page.items.length;
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return count;
}
