import { expect, test } from 'vitest';
import { refuseUnstorable } from '../../src/rpc/hygiene.js';
import { Fault } from '../../src/kernel/fault.js';
import { type Shape, shapedProcedures } from '../support/shapes.js';

/** The depth of the deepest text that a schema asks for; free JSON lies deeper and is named by what holds it. */
function depthOf(shape: Shape): number {
  const inner = [...Object.values(shape.properties ?? {}), ...(shape.items === undefined ? [] : [shape.items])];
  return inner.length === 0 ? 0 : 1 + Math.max(...inner.map(depthOf));
}

test('a text that cannot be stored is refused by the name of its own field, however deep the schemas go', () => {
  const deepest = Math.max(...shapedProcedures().map(({ shape }) => depthOf(shape)));
  expect(deepest).toBeGreaterThan(4);
  const path = Array.from({ length: deepest }, (_, index) => `f${index}`);
  const input = path.reduceRight<unknown>((value, key) => ({ [key]: value }), 'nul \u0000 in it');
  let refusal: unknown;
  try {
    refuseUnstorable(input);
  } catch (cause) {
    refusal = cause;
  }
  expect(refusal).toBeInstanceOf(Fault);
  expect((refusal as Fault).details).toMatchObject({ issues: [{ path: path.join('.') }] });
});
