import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { limits } from '../../src/http/limits.js';
import { startService, type TestPerson, type TestService } from '../support/service.js';

let service: TestService;
let ada: TestPerson;
const stored = 120;

/** Each is 99 000 characters that JSON writes as six, and so is its answer. */
beforeAll(async () => {
  service = await startService();
  ada = await service.signUp();
  await service.app.db.read(
    `WITH made AS (
       INSERT INTO prompt (id, project_id, user_id, text, text_hash, status)
       SELECT gen_random_uuid(), $1::uuid, $2::uuid, repeat(chr(1), 99000), 'hash', 'completed' FROM generate_series(1, $3::int)
       RETURNING id)
     INSERT INTO response (id, project_id, prompt_id, text, model, provider, latency_ms)
     SELECT gen_random_uuid(), $1::uuid, id, repeat(chr(1), 70000), 'm', 'p', 1 FROM made`,
    [ada.session.project.id, ada.session.user.id, stored],
  );
});
afterAll(() => service[Symbol.asyncDispose]());

/** One list of a hundred was 101 MB. */
test('a page of long prompts ends early, and its cursor goes on without a gap', async () => {
  const seen = new Set<string>();
  const lengths: number[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await ada.client.prompts.list.query({ limit: 100, ...(cursor === undefined ? {} : { cursor }) });
    lengths.push(JSON.stringify(page).length);
    for (const { id } of page.items) seen.add(id);
    if (page.nextCursor === null) break;
    cursor = page.nextCursor;
  }
  expect(seen.size).toBe(stored);
  expect(Math.max(...lengths)).toBeLessThan(16_000_000);
});

test('a page is whole where prompts are short', async () => {
  const eve = await service.signUp();
  const items = Array.from({ length: 60 }, (_, index) => ({ text: `short ${index}` }));
  await eve.client.prompts.import.mutate({ items });
  const first = await eve.client.prompts.list.query({ limit: 49 });
  expect(first.items).toHaveLength(49);
  const rest = await eve.client.prompts.list.query({ limit: 49, cursor: first.nextCursor ?? '' });
  expect(rest.items).toHaveLength(11);
  expect(rest.nextCursor).toBeNull();
  expect((await eve.client.prompts.list.query({ limit: 60 })).nextCursor).toBeNull();
});

const inputs = (count: number): string =>
  encodeURIComponent(
    JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, at) => [at, { limit: 100 }]))),
  );
const lists = (count: number): string =>
  `/trpc/${Array.from({ length: count }, () => 'prompts.list').join(',')}?batch=1&input=${inputs(count)}`;

/** Six such lists made a text longer than any may be: 500, and [object Object] for a body. */
test('a batch whose answers are too long together is answered as far as it goes, the rest refused call by call', async () => {
  const answer = await fetch(`${service.url}${lists(10)}`, { headers: { authorization: `Bearer ${ada.token}` } });
  expect([200, 207]).toContain(answer.status);
  const results = (await answer.json()) as { result?: object; error?: { data: { code: string } } }[];
  expect(results).toHaveLength(10);
  expect(results[0]).toHaveProperty('result');
  for (const { error } of results) if (error !== undefined) expect(error.data.code).toBe('PAYLOAD_TOO_LARGE');
});

/** Unread answers were kept for as long as their connection. */
test('whoever reads nothing of a long answer is cut off', { timeout: 90_000 }, async () => {
  const { hostname, port } = new URL(service.url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.pause();
  const closed = new Promise<number>((resolve) => {
    const startedMs = performance.now();
    socket.once('close', () => resolve(performance.now() - startedMs));
  });
  socket.write(`GET ${lists(3)} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${ada.token}\r\n\r\n`);
  // A paused socket notices its end when it reads again: by then all that got through is in its buffer.
  const asleep = setTimeout(() => socket.resume(), 2 * limits.answerStallMs + 8_000);
  expect(await closed).toBeGreaterThan(limits.answerStallMs / 2);
  clearTimeout(asleep);
  expect(socket.bytesRead).toBeLessThan(20_000_000);
});
