import { expect, test } from 'vitest';
import { startService } from '../support/service.js';
import { until } from '../support/wait.js';
import { call, frame, openSocket } from '../support/wire.js';

const inside = /prompt_gone|relation|SELECT|42P01|node_modules|\bat .*\.[jt]s|postgres|prisma|stack/i;

test('a bug is a 500 that tells its request id and nothing of the inside, over both transports, and is logged once with its cause (T83)', async () => {
  await using service = await startService();
  const { token, client } = await service.signUp();
  const { id } = await client.prompts.create.mutate({ text: 'there', generate: false });
  // A table that is not where every statement looks for it: nothing that the service expects.
  await service.app.db.read('ALTER TABLE response RENAME TO response_gone', []);
  const answer = await call(service.url, 'prompts.responses', {
    token,
    input: { id },
    headers: { 'x-request-id': 'the-bug' },
  });
  expect(answer.status).toBe(500);
  expect(answer.error?.data).toEqual({
    code: 'INTERNAL_SERVER_ERROR',
    httpStatus: 500,
    path: 'prompts.responses',
    requestId: 'the-bug',
    details: {},
  });
  expect(answer.error?.message).toBe('Something went wrong here. Request the-bug.');
  expect(answer.text).not.toMatch(inside);
  const logged = service.logged.filter(({ level }) => level === 'error');
  expect(logged).toHaveLength(1);
  expect(logged[0]?.facts).toMatchObject({ requestId: 'the-bug', path: 'prompts.responses', err: expect.any(Error) });
  const socket = await openSocket(service.url, token);
  socket.send(frame(1, 'query prompts.responses', { id }));
  const text = await until('an answer', () => socket.frames.find((each) => each.includes('"id":1')));
  expect(JSON.parse(text).error.data.code).toBe('INTERNAL_SERVER_ERROR');
  expect(text).not.toMatch(inside);
  socket.ws.close();
});
