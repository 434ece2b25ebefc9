import { isIP } from 'node:net';
import { z } from 'zod';
import { deepFreeze } from './kernel/freeze.js';

const integer = (minimum: number, maximum: number, fallback: number) =>
  z.coerce.number().int().min(minimum).max(maximum).default(fallback);
const flag = (fallback: boolean) => z.stringbool().default(fallback);
const list = z
  .string()
  .default('')
  .transform((text) =>
    text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== ''),
  );
const optional = z.string().min(1).optional();

/** An address, alone or with the length of its prefix. */
function isAddressRange(text: string): boolean {
  const [address = '', prefix = '0', ...rest] = text.split('/');
  const bits = { 4: 32, 6: 128 }[isIP(address)] ?? -1;
  return rest.length === 0 && /^\d{1,3}$/.test(prefix) && Number(prefix) <= bits;
}

const isOrigin = (text: string): boolean => URL.canParse(text) && new URL(text).origin === text;

/**
 * Every variable of the environment that Promptwell reads, with its default. `.env.example` and the README's table are
 * compared with this object by a test.
 */
export const Environment = z.object({
  HOST: z.string().min(1).default('127.0.0.1').describe('Address to listen on.'),
  PORT: integer(0, 65_535, 3000).describe('Port of the service; 0 takes a free one.'),
  METRICS_PORT: integer(0, 65_535, 9464).describe('Port of the separate metrics listener; 0 takes a free one.'),
  METRICS_HOST: z.string().min(1).default('127.0.0.1').describe('Address of the metrics listener; it has no password.'),
  METRICS_TOKEN: optional.describe('If set, /metrics is also on the main port, for this bearer token.'),
  PUBLIC_HOSTS: list.describe('Host names (comma-separated) requests may name; empty: any well-formed one.'),
  CORS_ORIGINS: list
    .refine((origins) => origins.every(isOrigin), 'must hold origins, such as https://example.com, without a path')
    .describe('Origins (comma-separated) of web pages that may call; empty: none but the own.'),
  TRUST_PROXY: list
    .refine((ranges) => ranges.every(isAddressRange), 'must hold addresses or CIDR ranges, such as 10.0.0.0/8')
    .describe('Addresses or CIDR ranges of proxies whose X-Forwarded-For counts.'),
  LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
    .default('info')
    .describe('Log level.'),
  DATA_DIR: z.string().min(1).default('./data').describe('Folder of the embedded database, backups and the keys.'),
  DATABASE_URL: optional.describe('PostgreSQL 15+ with pgvector 0.8+; unset: the embedded engine in DATA_DIR.'),
  DIRECT_DATABASE_URL: optional.describe('A URL past the pooler, for LISTEN and migrations.'),
  DATABASE_POOL_SIZE: integer(1, 200, 10).describe('Connections of one process to the server engine.'),
  STATEMENT_TIMEOUT_MS: integer(100, 600_000, 10_000).describe('Longest run of one SQL statement.'),
  BACKUP_INTERVAL_MIN: integer(1, 10_080, 15).describe('Minutes between backups of a changed embedded folder.'),
  BACKUP_KEEP: integer(1, 100, 5).describe(
    'Backups kept, two in five the first of a day; as many made before migrations.',
  ),
  BACKUP_VERIFY: z
    .enum(['full', 'counts'])
    .default('full')
    .describe('How a backup is compared with its source: every row, or only their number.'),
  MIGRATE_WITHOUT_BACKUP: flag(false).describe('Migrates with no backup first: for who has one of their own.'),
  ROW_SECURITY: z.enum(['auto', 'required', 'off']).default('auto').describe('Row-level security: docs/security.md.'),
  PG_DUMP: optional.describe('Path of pg_dump (pg_restore beside it), for backups of a server; unset: from PATH.'),
  JWT_SECRET: optional.describe('At least 32 bytes; required with DATABASE_URL, else made once in DATA_DIR.'),
  JWT_SECRET_FILE: optional.describe('A file that holds JWT_SECRET.'),
  ACCESS_TOKEN_MINUTES: integer(1, 1_440, 60).describe('Life of an access token.'),
  REFRESH_TOKEN_DAYS: integer(1, 365, 7).describe('Life of a refresh token.'),
  SESSION_MAX_DAYS: integer(1, 3_650, 30).describe('Life of a log-in, however often refreshed.'),
  SIGNUP: z.enum(['open', 'closed']).default('open').describe('May strangers sign up? The first account always may.'),
  PASSWORD_MIN_LENGTH: integer(8, 128, 12).describe('Shortest password, in characters.'),
  LOGIN_FAILURES_PER_15_MIN: integer(1, 100_000, 10).describe(
    'Failed log-ins, and sign-ups for a taken name, per address and per account; those that succeed are not counted.',
  ),
  SIGNUPS_PER_HOUR: integer(1, 1_000_000, 60).describe('New accounts of one address.'),
  PROMPTS_PER_SECOND: integer(1, 100_000, 1).describe(
    'Prompts and new texts of prompts, and similarity queries, per user (embedded: 20).',
  ),
  PROMPTS_PER_MINUTE: integer(1, 1_000_000, 10).describe('The same per minute (embedded: 600).'),
  PROMPTS_BURST: integer(0, 100_000, 0).describe('Extra calls a minute above the per-second rate (embedded: 100).'),
  SOCKETS_PER_USER: integer(1, 100_000, 50).describe('Open WebSockets of one user.'),
  SOCKETS_PER_ADDRESS: integer(1, 100_000, 100).describe('Open WebSockets without credentials of one address.'),
  SUBSCRIPTIONS_PER_SOCKET: integer(1, 10_000, 20).describe('Running subscriptions of one WebSocket.'),
  ANN_MIN_VECTORS: z.coerce
    .number()
    .int()
    .min(100)
    .max(100_000_000)
    .optional()
    .describe('Vectors from which a project gets an approximate index of its own; default: 10000, embedded: 100000.'),
  EVENT_RETENTION_HOURS: integer(1, 87_600, 168).describe('How long events can be replayed.'),
  EMBEDDER: z.enum(['auto', 'neural', 'lexical']).default('auto').describe('Which embedder serves.'),
  MODEL_DIR: optional.describe('Folder of the neural model; default: DATA_DIR/models.'),
  MODEL_MIRROR: z.url().default('https://huggingface.co').describe('Where the neural model is fetched from.'),
  EMBEDDING_THREADS: integer(1, 64, 1).describe('Threads that embed.'),
  EMBEDDING_QUEUE_LIMIT: integer(1, 1_000_000, 2_048).describe('Texts that may wait in each lane.'),
  EMBEDDING_BASE_URL: z
    .url()
    .optional()
    .describe('Base URL of an OpenAI-compatible endpoint that embeds: it gets texts.'),
  EMBEDDING_API_KEY: optional.describe('Its key.'),
  EMBEDDING_MODEL: optional.describe('Its model.'),
  EMBEDDING_DIMENSIONS: z.coerce.number().int().min(256).max(2_000).optional().describe('Dimensions of its vectors.'),
  PROMPTWELL_OFFLINE: flag(false).describe('Nothing is fetched and no model provider is called.'),
  LLM_BASE_URL: z.url().optional().describe('Base URL of an OpenAI-compatible endpoint.'),
  LLM_API_KEY: optional.describe('Its key.'),
  LLM_MODEL: optional.describe('The model asked when a call names none.'),
  OPENAI_API_KEY: optional.describe('Key for OpenAI; enough alone.'),
  OPENAI_BASE_URL: z.url().optional().describe('Base URL for OPENAI_API_KEY.'),
  ANTHROPIC_API_KEY: optional.describe('Key for Anthropic.'),
  LLM_TIMEOUT_MS: integer(100, 3_600_000, 120_000).describe('Longest wait for a whole answer.'),
  LLM_IDLE_TIMEOUT_MS: integer(100, 600_000, 30_000).describe('Longest silence of a provider.'),
  LLM_MAX_RETRIES: integer(0, 10, 2).describe('Retries on 429 and 5xx before the first byte.'),
  LLM_MAX_OUTPUT_TOKENS: integer(1, 1_000_000, 4_096).describe('Output tokens asked for when a call says none.'),
  LLM_CONCURRENCY: integer(1, 10_000, 64).describe('Model calls at once in one process.'),
  LLM_DAILY_CAP_USD: z.coerce
    .number()
    .positive()
    .optional()
    .describe('Most model money a UTC day, per user and per project.'),
  SHUTDOWN_MS: integer(100, 60_000, 9_000).describe('Longest graceful shutdown.'),
});

/** Everything the house is told, grouped as the house is. Frozen. */
export type Config = ReturnType<typeof grouped>;

/** A configuration that does not work; the message names every variable at fault and never a value. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/**
 * The configuration that an environment says.
 *
 * Empty variables count as unset. Faults: `ConfigError` naming all variables at fault at once, never their values.
 */
export function loadConfig(env: Record<string, string | undefined>): Config {
  const given = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value.trim() !== ''),
  );
  const parsed = Environment.safeParse(given);
  const problems = parsed.success
    ? crossChecks(parsed.data)
    : parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  if (!parsed.success || problems.length > 0)
    throw new ConfigError(`The configuration does not work:\n- ${problems.join('\n- ')}`);
  return deepFreeze(grouped(parsed.data, given));
}

type Parsed = z.infer<typeof Environment>;

function crossChecks(env: Parsed): string[] {
  const problems = env.JWT_SECRET === undefined ? [] : secretProblems(env.JWT_SECRET);
  if (env.DATABASE_URL !== undefined && env.JWT_SECRET === undefined && env.JWT_SECRET_FILE === undefined)
    problems.push('JWT_SECRET: required when DATABASE_URL is set (at least 32 bytes)');
  if (env.DATABASE_URL !== undefined && !/^postgres(ql)?:\/\//.test(env.DATABASE_URL))
    problems.push('DATABASE_URL: must start with postgresql://');
  if (env.LLM_BASE_URL !== undefined && env.LLM_MODEL === undefined)
    problems.push('LLM_MODEL: required when LLM_BASE_URL is set');
  return [...problems, ...endpointProblems(env)];
}

function endpointProblems(env: Parsed): string[] {
  if (env.EMBEDDING_BASE_URL === undefined) return [];
  return (['EMBEDDING_MODEL', 'EMBEDDING_DIMENSIONS'] as const)
    .filter((name) => env[name] === undefined)
    .map((name) => `${name}: required when EMBEDDING_BASE_URL is set`);
}

function secretProblems(secret: string): string[] {
  const problems: string[] = [];
  if (new TextEncoder().encode(secret).length < 32) problems.push('JWT_SECRET: must be at least 32 bytes');
  if (/change.?me|example|secret.?here/i.test(secret))
    problems.push('JWT_SECRET: is a sample value; make one of your own');
  return problems;
}

function grouped(env: Parsed, given: Record<string, unknown>) {
  return {
    http: http(env),
    metrics: { host: env.METRICS_HOST, port: env.METRICS_PORT, token: env.METRICS_TOKEN },
    log: { level: env.LOG_LEVEL },
    db: db(env, given),
    auth: auth(env),
    limits: limits(env, given),
    events: { retentionMs: env.EVENT_RETENTION_HOURS * 3_600_000 },
    embedding: embedding(env),
    search: search(env),
    llm: llm(env),
    shutdownMs: env.SHUTDOWN_MS,
  };
}

const http = (env: Parsed) => ({
  host: env.HOST,
  port: env.PORT,
  publicHosts: env.PUBLIC_HOSTS,
  corsOrigins: env.CORS_ORIGINS,
  trustProxy: env.TRUST_PROXY,
  socketsPerUser: env.SOCKETS_PER_USER,
  socketsPerAddress: env.SOCKETS_PER_ADDRESS,
  subscriptionsPerSocket: env.SUBSCRIPTIONS_PER_SOCKET,
});

const db = (env: Parsed, given: Record<string, unknown>) => ({
  engine: env.DATABASE_URL === undefined ? ('embedded' as const) : ('server' as const),
  dataDir: env.DATA_DIR,
  url: env.DATABASE_URL,
  directUrl: env.DIRECT_DATABASE_URL ?? env.DATABASE_URL,
  poolSize: env.DATABASE_POOL_SIZE,
  statementTimeoutMs: env.STATEMENT_TIMEOUT_MS,
  backupIntervalMs: env.BACKUP_INTERVAL_MIN * 60_000,
  backupKeep: env.BACKUP_KEEP,
  backupVerify: env.BACKUP_VERIFY,
  isBackupWaived: env.MIGRATE_WITHOUT_BACKUP,
  rowSecurity: env.ROW_SECURITY,
  // What PostgreSQL's own programs are told of the environment, besides the connection.
  tools: { pgDump: env.PG_DUMP, path: optional.parse(given['PATH']), home: optional.parse(given['HOME']) },
});

const auth = (env: Parsed) => ({
  jwtSecret: env.JWT_SECRET,
  jwtSecretFile: env.JWT_SECRET_FILE,
  dataDir: env.DATA_DIR,
  accessTokenMs: env.ACCESS_TOKEN_MINUTES * 60_000,
  refreshTokenMs: env.REFRESH_TOKEN_DAYS * 86_400_000,
  sessionMaxMs: env.SESSION_MAX_DAYS * 86_400_000,
  isSignupOpen: env.SIGNUP === 'open',
  passwordMinLength: env.PASSWORD_MIN_LENGTH,
  loginFailuresPer15Min: env.LOGIN_FAILURES_PER_15_MIN,
  signupsPerHour: env.SIGNUPS_PER_HOUR,
});

function limits(env: Parsed, given: Record<string, unknown>) {
  const isEmbedded = env.DATABASE_URL === undefined;
  // The embedded engine serves one person: its defaults let them try without being stopped.
  const rate = (name: 'PROMPTS_PER_SECOND' | 'PROMPTS_PER_MINUTE' | 'PROMPTS_BURST', embedded: number): number =>
    isEmbedded && !(name in given) ? embedded : env[name];
  return {
    promptsPerSecond: rate('PROMPTS_PER_SECOND', 20),
    promptsPerMinute: rate('PROMPTS_PER_MINUTE', 600),
    promptsBurst: rate('PROMPTS_BURST', 100),
  };
}

/** Source: tests/bench/RESULTS.md, "Large projects". The embedded engine stands still while it builds. */
const search = (env: Parsed) => ({
  annMinVectors: env.ANN_MIN_VECTORS ?? (env.DATABASE_URL === undefined ? 100_000 : 10_000),
});

const embedding = (env: Parsed) => ({
  embedder: env.EMBEDDER,
  modelDir: env.MODEL_DIR ?? `${env.DATA_DIR}/models`,
  mirrorUrl: env.MODEL_MIRROR,
  threads: env.EMBEDDING_THREADS,
  queueLimit: env.EMBEDDING_QUEUE_LIMIT,
  isOffline: env.PROMPTWELL_OFFLINE,
  endpoint: endpoint(env),
});

const endpoint = ({ EMBEDDING_BASE_URL, EMBEDDING_API_KEY, EMBEDDING_MODEL, EMBEDDING_DIMENSIONS }: Parsed) =>
  EMBEDDING_BASE_URL === undefined || EMBEDDING_MODEL === undefined || EMBEDDING_DIMENSIONS === undefined
    ? undefined
    : {
        baseUrl: EMBEDDING_BASE_URL,
        apiKey: EMBEDDING_API_KEY,
        model: EMBEDDING_MODEL,
        dimensions: EMBEDDING_DIMENSIONS,
      };

const llm = (env: Parsed) => ({
  isOffline: env.PROMPTWELL_OFFLINE,
  baseUrl: env.LLM_BASE_URL ?? env.OPENAI_BASE_URL,
  // A key goes only where it was given for: OpenAI's never to LLM_BASE_URL.
  apiKey: env.LLM_API_KEY ?? (env.LLM_BASE_URL === undefined ? env.OPENAI_API_KEY : undefined),
  anthropicApiKey: env.ANTHROPIC_API_KEY,
  model: env.LLM_MODEL,
  timeoutMs: env.LLM_TIMEOUT_MS,
  idleTimeoutMs: env.LLM_IDLE_TIMEOUT_MS,
  maxRetries: env.LLM_MAX_RETRIES,
  maxOutputTokens: env.LLM_MAX_OUTPUT_TOKENS,
  concurrency: env.LLM_CONCURRENCY,
  dailyCapUsd: env.LLM_DAILY_CAP_USD,
});
