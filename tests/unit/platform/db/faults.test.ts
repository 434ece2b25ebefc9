import { describe, expect, it } from 'vitest';
import { Fault } from '../../../../src/kernel/fault.js';
import { isRetryable, toFault } from '../../../../src/platform/db/faults.js';

const kindOf = (error: unknown): string => {
  const mapped = toFault(error);
  return mapped instanceof Fault ? mapped.kind : 'unchanged';
};
const withCode = (code: string, message = 'm'): Error => Object.assign(new Error(message), { code });
const prismaError = (code: string, originalCode?: string): Error =>
  Object.assign(
    withCode(code),
    originalCode === undefined ? {} : { meta: { driverAdapterError: { cause: { originalCode } } } },
  );

describe('a database error', () => {
  it.each([
    ['22021 22P05 22P02 22003 22007 22008 22009 22000 2201W 54000 54001', 'invalid'],
    ['23505 40001 40P01', 'conflict'],
    ['57014', 'timeout'],
    ['53100 53300 57P01 57P03 08000 08006 08P01', 'overloaded'],
    ['23503', 'notFound'],
    ['42601 42P01 23514 XX000', 'unchanged'],
  ])('with SQLSTATE %s is %s, raw or inside Prisma', (states, kind) => {
    for (const state of states.split(' ')) {
      expect(kindOf(withCode(state)), state).toBe(kind);
      expect(kindOf(prismaError('P2010', state)), state).toBe(kind);
    }
  });

  it.each([
    ['P2002', 'conflict'],
    ['P2034', 'conflict'],
    ['P2024', 'overloaded'],
    ['P2028', 'overloaded'],
    ['P1001', 'overloaded'],
    ['P1017', 'overloaded'],
    ['P2025', 'unchanged'],
    ['P2010', 'unchanged'],
  ])('with Prisma code %s alone is %s', (code, kind) => {
    expect(kindOf(prismaError(code))).toBe(kind);
  });

  it('known by its words alone is mapped: pool, socket, deadline', () => {
    expect(kindOf(new Error('timeout exceeded when trying to connect'))).toBe('overloaded');
    expect(kindOf(new Error('Connection terminated unexpectedly'))).toBe('overloaded');
    expect(kindOf(withCode('ECONNREFUSED', 'connect ECONNREFUSED 127.0.0.1:1'))).toBe('overloaded');
    // A statement for a connection whose socket was cut a moment ago.
    expect(kindOf(withCode('ERR_STREAM_DESTROYED', 'Cannot call write after a stream was destroyed'))).toBe(
      'overloaded',
    );
    // Prisma's words for a connection that broke in the middle of a raw query of a transaction: F04 met them once an hour.
    for (const words of ['Server has closed the connection.', "Can't reach database server at db:5432"])
      expect(kindOf(withCode('P2010', `Raw query failed. Code: \`N/A\`. Message: \`${words}\``))).toBe('overloaded');
    // The same at a commit.
    expect(kindOf(Object.assign(new Error('ConnectionClosed'), { name: 'DriverAdapterError' }))).toBe('overloaded');
    expect(kindOf(new Error('Query read timeout'))).toBe('timeout');
    expect(kindOf(withCode('P2028', 'A query cannot be executed on an expired transaction.'))).toBe('timeout');
  });

  it('keeps its cause and shows none of its words', () => {
    const cause = withCode('23505', 'duplicate key value (email)=(somebody@example.com)');
    const fault = toFault(cause) as Fault;
    expect([fault.cause, fault.message.includes('example.com')]).toEqual([cause, false]);
  });

  it('that is a fault already, a bug, or no error at all passes unchanged', () => {
    for (const thrown of [new Fault('notFound', 'x'), new TypeError('x'), 'text', undefined, null])
      expect(toFault(thrown)).toBe(thrown);
  });

  it('is worth a retry only for serialization failures and deadlocks, wrapped or mapped', () => {
    expect([withCode('40001'), prismaError('P2034'), toFault(withCode('40P01'))].every(isRetryable)).toBe(true);
    expect([withCode('23505'), new Fault('conflict', 'x'), new Error('x')].some(isRetryable)).toBe(false);
  });
});
