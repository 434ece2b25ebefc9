import { type AnyTRPCProcedure, type AnyTRPCRouter, getTRPCErrorFromUnknown, TRPCError } from '@trpc/server';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Fault } from '../kernel/fault.js';
import type { Context } from '../rpc/context.js';
import { type ErrorShape, errorShape } from '../rpc/faults.js';
import { limits } from './limits.js';

/** One call of a request that was understood. */
interface Call {
  path: string;
  procedure: AnyTRPCProcedure;
  /** Faults: `BAD_REQUEST` where the request's text is no JSON, or no object where a batch needs one. */
  getRawInput: () => Promise<unknown>;
}

/** A request for queries or mutations, alone or in a batch, in the form that every client of ours sends. */
export interface PlainCalls {
  calls: readonly Call[];
  type: 'query' | 'mutation';
  isBatch: boolean;
}

/** What answering needs of the door. */
export interface CallDeps {
  router: AnyTRPCRouter;
  createContext(): Pick<Context, 'requestId'>;
  /** Told of each call that failed. */
  onError(failed: { error: TRPCError; path: string }): void;
  /** Headers that the errors of an answer ask for. */
  headersFor(errors: readonly TRPCError[]): Record<string, string>;
}

/**
 * What a request asks for, or null for anything but queries and mutations in plain form: streams, an unknown procedure, the
 * wrong method, odd headers. Those are tRPC's own adapter's, which alone decides how to refuse them.
 */
export function plainCalls(router: AnyTRPCRouter, request: FastifyRequest, path: string): PlainCalls | null {
  if (!isPlainRequest(request)) return null;
  const isGet = request.method === 'GET';
  const query = searchOf(request.url);
  const isBatch = query.get('batch') === '1';
  const paths = isBatch ? path.split(',') : [path];
  const procedures = proceduresAt(router, paths);
  const type = procedures === null ? null : plainType(procedures, isGet);
  if (procedures === null || type === null) return null;
  const inputAt = inputReader(isGet ? query.get('input') : request.body, isBatch);
  const calls = procedures.map((procedure, index): Call => {
    return { path: paths[index] ?? '', procedure, getRawInput: () => inputAt(index) };
  });
  return { calls, type, isBatch };
}

/** Escapes in paths, parameters of connections, other types and other answers than JSON: not for here. */
function isPlainRequest({ url, method, headers, body }: FastifyRequest): boolean {
  const type = headers['content-type'];
  const isJson = type === undefined ? method === 'GET' : /^application\/json(;|$)/i.test(type);
  const isText = body === undefined || typeof body === 'string';
  const wantsStream = headers['trpc-accept'] !== undefined || headers.accept?.includes('jsonl') === true;
  return isJson && isText && !wantsStream && /^\/trpc\/[\w.,]+(\?|$)/.test(url) && !url.includes('connectionParams');
}

const searchOf = (url: string): URLSearchParams => {
  const begin = url.indexOf('?');
  return new URLSearchParams(begin === -1 ? '' : url.slice(begin));
};

function proceduresAt(router: AnyTRPCRouter, paths: readonly string[]): AnyTRPCProcedure[] | null {
  const known = router._def.procedures as Record<string, AnyTRPCProcedure>;
  if (paths.length > limits.batchCalls) return null;
  const found = paths.flatMap((path) => (Object.hasOwn(known, path) ? (known[path] ?? []) : []));
  return found.length === paths.length ? found : null;
}

/** What all of them are, where that is one thing that the method may do. */
function plainType(procedures: readonly AnyTRPCProcedure[], isGet: boolean): PlainCalls['type'] | null {
  const [type, ...others] = new Set(procedures.map(({ _def }) => _def.type));
  if (others.length > 0 || type === undefined || type === 'subscription') return null;
  return type === 'mutation' && isGet ? null : type;
}

/** Reads the input of a call by its place. Parsed once, when a procedure first asks: nobody parses a stranger's body. */
function inputReader(text: unknown, isBatch: boolean): (index: number) => Promise<unknown> {
  let inputs: Promise<ReadonlyMap<string, unknown>> | undefined;
  return async (index) => {
    inputs ??= parsedInputs(typeof text === 'string' ? text : '', isBatch);
    return (await inputs).get(String(index));
  };
}

async function parsedInputs(text: string, isBatch: boolean): Promise<ReadonlyMap<string, unknown>> {
  if (text === '') return new Map();
  const parsed = parseJson(text);
  if (!isBatch) return new Map([['0', parsed]]);
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return new Map(Object.entries(parsed));
  throw new TRPCError({
    code: 'BAD_REQUEST',
    message: '"input" needs to be an object when doing a batch call',
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new TRPCError({ code: 'BAD_REQUEST', message: (cause as Error).message, cause });
  }
}

/**
 * Answers plain calls as tRPC's own adapter does, byte for byte in the body; the house's JSON is plain, untransformed.
 *
 * Cost: about a quarter of the CPU of the same call through that adapter, which makes a Web `Request`, `Headers`,
 * `Response` and stream for each (tests/bench/RESULTS.md, "A call"). A caller who leaves aborts the calls' signal.
 */
export async function answerCalls(
  { calls, type, isBatch }: PlainCalls,
  reply: FastifyReply,
  deps: CallDeps,
): Promise<FastifyReply> {
  const context = deps.createContext();
  const signal = untilGone(reply);
  const results = await Promise.all(calls.map((call, batchIndex) => run(call, { context, signal, batchIndex, type })));
  const answers = withinLength(results, (result): Answer => {
    if (!('error' in result)) return { result: { data: result.data } };
    deps.onError(result);
    return { error: errorShape(result.error, result.path, context.requestId) };
  });
  const errors = results.flatMap((result) => ('error' in result ? result.error : []));
  const texts = answers.map(({ text }) => text);
  return (
    reply
      .code(statusOf(answers.map(({ answer }) => answer)))
      .headers({ vary: 'trpc-accept, accept', 'content-type': 'application/json', ...deps.headersFor(errors) })
      // Ready text: Fastify would add a charset to the type, and bytes would leave in a second, dearer write.
      .serializer(String)
      .send(isBatch ? `[${texts.join(',')}]` : texts[0])
  );
}

type Answer = { result: { data: unknown } } | { error: ErrorShape };

interface Running {
  context: object;
  signal: AbortSignal;
  batchIndex: number;
  type: PlainCalls['type'];
}

type Outcome = { path: string; data: unknown } | { path: string; error: TRPCError };

interface Written {
  answer: Answer;
  text: string;
}

/** Writes the answers as text; one that no longer fits into `limits.answerCharacters` becomes a refusal. */
function withinLength(results: readonly Outcome[], answerOf: (result: Outcome) => Answer): Written[] {
  let left: number = limits.answerCharacters;
  return results.map((result) => {
    const answer = answerOf(result);
    const text = textOf(answer);
    if (text !== null && text.length <= left) {
      left -= text.length;
      return { answer, text };
    }
    const refusal = answerOf({ path: result.path, error: getTRPCErrorFromUnknown(tooLong) });
    return { answer: refusal, text: JSON.stringify(refusal) };
  });
}

/** Null when it is longer than any text can be. */
function textOf(answer: Answer): string | null {
  try {
    return JSON.stringify(answer);
  } catch (cause) {
    if (cause instanceof RangeError) return null;
    throw cause;
  }
}

const tooLong = new Fault('tooLarge', 'The answers of this request are too long together: ask for less at once.');

async function run(call: Call, { context, signal, batchIndex, type }: Running): Promise<Outcome> {
  const { path, procedure, getRawInput } = call;
  try {
    return { path, data: await procedure({ path, getRawInput, ctx: context, type, signal, batchIndex }) };
  } catch (cause) {
    return { error: getTRPCErrorFromUnknown(cause), path };
  }
}

/** Aborted when the connection closes before its answer was sent. */
function untilGone(reply: FastifyReply): AbortSignal {
  const leaving = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableEnded) leaving.abort();
  });
  return leaving.signal;
}

/** 207 where the calls of a batch came to different ends. */
function statusOf(answers: readonly Answer[]): number {
  const statuses = new Set(answers.map((answer) => ('error' in answer ? answer.error.data.httpStatus : 200)));
  const [status = 200] = statuses;
  return statuses.size === 1 ? status : 207;
}
