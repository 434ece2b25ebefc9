import fc from 'fast-check';
import { fromSql } from 'pgvector';
import { describe, expect, it } from 'vitest';
import { Fault } from '../../../../src/kernel/fault.js';
import { toVectorLiteral } from '../../../../src/platform/db/vector.js';

const refused = (vector: Float32Array, dimensions: number): Fault => {
  try {
    toVectorLiteral(vector, dimensions);
  } catch (error) {
    if (error instanceof Fault) return error;
  }
  throw new Error('the vector was taken');
};

describe('a vector literal', () => {
  it('reads back component for component', () => {
    const component = fc.float({ noNaN: true, noDefaultInfinity: true });
    const vectors = fc.array(component, { minLength: 1, maxLength: 50 }).filter((all) => all.some((one) => one !== 0));
    fc.assert(
      fc.property(vectors, (components) => {
        const vector = Float32Array.from(components);
        expect(Float32Array.from(fromSql(toVectorLiteral(vector, vector.length)) as number[])).toEqual(
          vector.map((one) => one + 0),
        );
      }),
    );
  });

  it('is refused as invalid for a wrong dimension, NaN, infinity and length zero (T45)', () => {
    expect(refused(Float32Array.of(1, 2), 3).kind).toBe('invalid');
    expect(refused(Float32Array.of(1, Number.NaN, 3), 3).kind).toBe('invalid');
    expect(refused(Float32Array.of(1, 1e39, 3), 3).kind).toBe('invalid');
    expect(refused(Float32Array.of(0, -0, 0), 3).details.issues?.[0]?.path).toBe('vector');
  });
});
