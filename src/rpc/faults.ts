import { TRPCError } from '@trpc/server';
import { TRPC_ERROR_CODES_BY_KEY, type TRPC_ERROR_CODE_KEY, type TRPC_ERROR_CODE_NUMBER } from '@trpc/server/rpc';
import { Fault, type FaultDetails, type FaultKind, type Issue } from '../kernel/fault.js';

/** The one tRPC code and HTTP status of each fault kind; it does not compile while one is missing. */
export const faultCodes: Readonly<Record<FaultKind, { code: TRPC_ERROR_CODE_KEY; httpStatus: number }>> = {
  invalid: { code: 'BAD_REQUEST', httpStatus: 400 },
  unauthenticated: { code: 'UNAUTHORIZED', httpStatus: 401 },
  budget: { code: 'PAYMENT_REQUIRED', httpStatus: 402 },
  forbidden: { code: 'FORBIDDEN', httpStatus: 403 },
  notFound: { code: 'NOT_FOUND', httpStatus: 404 },
  methodNotAllowed: { code: 'METHOD_NOT_SUPPORTED', httpStatus: 405 },
  timeout: { code: 'TIMEOUT', httpStatus: 408 },
  conflict: { code: 'CONFLICT', httpStatus: 409 },
  precondition: { code: 'PRECONDITION_FAILED', httpStatus: 412 },
  tooLarge: { code: 'PAYLOAD_TOO_LARGE', httpStatus: 413 },
  unsupportedMedia: { code: 'UNSUPPORTED_MEDIA_TYPE', httpStatus: 415 },
  unprocessable: { code: 'UNPROCESSABLE_CONTENT', httpStatus: 422 },
  rateLimited: { code: 'TOO_MANY_REQUESTS', httpStatus: 429 },
  cancelled: { code: 'CLIENT_CLOSED_REQUEST', httpStatus: 499 },
  upstream: { code: 'BAD_GATEWAY', httpStatus: 502 },
  overloaded: { code: 'SERVICE_UNAVAILABLE', httpStatus: 503 },
  upstreamTimeout: { code: 'GATEWAY_TIMEOUT', httpStatus: 504 },
};

/** What a client gets in `error`; it reads `data.code`. */
export interface ErrorShape {
  message: string;
  /** The JSON-RPC number; several codes share one. With a plain number clients would not see the type of `details`. */
  code: TRPC_ERROR_CODE_NUMBER;
  data: {
    code: TRPC_ERROR_CODE_KEY;
    httpStatus: number;
    path: string | null;
    requestId: string | null;
    details: FaultDetails;
  };
}

/** The most that one answer tells of an input, and the longest path of a field in it. */
const maxIssues = 20;
const maxPathLength = 200;

/** The `issues` of anything that looks like a Zod error, with unknown keys named as paths of their own. */
function schemaIssues(cause: unknown): Issue[] | null {
  if (!(cause instanceof Error) || !('issues' in cause) || !Array.isArray(cause.issues)) return null;
  const issues: Issue[] = [];
  // Cut before anything is made of it: an input may be wrong in a hundred thousand places.
  for (const issue of (cause.issues as SchemaIssue[]).slice(0, maxIssues)) {
    const path = (issue.path ?? []).map(String);
    if (issue.code === 'unrecognized_keys')
      for (const key of (issue.keys ?? []).slice(0, maxIssues))
        issues.push({ path: dotted([...path, key]), message: 'is not a known field' });
    else issues.push({ path: dotted(path), message: issue.message ?? 'does not fit' });
  }
  return issues.slice(0, maxIssues);
}

interface SchemaIssue {
  path?: PropertyKey[];
  message?: string;
  code?: string;
  keys?: string[];
}

/** Keys are the caller's: an answer must not grow with them. */
const dotted = (path: readonly string[]): string => path.join('.').slice(0, maxPathLength);

/** tRPC's own refusals, in words that hold nothing of the input. Others of its codes are bugs here. */
const ownCodes: Partial<Record<TRPC_ERROR_CODE_KEY, { httpStatus: number; message?: string }>> = {
  PARSE_ERROR: { httpStatus: 400, message: 'The request is not valid JSON of the expected form.' },
  BAD_REQUEST: { httpStatus: 400 },
  NOT_FOUND: { httpStatus: 404, message: 'No such procedure.' },
  METHOD_NOT_SUPPORTED: { httpStatus: 405 },
  PAYLOAD_TOO_LARGE: { httpStatus: 413 },
  UNSUPPORTED_MEDIA_TYPE: { httpStatus: 415 },
  CLIENT_CLOSED_REQUEST: { httpStatus: 499 },
};

/**
 * The fault that an error is, or null when it is a bug.
 *
 * Shape: a `Fault` anywhere as the error or its cause; a schema's refusal as `invalid` with one issue a field.
 */
export function faultOf(error: unknown): Fault | null {
  const cause = error instanceof TRPCError ? error.cause : error;
  if (cause instanceof Fault) return cause;
  if (!(error instanceof TRPCError) || error.code !== 'BAD_REQUEST') return null;
  const issues = schemaIssues(cause);
  if (issues === null) return null;
  const text = issues.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; ');
  return new Fault('invalid', text, { issues });
}

/** True when an error is none of the expected ones: it is logged with its stack and masked. */
export const isBug = (error: TRPCError): boolean => faultOf(error) === null && !(error.code in ownCodes);

/**
 * The one place where errors become what a client sees.
 *
 * Shape: faults keep their message and details; tRPC's own refusals their code; anything else is masked as
 * INTERNAL_SERVER_ERROR with the request's id. Never a stack, SQL or a path of the machine.
 */
export function errorShape(error: TRPCError, path: string | undefined, requestId: string | null): ErrorShape {
  const { code, httpStatus, message, details } = outcomeOf(error, requestId);
  return {
    message,
    code: TRPC_ERROR_CODES_BY_KEY[code],
    data: { code, httpStatus, path: path ?? null, requestId, details },
  };
}

interface Outcome {
  code: TRPC_ERROR_CODE_KEY;
  httpStatus: number;
  message: string;
  details: FaultDetails;
}

function outcomeOf(error: TRPCError, requestId: string | null): Outcome {
  const fault = faultOf(error);
  if (fault !== null) return { ...faultCodes[fault.kind], message: fault.message, details: fault.details };
  // Of an input that is no JSON tRPC makes a BAD_REQUEST in the parser's words, which quote the input.
  const code = error.code === 'BAD_REQUEST' && error.cause instanceof SyntaxError ? 'PARSE_ERROR' : error.code;
  const own = ownCodes[code];
  if (own !== undefined)
    return { code, httpStatus: own.httpStatus, message: own.message ?? error.message, details: {} };
  const message = `Something went wrong here. Request ${requestId ?? 'unknown'}.`;
  return { code: 'INTERNAL_SERVER_ERROR', httpStatus: 500, message, details: {} };
}
