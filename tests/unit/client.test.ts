import { afterEach, expect, test, vi } from 'vitest';
import { createPromptwellClient } from '../../src/client.js';

afterEach(() => vi.unstubAllGlobals());

test('a client needs no WebSocket class until it subscribes, and then says which to pass', () => {
  vi.stubGlobal('WebSocket', undefined);
  const client = createPromptwellClient({ url: 'http://127.0.0.1:9', token: 'none' });
  expect(() => client.feed.follow.subscribe({}, {})).toThrow(/Subscriptions need a WebSocket class: pass `WebSocket`/);
});
