import { toSql } from 'pgvector';
import { invalidField } from '../../kernel/fault.js';

/**
 * A vector in the text form that pgvector reads, for a bound parameter cast in SQL (`$1::vector`).
 *
 * Faults: `invalid` unless it has `dimensions` finite components and a length other than zero: a zero vector has no
 * direction, and its cosine distance would be NaN.
 */
export function toVectorLiteral(vector: Float32Array, dimensions: number): string {
  if (vector.length !== dimensions)
    throw invalidField('vector', `has ${vector.length} dimensions; the space has ${dimensions}`);
  if (!vector.every(Number.isFinite)) throw invalidField('vector', 'holds a component that is not a finite number');
  if (vector.every((component) => component === 0)) throw invalidField('vector', 'has length zero');
  return toSql(Array.from(vector)) as string;
}
