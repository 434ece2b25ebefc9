const verbs = ['Explain', 'Summarise', 'Translate', 'Plan', 'Compare', 'Draft', 'Review', 'Debug', 'List', 'Estimate'];
const things = [
  'a rental contract',
  'the quarterly figures',
  'a vegan dinner',
  'this SQL query',
  'a weekend in Porto',
  'the login page',
  'a cover letter',
  'the blood test',
  'a lesson on fractions',
  'the error log',
];
const turns = [
  'for a beginner',
  'in three sentences',
  'with sources',
  'for my manager',
  'step by step',
  'as a table',
  'without jargon',
  'before Friday',
  'for two people',
  'politely',
];

/** The n-th of many different short prompts, always the same. */
export function promptText(index: number): string {
  const pick = (words: readonly string[], by: number): string => words[Math.floor(index / by) % words.length] ?? '';
  return `${pick(verbs, 1)} ${pick(things, 10)} ${pick(turns, 100)}, case ${index}`;
}
