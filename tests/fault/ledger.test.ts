import { expect, test } from 'vitest';
import { createTestFolder } from '../support/database.js';
import { seededRun } from '../support/fault/form.js';
import { Ledger } from '../support/fault/ledger.js';

test('the ledger finds what was lost, doubled or made up, and nothing else', async () => {
  await using folder = await createTestFolder();
  const ledger = new Ledger(`${folder.path}/ledger`);
  for (const key of ['a', 'b', 'c', 'd']) ledger.sent(key);
  ledger.acknowledged('a', '1');
  ledger.acknowledged('b', '2');
  const whole = [
    { key: 'a', id: '1' },
    { key: 'b', id: '2' },
    { key: 'c', id: '3' },
  ];
  expect(ledger.verdict(whole)).toEqual({ sent: 4, acknowledged: 2, stored: 3, lost: [], doubled: [], unknown: [] });
  const broken = [
    { key: 'a', id: '9' },
    { key: 'c', id: '3' },
    { key: 'c', id: '4' },
    { key: 'x', id: '5' },
  ];
  expect(ledger.verdict(broken)).toMatchObject({ lost: ['a', 'b'], doubled: ['c'], unknown: ['x'] });
});

test('the same seed strikes at the same moments', () => {
  process.env['FAULT_SEED'] = '7';
  try {
    const [one, other] = [seededRun('one'), seededRun('other')];
    const numbers = (run: typeof one) => Array.from({ length: 100 }, () => run.between(20, 300));
    const struck = numbers(one);
    expect(numbers(other)).toEqual(struck);
    expect(Math.min(...struck)).toBeGreaterThanOrEqual(20);
    expect(Math.max(...struck)).toBeLessThanOrEqual(300);
    expect(new Set(struck).size).toBeGreaterThan(50);
  } finally {
    delete process.env['FAULT_SEED'];
  }
});
