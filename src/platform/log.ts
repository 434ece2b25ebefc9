import pino from 'pino';

/** What rooms say to the operator: facts first, then one sentence that never changes. */
export interface Log {
  debug(facts: object, message: string): void;
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}

/** How a log is made. */
export interface LogOptions {
  level: pino.LevelWithSilent;
  /** Where lines go; default: standard output, written at once. */
  destination?: pino.DestinationStream;
}

const secretKey = /(authorization|cookie|password|passwd|secret|api[-_]?key|token|credential|signature)$/i;
/** What people write is theirs: prompts, answers and searches are never logged, whoever passes them by mistake. */
const contentKeys = new Set(['text', 'query', 'system', 'content', 'messages', 'input', 'metadata', 'body', 'params']);
const secretText: readonly [RegExp, string][] = [
  [/\b([a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/@]{1,500}@/gi, '$1[redacted]@'],
  [/\b(Bearer|Basic)\s+[\w.~+/=-]{1,4096}/gi, '$1 [redacted]'],
  [/\beyJ[\w-]{1,4096}\.[\w-]{1,4096}\.[\w-]{0,1024}/g, '[redacted]'],
  [/\b(pw_|pwi_|sk-|sk_)[\w-]{8,512}/g, '$1[redacted]'],
  [/([?&](?:input|token|api_?key|secret|password|connectionParams)=)[^&\s]{1,8192}/gi, '$1[redacted]'],
];
const maximumDepth = 6;

/**
 * A pino logger that writes one line of JSON per event and keeps secrets and prompts out of it.
 *
 * Shape: values under keys that hold credentials or people's words become `[redacted]`; credentials inside strings
 * (URLs, bearer tokens, keys, query strings) are cut out, in messages and in errors and their causes too; of an error
 * only its name, code, message, stack and causes are kept; instances of classes are named, not opened.
 */
export function createLog({ level, destination }: LogOptions): pino.Logger {
  const options: pino.LoggerOptions = {
    level,
    timestamp: pino.stdTimeFunctions.isoTime,
    // Fastify hands whole requests and replies over; of a request only method and path are logged.
    serializers: { req: requestFacts, res: replyFacts, err: (error: unknown) => clean(error, 0) },
    formatters: {
      level: (label) => ({ level: label }),
      log: (facts) => cleanFacts(facts),
    },
    hooks: {
      logMethod(args, method) {
        const cleaned = args.map((arg: unknown) => (typeof arg === 'string' ? cleanText(arg) : arg));
        // Without a message pino takes the error's own, as it is.
        const error = cleaned.length === 1 ? errorIn(cleaned[0]) : undefined;
        if (error !== undefined) cleaned.push(errorMessage(error));
        method.apply(this, cleaned as typeof args);
      },
    },
  };
  const log = destination === undefined ? pino(options) : pino(options, destination);
  // Pino formats the facts of a call but not those of a child; children inherit this method.
  // oxlint-disable-next-line typescript/unbound-method -- called with `this` of the child's own parent
  const { child } = log;
  log.child = function cleanChild(this: pino.Logger, facts, childOptions) {
    return child.call(this, cleanFacts(facts), childOptions);
  } as typeof child;
  return log;
}

const serialized = new Set(['req', 'res', 'err']);

function cleanFacts(facts: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(facts).map(([key, value]) => [key, serialized.has(key) ? value : cleanEntry(key, value, 0)]),
  );
}

function cleanEntry(key: string, value: unknown, depth: number): unknown {
  if (value === undefined || value === null) return value;
  return secretKey.test(key) || contentKeys.has(key) ? '[redacted]' : clean(value, depth);
}

function clean(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return cleanText(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= maximumDepth) return '[deep]';
  if (value instanceof Error) return errorFacts(value, depth);
  if (Array.isArray(value)) return value.map((item) => clean(item, depth + 1));
  return cleanObject(value, depth);
}

function cleanObject(value: object, depth: number): unknown {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (value instanceof Date) return value;
  if (prototype !== Object.prototype && prototype !== null) return `[${value.constructor.name}]`;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, cleanEntry(key, item, depth + 1)]));
}

const cleanText = (text: string): string =>
  secretText.reduce((cleaned, [pattern, replacement]) => cleaned.replace(pattern, replacement), text);

function errorIn(facts: unknown): Error | undefined {
  const value = typeof facts === 'object' && facts !== null && 'err' in facts ? facts.err : facts;
  return value instanceof Error ? value : undefined;
}

function errorMessage(error: Error): string {
  // Prisma prints the arguments of the failed call before the reason, which is the last line.
  const isPrisma = error.name.startsWith('PrismaClient');
  return cleanText(isPrisma ? (error.message.trim().split('\n').at(-1) ?? '') : error.message);
}

function errorFacts(error: Error, depth: number): Record<string, unknown> {
  const code: unknown = 'code' in error ? error.code : undefined;
  return {
    type: error.name,
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    message: errorMessage(error),
    // A stack begins with the message, which may hold several lines: the frames alone are kept.
    stack: (error.stack ?? '')
      .split('\n')
      .filter((line) => /^\s+at /.test(line))
      .map(cleanText)
      .join('\n'),
    ...(error.cause === undefined ? {} : { cause: clean(error.cause, depth + 1) }),
    ...(error instanceof AggregateError ? { errors: clean(error.errors, depth + 1) } : {}),
  };
}

function requestFacts(request: { id?: unknown; method?: unknown; url?: unknown }): Record<string, unknown> {
  const path = typeof request.url === 'string' ? request.url.split('?', 1)[0] : undefined;
  return { id: request.id, method: request.method, path };
}

const replyFacts = (reply: { statusCode?: unknown }): Record<string, unknown> => ({ statusCode: reply.statusCode });
