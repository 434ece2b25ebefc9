import { expect, test } from 'vitest';
import { engineUnderTest } from '../support/database.js';
import { cuttableProxy } from '../support/proxy.js';
import { startSecond, startService } from '../support/service.js';
import { until } from '../support/wait.js';
import { call } from '../support/wire.js';

test.skipIf(engineUnderTest === 'embedded')(
  'a call that a closing process refused is made again by the client, elsewhere (skipped on the embedded engine, which has one process)',
  async () => {
    await using second = await startService({ env: { TRUST_PROXY: '127.0.0.1' } });
    const ada = await second.signUp();
    await using first = await startSecond(second);
    await using wire = await cuttableProxy(first.url);
    const client = second.client({ url: wire.url, token: ada.token });
    const closing = first.app.close();
    await until('the refusal', async () => {
      const { error } = await call(first.url, 'prompts.list', { token: ada.token, method: 'GET' });
      return error?.data.details.state === 'closing' ? true : undefined;
    });
    const stored = client.prompts.create.mutate({ text: 'refused once', generate: false });
    await until('the first try', () => (wire.connections > 0 ? true : undefined));
    wire.leadTo(second.url);
    expect(await stored).toMatchObject({ text: 'refused once' });
    expect(wire.connections).toBe(2);
    expect((await closing).failed).toEqual([]);
    expect((await ada.client.prompts.list.query({})).items).toHaveLength(1);
  },
);
