import { describe, expect, test } from 'vitest';
import { createLog, type Log } from '../../../src/platform/log.js';

const canary = 'CANARY0123456789abcdef';

/** A log at its most talkative, and the lines it wrote. */
function recorded() {
  const lines: string[] = [];
  const log = createLog({ level: 'trace', destination: { write: (line) => void lines.push(line) } });
  return { log, lines, records: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

const levels = ['debug', 'info', 'warn', 'error'] as const satisfies readonly (keyof Log)[];

describe('no secret reaches the log', () => {
  const secrets: Record<string, object> = {
    'a password': { input: { password: canary }, password: canary, newPassword: canary },
    'an Authorization header': { headers: { authorization: `Bearer ${canary}`, 'x-api-key': canary } },
    'a cookie': { request: { headers: { cookie: canary, 'set-cookie': [canary] } } },
    tokens: { reply: { tokens: { accessToken: canary, refreshToken: canary } }, METRICS_TOKEN: canary },
    'a provider key': { llm: { apiKey: canary }, env: { OPENAI_API_KEY: canary, JWT_SECRET: canary } },
    'a key in free text': { note: `used sk-${canary} and pw_${canary}` },
    'a database URL': { url: `postgresql://user:${canary}@db.internal:5432/promptwell` },
    'a query string': { path: `/trpc/prompts.similar?batch=1&input=${canary}&x=1` },
    'a prompt': { call: { text: canary, query: canary, messages: [{ content: canary }], metadata: { a: canary } } },
    'an instance of a class': {
      store: new (class Store {
        readonly url = canary;
      })(),
    },
    'a deep object': { a: { b: { c: { d: { e: { f: { g: { password: canary } } } } } } } },
  };
  for (const [name, facts] of Object.entries(secrets))
    test(`${name} is redacted at every level`, () => {
      const { log, lines } = recorded();
      for (const level of levels) log[level](facts, 'happened');
      log.child(facts).warn('happened to a child');
      expect(lines).toHaveLength(levels.length + 1);
      expect(lines.join('')).not.toContain(canary);
    });

  test('errors keep name, code, stack frames and causes, and lose the secrets in all of them', () => {
    const { log, lines, records } = recorded();
    const cause = Object.assign(new Error(`connect to postgres://u:${canary}@h/d failed`), { code: 'ECONNREFUSED' });
    const error = Object.assign(new TypeError(`Bearer ${canary} was refused`, { cause }), { parameters: [canary] });
    log.error({ err: error }, 'failed');
    log.error({ errors: new AggregateError([error, canaryFault()], 'both') }, 'failed twice');
    log.error(error);
    log.error({ err: error });
    expect(lines.join('')).not.toContain(canary);
    const err = records()[0]?.['err'];
    expect(err).toMatchObject({ type: 'TypeError', message: 'Bearer [redacted] was refused' });
    expect(err).toHaveProperty('cause.code', 'ECONNREFUSED');
    expect(err).toHaveProperty('stack', expect.stringContaining('log.test'));
  });

  test("of Prisma's errors only the reason is kept, not the arguments printed before it", () => {
    const { log, records } = recorded();
    const error = new Error(
      `\nInvalid \`prisma.prompt.create()\` invocation:\n{ text: "${canary}" }\n\nUnique constraint failed`,
    );
    error.name = 'PrismaClientKnownRequestError';
    log.error({ err: error }, 'failed');
    expect(records()[0]).toHaveProperty('err.message', 'Unique constraint failed');
  });

  test('a credential inside the message itself is cut out', () => {
    const { log, lines } = recorded();
    log.info(`calling https://user:${canary}@example.test with Bearer ${canary}`);
    expect(lines.join('')).not.toContain(canary);
  });

  test('a request is its method and path, without headers and query', () => {
    const { log, records } = recorded();
    const req = { id: 'r1', method: 'GET', url: `/trpc/prompts.list?input=${canary}`, headers: { cookie: canary } };
    log.info({ req, res: { statusCode: 200, body: canary } }, 'request completed');
    expect(records()[0]).toMatchObject({
      req: { id: 'r1', method: 'GET', path: '/trpc/prompts.list' },
      res: { statusCode: 200 },
    });
    expect(JSON.stringify(records())).not.toContain(canary);
  });
});

describe('a line is one event', () => {
  test('newlines, forged JSON and terminal escapes stay inside their field (T55)', () => {
    const { log, lines, records } = recorded();
    const forged = 'x\n{"level":"fatal","msg":"forged"}\r\n\u001b[2J\u001b[31mred';
    log.info({ name: forged, nested: { name: forged } }, forged);
    expect(lines).toHaveLength(1);
    for (const control of ['\n', '\r', '\u001b']) expect(lines[0]?.trimEnd()).not.toContain(control);
    expect(records()[0]).toMatchObject({ level: 'info', name: forged, msg: forged });
  });

  test('a level below the chosen one writes nothing', () => {
    const lines: string[] = [];
    const log = createLog({ level: 'warn', destination: { write: (line) => void lines.push(line) } });
    log.info({}, 'quiet');
    log.warn({ count: 1 }, 'heard');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      expect.objectContaining({ level: 'warn', count: 1, msg: 'heard' }),
    ]);
  });

  test('plain facts pass unchanged', () => {
    const { log, records } = recorded();
    const facts = {
      promptId: 'p1',
      latencyMs: 12.5,
      isCached: false,
      usage: { inputTokens: 7 },
      none: null,
      list: [1, 'b'],
    };
    log.info(facts, 'answered');
    expect(records()[0]).toMatchObject(facts);
  });

  test('circular facts end instead of hanging', () => {
    const { log, lines } = recorded();
    const facts: Record<string, unknown> = { name: 'loop' };
    facts['self'] = facts;
    log.info(facts, 'round');
    expect(lines[0]).toContain('[deep]');
  });
});

function canaryFault(): Error {
  return Object.assign(new Error('pg'), { detail: `Key (username)=(${canary}) exists`, query: canary });
}
