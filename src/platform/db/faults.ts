import { Fault, type FaultKind } from '../../kernel/fault.js';

/** What is known of a database error, wherever it was wrapped. */
interface DatabaseErrorFacts {
  sqlState: string | undefined;
  prismaCode: string | undefined;
  message: string;
}

/** Where pg, Prisma's adapter and Prisma's client keep what they know; nothing of it is promised. */
interface ErrorLink {
  code?: unknown;
  originalCode?: unknown;
  message?: unknown;
  cause?: unknown;
  meta?: { driverAdapterError?: unknown };
}

/** SQLSTATEs with a meaning for callers. Source: PostgreSQL documentation, appendix A. */
const kindOfSqlState: Readonly<Record<string, FaultKind>> = {
  '22021': 'invalid',
  '22P05': 'invalid',
  '22P02': 'invalid',
  '22003': 'invalid',
  '22007': 'invalid',
  '22008': 'invalid',
  '22009': 'invalid',
  '22000': 'invalid',
  '2201W': 'invalid',
  '54000': 'invalid',
  '54001': 'invalid',
  '23503': 'notFound',
  '23505': 'conflict',
  '40001': 'conflict',
  '40P01': 'conflict',
  '57014': 'timeout',
  '55P03': 'overloaded',
  '53100': 'overloaded',
  '53300': 'overloaded',
  '57P01': 'overloaded',
  '57P02': 'overloaded',
  '57P03': 'overloaded',
};

/** Prisma's own codes, for errors that carry no SQLSTATE. Source: Prisma documentation, "Error message reference". */
const kindOfPrismaCode: Readonly<Record<string, FaultKind>> = {
  P1001: 'overloaded',
  P1002: 'overloaded',
  P1008: 'overloaded',
  P1017: 'overloaded',
  P2000: 'invalid',
  P2002: 'conflict',
  P2007: 'invalid',
  P2020: 'invalid',
  P2024: 'overloaded',
  P2028: 'overloaded',
  P2034: 'conflict',
  P2037: 'overloaded',
};

/** Errors of sockets, pg and its pool, and Prisma's words for those, in raw queries and at a commit: known by their code or text alone. */
const awayPattern =
  /\b(ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ECONNABORTED|ERR_STREAM_DESTROYED|ERR_STREAM_WRITE_AFTER_END)\b|timeout exceeded when trying to connect|Connection terminated|not queryable|Cannot use a pool after calling end|Client was closed|Server has closed the connection|Can't reach database server|Operation has timed out|Too many database connections opened|ConnectionClosed|DatabaseNotReachable|SocketTimeout|TooManyConnections|thread of the embedded database has ended/i;

/** pg's own deadline for an answer. */
const slowPattern = /Query read timeout/;

/** What a caller reads; never the database's own words, which may hold SQL or another tenant's data. */
const sayings: Partial<Record<FaultKind, string>> = {
  invalid: 'The database cannot hold a value of the input.',
  notFound: 'What this belongs to is gone.',
  conflict: 'Something else changed this at the same time, or it exists already.',
  timeout: 'The database did not answer in time.',
  overloaded: 'The database is away or busy; try again shortly.',
};

/** How soon a caller may try again when the database is away: a reconnect takes well under a second. */
const retryAfterMs = 1_000;

/** Prisma's wrappers and causes within causes are never nested deeper than this. */
const maxDepth = 6;

/**
 * The `Fault` that a database error means to the caller, with the error as its cause.
 *
 * Shape: a `Fault` and an error that is no known failure of the database (a bug) come back unchanged.
 * Source: threats.md section 3, "Database errors map once".
 */
export function toFault(error: unknown): unknown {
  if (error instanceof Fault) return error;
  const kind = kindOf(factsOf(error));
  if (kind === undefined) return error;
  const details = kind === 'overloaded' ? { retryAfterMs } : {};
  return new Fault(kind, sayings[kind] ?? '', details, error);
}

/** True for serialization failures and deadlocks: the same transaction, run again, may well succeed. */
export function isRetryable(error: unknown): boolean {
  const { sqlState, prismaCode } = factsOf(error);
  return sqlState === '40001' || sqlState === '40P01' || prismaCode === 'P2034';
}

function kindOf({ sqlState, prismaCode, message }: DatabaseErrorFacts): FaultKind | undefined {
  if (sqlState !== undefined) return sqlState.startsWith('08') ? 'overloaded' : kindOfSqlState[sqlState];
  if (slowPattern.test(message)) return 'timeout';
  if (prismaCode === 'P2028' && /expired|already closed/i.test(message)) return 'timeout';
  if (prismaCode !== undefined && prismaCode in kindOfPrismaCode) return kindOfPrismaCode[prismaCode];
  return awayPattern.test(message) ? 'overloaded' : undefined;
}

/** Looks through Prisma's wrappers: the error, what it wraps, what that wraps. */
function factsOf(error: unknown): DatabaseErrorFacts {
  const facts: DatabaseErrorFacts = { sqlState: undefined, prismaCode: undefined, message: '' };
  let current: unknown = error;
  for (let depth = 0; depth < maxDepth && typeof current === 'object' && current !== null; depth += 1) {
    const link = current as ErrorLink;
    addCode(facts, link.originalCode);
    addCode(facts, link.code);
    if (typeof link.message === 'string') facts.message += ` ${link.message}`;
    current = link.meta?.driverAdapterError ?? link.cause;
  }
  return facts;
}

function addCode(facts: DatabaseErrorFacts, code: unknown): void {
  if (typeof code !== 'string') return;
  if (/^P\d{4}$/.test(code)) facts.prismaCode ??= code;
  else if (/^(?=.*\d)[0-9A-Z]{5}$/.test(code)) facts.sqlState ??= code;
  // ECONNREFUSED and the like.
  else facts.message += ` ${code}`;
}
