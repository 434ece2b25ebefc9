import { expect, test } from 'vitest';
import { planStart, type StartFacts } from '../../../../src/platform/embedding/start-space.js';

const names = { lexical: 'lexical-1', neural: 'neural' };
const endpoint = 'endpoint:m:256';

/** A process without the model's files, unless told otherwise. */
function plan(
  given: Partial<StartFacts> & { has?: ('neural' | 'endpoint')[]; active?: string; vectors?: [string, number][] },
) {
  const has = given.has ?? [];
  const stored = [
    ...(given.active === undefined ? [] : [{ name: given.active, isActive: true, vectors: 0 }]),
    ...(given.vectors ?? []).map(([name, vectors]) => ({ name, isActive: false, vectors })),
  ];
  return planStart({
    wanted: 'auto',
    isOffline: false,
    flaw: has.includes('neural') ? null : 'model.onnx is missing',
    makeable: [
      names.lexical,
      ...(has.includes('neural') && given.wanted !== 'lexical' ? [names.neural] : []),
      ...(has.includes('endpoint') ? [endpoint] : []),
    ],
    stored,
    isDecidedByHand: false,
    names,
    ...given,
  });
}

type Case = [string, Parameters<typeof plan>[0], string];

/** What serves, in a word: `space`, `!` if it takes over by force, `> goal`, `+fetch`; or what is refused. */
function told(given: Parameters<typeof plan>[0]): string {
  const made = plan(given);
  if (made.type === 'refuse') return `refuse: ${made.message}`;
  return `${made.space}${made.isForced ? '!' : ''}${made.goal === null ? '' : ` > ${made.goal}`}${made.isFetching ? ' +fetch' : ''}`;
}

const cases: Case[] = [
  ['a new database, no files, auto: lexical, and the model is fetched', {}, 'lexical-1 > neural +fetch'],
  ['the same offline: lexical, nothing is fetched', { isOffline: true }, 'lexical-1'],
  ['a new database with the files, auto: neural', { has: ['neural'] }, 'neural'],
  ['a new database with the files, neural: neural', { has: ['neural'], wanted: 'neural' }, 'neural'],
  ['lexical is wanted: the files do not matter, nothing moves', { has: ['neural'], wanted: 'lexical' }, 'lexical-1'],
  ['an endpoint never serves by itself', { has: ['endpoint'], isOffline: true }, 'lexical-1'],
  [
    'files that appear do not put an empty space in place of a full one',
    { has: ['neural'], active: 'lexical-1' },
    'lexical-1 > neural',
  ],
  ['the same when neural is wanted', { has: ['neural'], wanted: 'neural', active: 'lexical-1' }, 'lexical-1 > neural'],
  [
    'nothing moves by itself once a person has decided',
    { has: ['neural'], active: 'lexical-1', isDecidedByHand: true },
    'lexical-1',
  ],
  [
    'the model is fetched even then: it can be chosen',
    { active: 'lexical-1', isDecidedByHand: true },
    'lexical-1 +fetch',
  ],
  ['neural serves, its files are gone, auto: it waits for the fetch', { active: 'neural' }, 'neural +fetch'],
  ['neural serves and can: it stays', { active: 'neural', has: ['neural'] }, 'neural'],
  [
    'neural serves, lexical is wanted: it moves by force',
    { active: 'neural', has: ['neural'], wanted: 'lexical' },
    'lexical-1!',
  ],
  [
    'an endpoint serves and is configured: it stays',
    { active: endpoint, has: ['endpoint'], isOffline: true },
    endpoint,
  ],
  [
    'an endpoint serves and is configured, lexical is wanted: it stays',
    { active: endpoint, has: ['endpoint'], wanted: 'lexical' },
    endpoint,
  ],
  ['an endpoint serves, unconfigured, lexical: by force', { active: endpoint, wanted: 'lexical' }, 'lexical-1!'],
  [
    'an endpoint serves, unconfigured, neural: by force',
    { active: endpoint, wanted: 'neural', has: ['neural'] },
    'neural!',
  ],
  [
    'an older database: the fullest space counts as active',
    {
      has: ['neural'],
      vectors: [
        ['lexical-1', 9],
        ['neural', 3],
      ],
    },
    'lexical-1 > neural',
  ],
  ['an older database without vectors is new', { has: ['neural'], vectors: [['lexical-1', 0]] }, 'neural'],
];

test.each(cases)('%s', (_name, given, wanted) => {
  expect(told(given)).toBe(wanted);
});

test.each([
  ['neural demanded without files', { wanted: 'neural' }, /EMBEDDER=neural, but model\.onnx is missing.*model:fetch/],
  [
    'neural serves, no files, offline',
    { active: 'neural', isOffline: true },
    /model\.onnx is missing.*OFFLINE.*lexical/,
  ],
  [
    'an endpoint serves and is not configured',
    { active: endpoint },
    /endpoint:m:256.*EMBEDDING_BASE_URL.*EMBEDDER=lexical/,
  ],
] as [string, Parameters<typeof plan>[0], RegExp][])(
  'the start is refused, with what to do: %s',
  (_name, given, words) => {
    const made = plan(given);
    expect(made.type === 'refuse' ? made.message : made.type).toMatch(words);
  },
);
