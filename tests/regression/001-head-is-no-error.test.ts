import { expect, test } from 'vitest';
import { startService } from '../support/service.js';

test('HEAD answers without a body and never as a server error', async () => {
  await using service = await startService();
  const head = async (path: string): Promise<number> =>
    (await fetch(`${service.url}${path}`, { method: 'HEAD' })).status;
  expect(await head('/healthz')).toBe(200);
  expect(await head('/trpc/auth.me')).toBeLessThan(500);
  expect(await head('/nowhere')).toBe(404);
  expect(service.logged.filter(({ level }) => level === 'error')).toEqual([]);
});
