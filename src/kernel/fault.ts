/** What went wrong, from a closed list; `rpc/faults.ts` maps each kind to one tRPC code. */
export type FaultKind =
  | 'invalid'
  | 'unauthenticated'
  | 'forbidden'
  | 'notFound'
  | 'conflict'
  | 'budget'
  | 'methodNotAllowed'
  | 'unsupportedMedia'
  | 'precondition'
  | 'tooLarge'
  | 'unprocessable'
  | 'rateLimited'
  | 'upstream'
  | 'upstreamTimeout'
  | 'overloaded'
  | 'timeout'
  | 'cancelled';

/** One field of the input that does not fit. `path` is the field's dotted path, empty for the input as a whole. */
export interface Issue {
  path: string;
  message: string;
}

/** Facts about a fault that the caller may see. Never holds SQL, stacks or another tenant's data. */
export interface FaultDetails {
  issues?: Issue[];
  reason?: string;
  scope?: string;
  entity?: string;
  current?: unknown;
  capUsd?: number;
  state?: string;
  limitBytes?: number;
  retryAfterMs?: number;
  provider?: string;
  status?: number;
  deadlineMs?: number;
  promptId?: string;
  kind?: string;
  filled?: number;
  total?: number;
}

/** An expected failure, said in words the caller may read. Anything else that is thrown is a bug. */
export class Fault extends Error {
  override readonly name = 'Fault';
  readonly kind: FaultKind;
  readonly details: FaultDetails;

  // oxlint-disable-next-line max-params -- the four things every fault says; an object would lengthen each throw
  constructor(kind: FaultKind, message: string, details: FaultDetails = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.kind = kind;
    this.details = details;
  }
}

/** A fault of kind `invalid` about one field. */
export const invalidField = (path: string, message: string): Fault =>
  new Fault('invalid', path === '' ? message : `${path}: ${message}`, { issues: [{ path, message }] });

/** A fault of kind `notFound`: the same text whether the thing is absent or somebody else's. */
export const notFound = (entity: string): Fault => new Fault('notFound', `No such ${entity}.`, { entity });

/** The refusal of a credential whose time is over: clients refresh on reason `expired`. */
export const expiredCredential = (): Fault =>
  new Fault('unauthenticated', 'The credential has expired.', { reason: 'expired' });

/** The refusal of anything that is no valid credential; it never says which check failed. */
export const invalidCredential = (): Fault =>
  new Fault('unauthenticated', 'The credential is not valid.', { reason: 'invalid' });
