import { TRPCError } from '@trpc/server';
import type { FastifyError, FastifyReply } from 'fastify';
import { Fault } from '../kernel/fault.js';
import { errorShape } from '../rpc/faults.js';
import { limits } from './limits.js';

/** Fastify's own refusals as faults; null when the error is a bug. */
export function frameworkFault(error: FastifyError): Fault | null {
  if (error instanceof Fault) return error;
  if (error.statusCode === 413)
    return new Fault('tooLarge', `The body is larger than ${limits.bodyBytes} bytes.`, {
      limitBytes: limits.bodyBytes,
    });
  if (error.statusCode === 415) return new Fault('unsupportedMedia', 'Content-Type: send application/json');
  const status = error.statusCode ?? 500;
  return status >= 400 && status < 500 ? new Fault('invalid', 'The request is malformed.') : null;
}

/**
 * Answers with an error in the shape that procedures use.
 *
 * Shape: when the body was not read to its end, the connection ends with the answer, so that the rest never comes.
 */
export function refuse(reply: FastifyReply, cause: Error): FastifyReply {
  if (!reply.request.raw.complete) reply.header('connection', 'close');
  const error = new TRPCError({ code: 'INTERNAL_SERVER_ERROR', message: cause.message, cause });
  const requestId = reply.request.id === '' ? null : reply.request.id;
  const shape = errorShape(error, undefined, requestId);
  return reply.code(shape.data.httpStatus).send({ error: shape });
}
