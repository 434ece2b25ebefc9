import { expect, test } from 'vitest';
import { systemClock } from '../../../../src/kernel/clock.js';
import { systemIds } from '../../../../src/kernel/ids.js';
import { annIndexName, annTargetOf, annType, createAnnIndexSql } from '../../../../src/platform/db/ann-index.js';

const ids = systemIds(() => systemClock.nowMs());

test.each([
  ['a quote', { projectId: `${ids.uuid()}'; DROP TABLE prompt; --`, spaceId: 1 }],
  ['no UUID', { projectId: 'large', spaceId: 1 }],
  ['capital letters', { projectId: ids.uuid().toUpperCase(), spaceId: 1 }],
  ['a broken number', { projectId: ids.uuid(), spaceId: 1.5 }],
  ['no number', { projectId: ids.uuid(), spaceId: '1; --' as unknown as number }],
])('SQL is never put together from what is no id: %s', (_, target) => {
  expect(() => annIndexName(target)).toThrow(TypeError);
  expect(() => createAnnIndexSql(target, { engine: 'server', dimensions: 384 })).toThrow(TypeError);
});

test('a name says whose index it is, and other names are nobody’s', () => {
  const target = { projectId: ids.uuid(), spaceId: 42 };
  expect(annTargetOf(annIndexName(target))).toEqual(target);
  expect(annTargetOf('ann_index_pkey')).toBeNull();
  expect(() => annType({ engine: 'server', dimensions: 2_001 })).toThrow(TypeError);
});
