import { expect, test } from 'vitest';
import { Circuit } from '../../../../src/platform/llm/circuit.js';
import { TurnedClock } from '../../../support/clock.js';

const failing = (circuit: Circuit, model: string, times: number): void => {
  for (let time = 0; time < times; time += 1) circuit.failed(model);
};

test('five failures within ten seconds open it, for that model alone; four do not (F09)', () => {
  const circuit = new Circuit(new TurnedClock());
  failing(circuit, 'down', 4);
  expect(circuit.refusalMs('down')).toBeUndefined();
  failing(circuit, 'down', 1);
  expect(circuit.refusalMs('down')).toBeGreaterThan(9_000);
  expect(circuit.refusalMs('other')).toBeUndefined();
});

test('failures further apart, or with an answer between them, leave it closed (F09)', () => {
  const clock = new TurnedClock();
  const circuit = new Circuit(clock);
  failing(circuit, 'slow', 4);
  clock.turnMs(10_000);
  failing(circuit, 'slow', 4);
  expect(circuit.refusalMs('slow')).toBeUndefined();
  circuit.answered('slow');
  failing(circuit, 'slow', 4);
  expect(circuit.refusalMs('slow')).toBeUndefined();
});

test('open, it lets one call try each ten seconds, and the first that is answered closes it (F09)', () => {
  const clock = new TurnedClock();
  const circuit = new Circuit(clock);
  failing(circuit, 'down', 5);
  clock.turnMs(10_000);
  expect(circuit.refusalMs('down')).toBeUndefined();
  expect(circuit.refusalMs('down')).toBeGreaterThan(9_000);
  circuit.failed('down');
  clock.turnMs(9_000);
  expect(circuit.refusalMs('down')).toBeGreaterThan(0);
  clock.turnMs(1_000);
  expect(circuit.refusalMs('down')).toBeUndefined();
  circuit.answered('down');
  for (let call = 0; call < 10; call += 1) expect(circuit.refusalMs('down')).toBeUndefined();
});

test('names of models that callers make up do not grow it without bound', () => {
  const circuit = new Circuit(new TurnedClock());
  failing(circuit, 'first', 5);
  for (let model = 0; model < 1_000; model += 1) circuit.failed(`m${model}`);
  expect(circuit.refusalMs('first')).toBeUndefined();
});
