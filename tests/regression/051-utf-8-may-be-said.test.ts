import { expect, test } from 'vitest';
import { startService } from '../support/service.js';
import { call } from '../support/wire.js';

test('JSON that says it is in UTF-8 is read, however it says so; any other encoding is refused', async () => {
  await using service = await startService();
  const asked = async (type: string): Promise<number> =>
    (await call(service.url, 'auth.refresh', { input: { refreshToken: 'x' }, headers: { 'content-type': type } }))
      .status;
  for (const type of [
    'application/json; charset=utf-8',
    'application/json;charset=UTF-8',
    'application/json; charset="utf-8"',
    'Application/JSON ; Charset=Utf-8',
  ])
    expect([type, await asked(type)]).toEqual([type, 401]);
  for (const type of ['application/json; charset=utf-16', 'application/json; charset=latin1', 'application/json; a=b'])
    expect([type, await asked(type)]).toEqual([type, 415]);
});
